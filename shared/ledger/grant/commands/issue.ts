import type { Client, GrantFact, GrantTerms, Principal, RefreshPolicy } from '../../events.ts'
import { refuse, type Refusal } from './refusal.ts'
import { grantedScope } from '../../scope.ts'

/** The grant type of a grant that an administrator gave; no client asks for it at the token endpoint. */
export const ADMINISTRATOR_GRANT = 'administrator'

export type IssueCommand = {
  /** A new UUIDv7. */
  grant_id: string
  client: Client
  principal: Principal
  /** `client_credentials`, `password`, `authorization_code`, or `ADMINISTRATOR_GRANT`. */
  grant_type: string
  /** As asked; `null` = omitted = the client's whole scope. */
  scope: string | null
  registry_position: number
  kid: number
}

type Issued = Extract<GrantFact, { type: 'TokenIssued' }>

export type IssueDecision = { event: Issued; refused?: undefined } | { refused: Refusal; event?: undefined }

type GrantTypeRow = {
  /** Needs a secret, which a public client cannot keep (RFC 6749 §4.3, §4.4). */
  confidentialOnly: boolean
  /** Its first tokens may hold a refresh token (not for client_credentials, §4.4.3). */
  refreshable: boolean
}

/** What a client can be registered for: each has a handler at the token endpoint. */
export const GRANT_TYPES = {
  refresh_token: { confidentialOnly: false, refreshable: true },
  client_credentials: { confidentialOnly: true, refreshable: false },
  authorization_code: { confidentialOnly: false, refreshable: true },
  password: { confidentialOnly: true, refreshable: true },
} satisfies Record<string, GrantTypeRow>

export type GrantType = keyof typeof GRANT_TYPES

export const GRANT_TYPE_NAMES: readonly GrantType[] = Object.keys(GRANT_TYPES).filter(isOffered)

const OTHER_GRANT = { confidentialOnly: false, refreshable: true }

/**
 * Decides the first tokens of a new grant on the client's terms. `unauthorized_client` for a grant type that the client
 * may not use, `invalid_scope` for more than the client's scope (RFC 6749 §5.2). No refresh token for
 * client_credentials (§4.4.3), nor for a client that may not refresh.
 */
export function issueTokens(command: IssueCommand): IssueDecision {
  const { terms, refused } = grantTerms(command)
  return refused ? { refused } : { event: { type: 'TokenIssued', data: terms } }
}

/** The terms that a client gets a grant on, or why it gets none. */
export function grantTerms(
  command: IssueCommand,
): { terms: GrantTerms; refused?: undefined } | { refused: Refusal; terms?: undefined } {
  const { client, grant_id, principal, grant_type, registry_position, kid } = command
  const refused = grant_type === ADMINISTRATOR_GRANT ? null : grantTypeRefusal(client, grant_type)
  if (refused) return { refused }
  const scope = grantedScope(command.scope, client.scope)
  if (scope === null) return { refused: refuse('invalid_scope', 'scope_not_the_clients') }
  const { client_id, access_token_lifetime, refresh_grace_seconds, refresh_rotation } = client
  const terms = { grant_id, client_id, principal, grant_type, scope, access_token_lifetime }
  const refreshing = { refresh: refreshPolicy(client, grant_type), refresh_grace_seconds, refresh_rotation }
  return { terms: { ...terms, ...refreshing, registry_position, kid } }
}

/** `unauthorized_client` if this client may not use this grant type (RFC 6749 §5.2), else `null`. */
export function grantTypeRefusal(client: Client, grant_type: string): Refusal | null {
  const isBarred = client.client_type === 'public' && rowOf(grant_type).confidentialOnly
  if (client.grant_types.includes(grant_type) && !isBarred) return null
  return refuse('unauthorized_client', 'grant_type_not_allowed', 'The client is not allowed to use this grant type.')
}

function rowOf(grant_type: string): GrantTypeRow {
  return isOffered(grant_type) ? GRANT_TYPES[grant_type] : OTHER_GRANT
}

function isOffered(grant_type: string): grant_type is GrantType {
  return Object.hasOwn(GRANT_TYPES, grant_type)
}

function refreshPolicy(client: Client, grant_type: string): RefreshPolicy | null {
  if (!rowOf(grant_type).refreshable || !client.grant_types.includes('refresh_token')) return null
  if (client.refresh_token_limit === 0) return null
  return {
    lifetime: client.refresh_token_lifetime,
    absolute_lifetime: client.refresh_token_absolute_lifetime,
    limit: client.refresh_token_limit,
  }
}
