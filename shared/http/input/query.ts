import { OAuthError } from '../oauth-error.ts'

/** What must never stand in a URL, because proxies, browsers and logs keep URLs (RFC 6749 §2.3.1, RFC 9700 §4.3). */
const SECRET_NAMES = new Set([
  'client_secret',
  'client_assertion',
  'password',
  'assertion',
  'token',
  'access_token',
  'refresh_token',
  'code',
  'code_verifier',
])

/** OAuthError invalid_request when the query string carries a credential or a token, even an empty or a broken one. */
export function refuseSecretsInQuery(querystring: string): void {
  if (querystring === '') return
  for (const [name] of new URLSearchParams(querystring))
    if (SECRET_NAMES.has(name)) throw new OAuthError('invalid_request', `${name} must not be in the query`)
}
