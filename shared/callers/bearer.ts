import { OAuthError } from '../http/oauth-error.ts'

const BEARER_SCHEME = /^bearer(?: |$)/i
/** RFC 6750 §2.1: b64token. */
const BEARER_FORM = /^bearer +([\w.~+/-]+=*) *$/i

/**
 * The bearer token of the Authorization header (RFC 6750 §2.1; the scheme in any case). OAuthError: 401 without an
 * error code when there is none, 401 invalid_token when it cannot be a token, 400 invalid_request when the body holds
 * one too. A token in the query is never looked at.
 */
export function readBearer(authorization: string | undefined, form?: Readonly<Record<string, unknown>>): string {
  if (!authorization || !BEARER_SCHEME.test(authorization)) throw bearerMissing()
  if (form?.['access_token'] !== undefined)
    throw new OAuthError('invalid_request', 'more than one way of sending the access token')
  const token = BEARER_FORM.exec(authorization)?.[1]
  if (token === undefined) throw invalidToken()
  return token
}

/** 401 for a request without credentials: no error code in the challenge (RFC 6750 §3.1). */
export function bearerMissing(): OAuthError {
  return new OAuthError('unauthorized', 'a bearer token is needed')
}

/** 401 for a token that is malformed, unknown, expired or revoked: which of these, the bearer is not told. */
export function invalidToken(reason?: string): OAuthError {
  return new OAuthError('invalid_token', 'the access token is not valid', reason === undefined ? {} : { reason })
}

/** 403 for a live token that does not reach this far; `scope` = what would (RFC 6750 §3.1), space-separated. */
export function insufficientScope(scope: string, reason?: string): OAuthError {
  const challenge = `Bearer realm="token-ledger", error="insufficient_scope", scope="${scope}"`
  return new OAuthError('insufficient_scope', 'the access token does not allow this', {
    headers: { 'WWW-Authenticate': challenge },
    ...(reason === undefined ? {} : { reason }),
  })
}
