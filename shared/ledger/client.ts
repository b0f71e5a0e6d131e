/**
 * A secret at rest, base64url, with which nobody can authenticate: HMAC-SHA-256 under the pepper of `kid` of a
 * generated secret (`hmac`, where nothing is said), or of what scrypt made of a chosen one (`scrypt_hmac`, RFC 7914). A
 * word that a release does not know lets nobody in, and stops no fold.
 */
export type ClientSecret = {
  kid: number
  hash: string
  secret_algorithm?: string | undefined
  salt?: string | undefined
  cost?: { n: number; r: number; p: number } | undefined
}

/** Whether this release can verify the secret that is stored so. */
export function isVerifiable({ secret_algorithm = 'hmac' }: ClientSecret): boolean {
  return secret_algorithm === 'hmac'
}

/** Public keys that a client signs with (RFC 7517 §5). */
export type JwkSet = { keys: { kty: string; kid?: string | undefined; [member: string]: unknown }[] }

/** The secret of before, beside the current one until `expires_at` (NumericDate), by the database's clock. */
export type PreviousSecret = ClientSecret & { expires_at: number }

/** Whether it can keep a secret (RFC 6749 §2.1). */
export const CLIENT_TYPES = ['confidential', 'public'] as const
export type ClientType = (typeof CLIENT_TYPES)[number]
export type TokenEndpointAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt' | 'none'

/** A registered client. Names are those of RFC 7591 where it has one. */
export type Client = {
  client_id: string
  client_name: string
  client_version: string
  client_type: ClientType
  grant_types: string[]
  redirect_uris: string[]
  scope: string
  token_endpoint_auth_method: TokenEndpointAuthMethod
  access_token_lifetime: number | null
  refresh_token_limit: number | null
  refresh_token_lifetime: number | null
  refresh_token_absolute_lifetime: number | null
  refresh_grace_seconds: number
  refresh_rotation: boolean
  groups: string[]
  /** Folders this client guards as a resource server; `null` = it is none. */
  resource_server_folders: string[] | null
  enabled: boolean
  secret: ClientSecret | null
  // A record of before has none of these.
  description?: string | undefined
  jwks?: JwkSet | null | undefined
  previous_secret?: PreviousSecret | null | undefined
}

/** Whether it proves itself with a secret: a public client does not, and one that signs uses its keys. */
export function usesSecret({ client_type, token_endpoint_auth_method }: Client): boolean {
  return client_type === 'confidential' && token_endpoint_auth_method !== 'private_key_jwt'
}

/** The secrets that this client may use now (ms of the database's clock), the current one first. */
export function secretsOf(client: Pick<Client, 'secret' | 'previous_secret'>, now: number): ClientSecret[] {
  const previous = livingPrevious(client, now)
  return [...(client.secret ? [client.secret] : []), ...(previous ? [previous] : [])]
}

/** The secret of before while it lives; its last moment is the end of the second before `expires_at`. */
export function livingPrevious(
  { previous_secret }: Pick<Client, 'previous_secret'>,
  now: number,
): PreviousSecret | null {
  return previous_secret && now < previous_secret.expires_at * 1000 ? previous_secret : null
}

/** `ends`: which of two secrets that are valid now ends at once. `now`: ms of the database's clock. */
export type SecretRenewal = {
  secret: ClientSecret
  overlap_seconds: number
  ends?: 'previous' | 'current' | undefined
  now: number
}

/**
 * The client with a new secret, beside which one of before stays valid for the overlap. Refused where it uses none,
 * and where two are valid now and nobody says which of them ends.
 */
export function renewSecret(
  client: Client,
  { secret, overlap_seconds, ends, now }: SecretRenewal,
): { client: Client; refused?: undefined } | { refused: 'no_secret' | 'two_secrets' } {
  if (!usesSecret(client)) return { refused: 'no_secret' }
  const previous = livingPrevious(client, now)
  if (previous && overlap_seconds > 0 && ends === undefined) return { refused: 'two_secrets' }
  const kept = overlap_seconds === 0 ? null : ends === 'current' ? previous : client.secret
  const expires_at = Math.ceil(now / 1000) + overlap_seconds
  return { client: { ...client, secret, previous_secret: kept && { ...kept, expires_at } } }
}
