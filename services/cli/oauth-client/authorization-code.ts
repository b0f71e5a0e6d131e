import * as openid from 'openid-client'

/** An application: at which issuer, and as which client. A public one has no secret. */
export type Application = { issuer: string; client_id: string; client_secret?: string | undefined }

/** What an application may ask for besides: parameters of the authorization request. */
export type Asked = Readonly<Record<string, string>>

/** What the application keeps while the person is at the issuer. */
export type Begun = { url: string; state: string; code_verifier: string }

export type Tokens = openid.TokenEndpointResponse

const PATIENCE_SECONDS = 30

/** The issuer as its own metadata describe it (RFC 8414). Plain HTTP is for loopback only. */
export function discover({ issuer, client_id, client_secret }: Application): Promise<openid.Configuration> {
  const server = new URL(issuer)
  const proof = client_secret === undefined ? openid.None() : openid.ClientSecretBasic(client_secret)
  return openid.discovery(server, client_id, undefined, proof, {
    algorithm: 'oauth2',
    timeout: PATIENCE_SECONDS,
    execute: isLoopback(server) ? [openid.allowInsecureRequests] : [],
  })
}

/** An authorization request with PKCE (S256) and a state that nobody can guess. */
export async function begin(config: openid.Configuration, redirect_uri: string, asked: Asked): Promise<Begun> {
  const state = openid.randomState()
  const code_verifier = openid.randomPKCECodeVerifier()
  const code_challenge = await openid.calculatePKCECodeChallenge(code_verifier)
  const pkce = { code_challenge, code_challenge_method: 'S256' }
  const url = openid.buildAuthorizationUrl(config, { ...asked, redirect_uri, state, ...pkce }).href
  return { url, state, code_verifier }
}

/** The tokens for the answer that the browser brought back, once its state and iss are right (RFC 9207). */
export function finish(
  config: openid.Configuration,
  answer: URL,
  { state, code_verifier }: Pick<Begun, 'state' | 'code_verifier'>,
): Promise<Tokens> {
  return openid.authorizationCodeGrant(config, answer, { expectedState: state, pkceCodeVerifier: code_verifier })
}

/** What went wrong, in one line, and whether the service was away; `null`: something else than these. */
export function refusalIn(error: unknown): { reason: string; away: boolean } | null {
  if (error instanceof openid.AuthorizationResponseError || error instanceof openid.ResponseBodyError) {
    const { error: code, error_description: description } = error
    const away = error instanceof openid.ResponseBodyError && error.status >= 500
    return { reason: description === undefined ? code : `${oneLine(description)} (${code})`, away }
  }
  if (error instanceof openid.ClientError) return ofClient(error)
  // What fetch throws where nothing answers.
  if (error instanceof TypeError && error.cause instanceof Error) return { reason: reasonOf(error.cause), away: true }
  return null
}

function ofClient({ message, cause, code }: openid.ClientError) {
  if (cause instanceof Response) return { reason: `it answers ${cause.status}`, away: cause.status >= 500 }
  const detail = cause instanceof Error && cause.message !== message ? `: ${cause.message}` : ''
  return { reason: oneLine(`${message}${detail}`), away: code === 'OAUTH_TIMEOUT' }
}

function reasonOf(cause: Error): string {
  return oneLine(cause instanceof AggregateError ? cause.errors.map(String).join('; ') : cause.message)
}

/** Also what a server said goes to a terminal: nothing in it may move the cursor. */
function oneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim()
}

function isLoopback({ hostname }: URL): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(hostname)
}
