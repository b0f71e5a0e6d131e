/** A generated secret at rest: HMAC-SHA-256 under the pepper of `kid`, base64url. Nobody can authenticate with it. */
export type ClientSecret = { kid: number; hash: string }

/** The secret of before, beside the current one until `expires_at` (NumericDate), by the database's clock. */
export type PreviousSecret = ClientSecret & { expires_at: number }

export type ClientType = 'confidential' | 'public'
export type TokenEndpointAuthMethod = 'client_secret_basic' | 'client_secret_post' | 'none'

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
  previous_secret?: PreviousSecret | null | undefined
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
