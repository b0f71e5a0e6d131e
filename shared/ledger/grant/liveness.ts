import type { Principal } from '../events.ts'
import type { Generation, GrantState, IssuedGrant } from './state.ts'
import { isExpired } from './times.ts'

/** What is asked of a client or user, as an entity of the registry or one row of a query. */
export type Standing = { deleted: boolean; not_before: number | null; value: { enabled: boolean } | null }

export type DeadReason =
  | 'client_unknown'
  | 'client_deleted'
  | 'client_disabled'
  | 'client_grants_revoked'
  | 'user_unknown'
  | 'user_deleted'
  | 'user_disabled'
  | 'user_grants_revoked'

export type LivenessQuestion = {
  grant: { principal: Principal; registry_position: number }
  client: Standing | null | undefined
  /** Needed for a user's grant only. */
  user: Standing | null | undefined
}

/**
 * Why a grant is dead because of what became of its client or its user, at refresh, introspection and check; `null` =
 * it is not. A grant made at or before `not_before` is dead also for a later client or user of the same id.
 */
export function deadBecause({ grant, client, user }: LivenessQuestion): DeadReason | null {
  const clientProblem = standingProblem(client, grant.registry_position)
  if (clientProblem) return `client_${clientProblem}`
  if (grant.principal.type === 'client') return null
  const userProblem = standingProblem(user, grant.registry_position)
  return userProblem ? `user_${userProblem}` : null
}

function standingProblem(standing: Standing | null | undefined, registry_position: number) {
  if (!standing) return 'unknown'
  if (standing.deleted || standing.value === null) return 'deleted'
  if (!standing.value.enabled) return 'disabled'
  const { not_before } = standing
  return not_before !== null && registry_position <= not_before ? 'grants_revoked' : null
}

/** What is asked of a grant, as one row of a query; `grantStanding` gives it for a folded state. */
export type GrantStanding = { status: GrantState['status']; access_generation: number; reason: string | null }

export type InactiveCode =
  | 'grant_unknown'
  | 'grant_not_issued'
  | 'grant_revoked'
  | 'generation_ahead'
  | 'generation_unknown'
  | 'kid_mismatch'
  | 'superseded'
  | 'expired'

export type AccessTokenLiveness = { active: true } | { active: false; code: InactiveCode; reason: string }

export type AccessTokenQuestion = {
  grant: GrantStanding
  /** The presented token. */
  generation: number
  kid?: number | undefined
  /** The row of that generation, if there is one. */
  row: Pick<Generation, 'exp' | 'kid'> | null | undefined
  /** The database's clock in ms. */
  now: number
}

/** Whether an access token is active now, apart from its client and user (`deadBecause`), and if not, why in words. */
export function accessTokenLiveness(question: AccessTokenQuestion): AccessTokenLiveness {
  const { grant, generation, kid, row, now } = question
  if (grant.status === 'unknown') return inactive('grant_unknown', 'no such grant')
  if (grant.status === 'authorized') return inactive('grant_not_issued', 'no token was issued yet')
  if (grant.status === 'revoked') return inactive('grant_revoked', `the grant was revoked: ${grant.reason ?? ''}`)
  if (generation > grant.access_generation) return inactive('generation_ahead', 'the ledger never issued this token')
  if (!row) return inactive('generation_unknown', 'this token expired and was removed')
  if (kid !== undefined && kid !== row.kid) return inactive('kid_mismatch', 'the ledger never issued this token')
  if (isExpired(row.exp, now)) return inactive('expired', 'the token expired')
  // A token that never expires ends when the next one is made.
  const isSuperseded = row.exp === null && generation !== grant.access_generation
  return isSuperseded ? inactive('superseded', 'a refresh ended this token') : { active: true }
}

/** The standing of a folded grant. */
export function grantStanding(state: GrantState): GrantStanding {
  if (state.status === 'live') {
    return { status: 'live', access_generation: state.access_generation, reason: null }
  }
  const reason = state.status === 'revoked' ? state.reason : null
  const access_generation = state.status === 'revoked' ? (state.issued?.access_generation ?? 0) : 0
  return { status: state.status, access_generation, reason }
}

function inactive(code: InactiveCode, reason: string): AccessTokenLiveness {
  return { active: false, code, reason }
}

/** Why a live grant can no longer be refreshed at `ms`; `null` = it can. */
export function refreshEnded(
  state: Pick<IssuedGrant, 'refresh_exp' | 'absolute_exp' | 'refreshes_left'>,
  ms: number,
): 'absolute_expired' | 'refresh_expired' | 'no_refreshes_left' | null {
  if (isExpired(state.absolute_exp, ms)) return 'absolute_expired'
  if (isExpired(state.refresh_exp, ms)) return 'refresh_expired'
  return state.refreshes_left === 0 ? 'no_refreshes_left' : null
}
