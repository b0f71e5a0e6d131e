import bodyParser from 'koa-bodyparser'
import type { HttpContext } from '../context.ts'
import { OAuthError } from '../oauth-error.ts'

/** Largest request body, after decompression. Nothing that we take comes near it. */
const LIMIT = '64kb'

// Read as text: its form parser (qs) would make arrays and objects of parameters, which RFC 6749 §3.2 forbids.
const readText = bodyParser({
  enableTypes: ['text'],
  textLimit: LIMIT,
  extendTypes: { text: ['application/x-www-form-urlencoded', 'application/json', 'application/*+json'] },
})

/** The body of a form or JSON request as text, '' when there is none. OAuthError: too large (413), broken transfer. */
export async function readBody(ctx: HttpContext): Promise<string> {
  try {
    await readText(ctx, async () => {})
  } catch (thrown) {
    throw bodyError(thrown)
  }
  return typeof ctx.request.body === 'string' ? ctx.request.body : ''
}

/** Whatever goes wrong while a body is read is the sender's doing: its length, its compression, its going away. */
function bodyError(thrown: unknown): OAuthError {
  const tooLarge = thrown instanceof Error && 'status' in thrown && thrown.status === 413
  if (tooLarge) return new OAuthError('invalid_request', `the body is larger than ${LIMIT}`, { status: 413 })
  return new OAuthError('invalid_request', 'the body cannot be read', { cause: thrown })
}

/** Whether the request is said to be of this type. Also one without any body, so that it is told what it lacks. */
export function isOfType({ request }: HttpContext, type: string): boolean {
  const is = request.is(type)
  return is === null ? request.type.trim().toLowerCase() === type : is !== false
}
