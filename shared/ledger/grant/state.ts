import type { CodeChallengeMethod, GrantTerms, Principal, RevocationReason } from '../events.ts'
import type { GrantLogin } from './login.ts'
import type { Young } from './young.ts'

/** The generation of the first tokens of a grant. */
export const FIRST_GENERATION = 1
/** The generation of what was never made: before the first tokens, or a refresh token where the grant has none. */
export const NO_GENERATION = 0

/** One access token generation of a grant, as it was made. `exp` is NumericDate, `null` = ends at the next refresh. */
export type Generation = {
  generation: number
  event_id: string
  kid: number
  scope: string
  /** The record's time in milliseconds, never before the grant's earlier events. */
  at: number
  iat: number
  exp: number | null
}

/** What every known grant carries, whatever its status. */
export type GrantBody = {
  grant_id: string
  client_id: string
  principal: Principal
  grant_type: string
  scope: string
  registry_position: number
  /** Log time of the latest valid event in ms; never steps back. */
  at: number
}

/**
 * A code, and what the request that exchanges it must match. `kid`: the one that it was made with. Also how the user
 * consented and was logged in, where somebody was asked.
 */
export type GrantCode = GrantLogin & {
  kid: number
  redirect_uri: string | null
  code_challenge: string | null
  code_challenge_method: CodeChallengeMethod | null
}

export type AuthorizedGrant = GrantBody & {
  status: 'authorized'
  terms: GrantTerms
  code: GrantCode
  /** NumericDate after which the code is dead. */
  code_exp: number
}

/** A grant that has tokens. What a revoked grant was is kept, for auditors and for the refusal's reason. */
export type IssuedGrant = GrantBody & {
  access_generation: number
  /** `NO_GENERATION`: this grant has no refresh token. */
  refresh_generation: number
  refresh_lifetime: number | null
  /** NumericDate after which an unused refresh token is dead (slides), `null` = never. */
  refresh_exp: number | null
  /** NumericDate that no refresh passes, `null` = none. */
  absolute_exp: number | null
  /** `null` = unlimited. */
  refreshes_left: number | null
  refresh_grace_seconds: number
  refresh_rotation: boolean
  /** The latest access token. */
  current: Generation
  /** NumericDate at which the last of the access tokens before it ends by itself, `null` = there is none such. */
  older_access_exp: number | null
  /** The code that it was exchanged for; `null` = it was issued without one. */
  code: GrantCode | null
  /** When each generation was made that is no older than the longest grace; a missing one is older. */
  young: Young
}

export type LiveGrant = IssuedGrant & { status: 'live' }
/** `issued: null`: revoked before any token was issued. */
export type RevokedGrant = GrantBody & { status: 'revoked'; reason: RevocationReason; issued: IssuedGrant | null }

export type GrantState = { status: 'unknown' } | AuthorizedGrant | LiveGrant | RevokedGrant

export const UNKNOWN_GRANT: GrantState = { status: 'unknown' }

/** What a grant has, or had, in tokens; `null` = none were issued. */
export function issuedOf(state: GrantState): IssuedGrant | null {
  if (state.status === 'live') return state
  return state.status === 'revoked' ? state.issued : null
}

/** Where a fold keeps the states of grants: a Map, or what can hold more of them than fit into memory. */
export type GrantStates = {
  get(grant_id: string): GrantState | undefined
  set(grant_id: string, state: GrantState): unknown
}
