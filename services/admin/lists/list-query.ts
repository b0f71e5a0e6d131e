import { z } from 'zod'
import type { HttpContext } from '../../../shared/http/context.ts'
import { type Form, parseForm } from '../../../shared/http/input/form-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { EVERYBODY } from '../../../shared/ledger/registry/predefined.ts'
import { hasUnstorableText } from '../../../shared/ledger/storable-text.ts'
import { NAME } from '../names.ts'

/** The most rows of a page, and how many there are where nobody says. */
export const MAX_PAGE = 1000
const PAGE = 100

/** `true` or `false`, as a parameter of the query. */
export const FLAG = z
  .enum(['true', 'false'], { error: 'must be true or false' })
  .transform((flag) => flag === 'true')
  .optional()

/** A group whose listed members are asked for. */
export const MEMBERSHIP = NAME.refine((group) => group !== EVERYBODY, `${EVERYBODY} has no listed members`).optional()

/** Parameters that every list has. */
export const PAGING = {
  limit: z
    .string()
    .regex(/^[1-9]\d{0,3}$/, `must be a whole number from 1 to ${MAX_PAGE}`)
    .transform(Number)
    .refine((limit) => limit <= MAX_PAGE, `must be a whole number from 1 to ${MAX_PAGE}`)
    .default(PAGE),
  after: z.string().min(1).max(4000).optional(),
}

/** The query of a request in this shape. OAuthError invalid_request names each parameter that is wrong or unknown. */
export function readQuery<T>(ctx: HttpContext, schema: z.ZodType<T>): { query: T; given: Form } {
  const given = parseForm(ctx.querystring)
  requireValues(ctx.querystring)
  if (hasUnstorableText(given)) throw new OAuthError('invalid_request', 'text with half a surrogate pair')
  const parsed = schema.safeParse({ ...given })
  if (parsed.success) return { query: parsed.data, given }
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'query'}: ${message}`)
  throw new OAuthError('invalid_request', problems.join('; '))
}

// Left out as in a form, it would narrow nothing: a script with an empty variable would be shown everything.
function requireValues(querystring: string): void {
  for (const [name, value] of new URLSearchParams(querystring))
    if (value === '') throw new OAuthError('invalid_request', `${name}: must have a value`)
}

const KEY = z.array(z.string().max(1000)).max(4)

/** The key behind `after`, which a `Link` gave. OAuthError invalid_request for anything else. */
export function keyAfter(after: string | undefined, columns: number): string[] | null {
  if (after === undefined) return null
  const key = KEY.safeParse(jsonOf(after))
  if (key.success && key.data.length === columns && !hasUnstorableText(key.data)) return key.data
  throw new OAuthError('invalid_request', 'after: is not from a Link of this list')
}

function jsonOf(after: string): unknown {
  try {
    return JSON.parse(Buffer.from(after, 'base64url').toString())
  } catch {
    return null
  }
}

/** Tells where the next page is (RFC 8288); nothing on the last page. */
export function linkNext(ctx: HttpContext, given: Form, next: string[] | null): void {
  if (next === null) return
  const after = Buffer.from(JSON.stringify(next)).toString('base64url')
  const query = new URLSearchParams({ ...given, after })
  ctx.set('Link', `<${ctx.path}?${query.toString()}>; rel="next"`)
}
