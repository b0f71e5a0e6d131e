import type { HttpContext } from '../context.ts'
import { OAuthError } from '../oauth-error.ts'
import { refuseProofsInQuery, refuseSecretsInQuery } from './query.ts'
import { isOfType, readBody } from './read-body.ts'

/** The parameters of a request. One without a value is not in it (RFC 6749 §3.2). Has no prototype and is frozen. */
export type Form = Readonly<Record<string, string>>

/**
 * Reads an application/x-www-form-urlencoded body; of a GET, where a route takes one, the query. OAuthError
 * invalid_request: another content type, a repeated or nested parameter, broken encoding, secrets in the query; 413
 * when too large.
 */
export async function readForm(ctx: HttpContext): Promise<Form> {
  if (ctx.method === 'GET') {
    refuseProofsInQuery(ctx.querystring)
    return parseForm(ctx.querystring)
  }
  refuseSecretsInQuery(ctx.querystring)
  if (!isOfType(ctx, 'application/x-www-form-urlencoded'))
    throw new OAuthError('invalid_request', 'the content type must be application/x-www-form-urlencoded')
  return parseForm(await readBody(ctx))
}

/**
 * Parses form-encoded text (RFC 6749 appendix B). Total but for OAuthError invalid_request, which names the parameter.
 */
export function parseForm(text: string): Form {
  // Without a prototype: a parameter named `constructor` is absent unless it was sent.
  const form = Object.create(null) as Record<string, string>
  // In place of bytes that are no UTF-8: another text would count than the one that was sent.
  if (text.includes('\ufffd')) throw new OAuthError('invalid_request', 'malformed UTF-8')
  const seen = new Set<string>()
  for (const pair of text.split('&')) {
    if (pair === '') continue
    const equals = pair.indexOf('=')
    const name = decodePart(equals < 0 ? pair : pair.slice(0, equals))
    const value = equals < 0 ? '' : decodePart(pair.slice(equals + 1))
    if (/[[\]]/.test(name)) throw new OAuthError('invalid_request', `nested parameter: ${name}`)
    // RFC 8707 §2: a client may name several resources. They have no effect here.
    if (seen.has(name) && name !== 'resource') throw new OAuthError('invalid_request', `repeated parameter: ${name}`)
    // PostgreSQL cannot hold U+0000, and nothing that we know contains it.
    if (value.includes('\0')) throw new OAuthError('invalid_request', `parameter with a NUL character: ${name}`)
    seen.add(name)
    if (value !== '') form[name] = value
  }
  return Object.freeze(form)
}

/** The value of a parameter that must be there. OAuthError invalid_request naming it. */
export function required(form: Form, name: string): string {
  const value = form[name]
  if (value === undefined) throw new OAuthError('invalid_request', `missing parameter: ${name}`)
  return value
}

function decodePart(text: string): string {
  if (!/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    throw new OAuthError('invalid_request', 'malformed percent-encoding')
  }
}
