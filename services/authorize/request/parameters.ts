import type { HttpContext } from '../../../shared/http/context.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { isOfType, readBody } from '../../../shared/http/input/read-body.ts'

/** Parameters of an authorization request, each with every value that it was sent with, empty ones too. */
export type Parameters = {
  get(name: string): readonly string[]
  /** What is wrong with one that is not `client_id` or `redirect_uri`; told once those are proven. */
  problem: string | null
}

/** What `readParameters` reads, as it was sent. OAuthError invalid_request: a form of another type, or too large. */
export async function parametersText(ctx: HttpContext): Promise<string> {
  if (ctx.method === 'GET') return ctx.querystring
  if (!isOfType(ctx, 'application/x-www-form-urlencoded'))
    throw new OAuthError('invalid_request', 'the content type must be application/x-www-form-urlencoded')
  return readBody(ctx)
}

/**
 * Reads form-encoded text (RFC 6749 appendix B) to its end, whatever is in it: a client that has proved where it wants
 * its answer must be told of any other mistake there.
 */
export function readParameters(text: string): Parameters {
  const values = new Map<string, string[]>()
  const problems: string[] = []
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const [name, value] = decodedPair(pair)
    if (name === null || value === null) problems.push('malformed percent-encoding')
    else if (value.includes('\0')) problems.push(`parameter with a NUL character: ${name}`)
    // What cannot be read counts as sent: who sends a second, broken client_id must not be taken for the first.
    if (name !== null) values.set(name, [...(values.get(name) ?? []), value ?? '\0'])
  }
  for (const [name, sent] of values)
    if (sent.length > 1 && name !== 'resource') problems.push(`repeated parameter: ${name}`)
  return { get: (name) => values.get(name) ?? [], problem: problems[0] ?? null }
}

/** The value of a parameter that was sent once; one without a value counts as omitted (RFC 6749 §3.1). */
export function single(parameters: Parameters, name: string): string | null {
  const [value, ...more] = parameters.get(name)
  return value === undefined || value === '' || more.length > 0 || value.includes('\0') ? null : value
}

function decodedPair(pair: string): [string | null, string | null] {
  const equals = pair.indexOf('=')
  return equals < 0 ? [decoded(pair), ''] : [decoded(pair.slice(0, equals)), decoded(pair.slice(equals + 1))]
}

function decoded(text: string): string | null {
  try {
    return text.includes('\ufffd') ? null : decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return null
  }
}
