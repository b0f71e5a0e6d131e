import { OAuthError } from '../oauth-error.ts'

/** What proves somebody: never in a URL, because proxies, browsers and logs keep URLs (RFC 6749 §2.3.1). */
const PROOFS = new Set(['client_secret', 'client_assertion', 'password', 'assertion'])

/** What else should not be in one (RFC 9700 §4.3). */
const TOKENS = ['token', 'access_token', 'refresh_token', 'code', 'code_verifier']

const SECRETS = new Set([...PROOFS, ...TOKENS])

/** OAuthError invalid_request when the query string carries a credential or a token, even an empty or a broken one. */
export function refuseSecretsInQuery(querystring: string): void {
  refuseInQuery(querystring, SECRETS)
}

/** The same where tokens may be in the query: a credential may not. */
export function refuseProofsInQuery(querystring: string): void {
  refuseInQuery(querystring, PROOFS)
}

function refuseInQuery(querystring: string, names: ReadonlySet<string>): void {
  if (querystring === '') return
  for (const [name] of new URLSearchParams(querystring))
    if (names.has(name)) throw new OAuthError('invalid_request', `${name} must not be in the query`)
}
