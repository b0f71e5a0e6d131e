import type { Principal } from '../events.ts'
import {
  type AuthorizedGrant,
  type Generation,
  type GrantState,
  type IssuedGrant,
  issuedOf,
  NO_GENERATION,
} from './state.ts'
import { MAX_GRACE_SECONDS } from './times.ts'

// Until when each part of a grant can be used, in ms: at that moment it can no longer. Said here and nowhere else;
// read-model/still-living.test.ts holds the SQL against it that must repeat it (key-uses/key-uses.ts, the view in
// tables.ts).

/** Until when something can be used that never ends by itself. */
export const WITHOUT_END = Infinity
/** Until when something can be used that ended at no time of its own, or never was: it is over at any time. */
export const ENDED = -Infinity

/** An access token of a live grant: until its expiry; one without expiry ends when the next is made. */
export function accessTokenUntil(
  grant: Pick<IssuedGrant, 'access_generation'>,
  { generation, exp }: Pick<Generation, 'generation' | 'exp'>,
): number {
  return exp === null && generation < grant.access_generation ? ENDED : endOf(exp)
}

type Refreshing = Pick<IssuedGrant, 'refresh_exp' | 'absolute_exp' | 'refreshes_left'>

/** The refresh token of a live grant, as what makes new tokens. */
export function refreshTokenUntil(grant: Refreshing & Pick<IssuedGrant, 'refresh_generation'>): number {
  if (grant.refresh_generation === NO_GENERATION) return ENDED
  return Math.min(...refreshEnds(grant).map(([, until]) => until))
}

/** Why a live grant can no longer be refreshed at `ms`; `null` = it can. */
export function refreshEnded(grant: Refreshing, ms: number): RefreshEnd | null {
  return refreshEnds(grant).find(([, until]) => ms >= until)?.[0] ?? null
}

export type RefreshEnd = 'absolute_expired' | 'refresh_expired' | 'no_refreshes_left'

// In the order in which they are told: a reason, once recorded, stays the first.
function refreshEnds({ absolute_exp, refresh_exp, refreshes_left }: Refreshing): [RefreshEnd, number][] {
  return [
    ['absolute_expired', endOf(absolute_exp)],
    ['refresh_expired', endOf(refresh_exp)],
    ['no_refreshes_left', refreshes_left === 0 ? ENDED : WITHOUT_END],
  ]
}

/**
 * A spent refresh token, which is answered with the tokens after it: as long as the longest grace of any client.
 * `next_made`: when those were projected (ms), stalls since then added.
 */
export function spentRefreshTokenUntil(next_made: number): number {
  return next_made + MAX_GRACE_SECONDS * 1000
}

/** The code of a grant that is authorized and has no tokens yet. */
export function codeUntil({ code_exp }: Pick<AuthorizedGrant, 'code_exp'>): number {
  return endOf(code_exp)
}

/** Until when the last of several things can be used, which ends at `exp`; `null` = there is none. */
export function latestOf(exp: number | null): number {
  return exp === null ? ENDED : endOf(exp)
}

function endOf(exp: number | null): number {
  return exp === null ? WITHOUT_END : exp * 1000
}

/** What is asked of a client or user, as an entity of the registry or one row of a query. */
export type EntityState = { deleted: boolean; not_before: number | null; value: { enabled: boolean } | null }

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
  client: EntityState | null | undefined
  /** Needed for a user's grant only. */
  user: EntityState | null | undefined
}

/**
 * Why a grant is dead because of what became of its client or its user, at refresh, introspection and check; `null` =
 * it is not. A grant made at or before `not_before` is dead also for a later client or user of the same id.
 */
export function deadBecause({ grant, client, user }: LivenessQuestion): DeadReason | null {
  const clientProblem = entityProblem(client, grant.registry_position)
  if (clientProblem) return `client_${clientProblem}`
  if (grant.principal.type === 'client') return null
  const userProblem = entityProblem(user, grant.registry_position)
  return userProblem ? `user_${userProblem}` : null
}

/**
 * Whether what was granted at this position of the registry has ended with its client or user for ever: no change of
 * either brings it back, as enabling one that is disabled does.
 */
export function hasEndedWith(
  entity: Pick<EntityState, 'not_before'> | null | undefined,
  registry_position: number,
): boolean {
  return registry_position <= (entity?.not_before ?? -1)
}

/** What became of a client or user, so that what was granted at this position cannot be used now. */
export type EntityProblem = 'unknown' | 'deleted' | 'disabled' | 'grants_revoked'

/** The same of one entity; `null` = nothing. */
export function entityProblem(entity: EntityState | null | undefined, registry_position: number): EntityProblem | null {
  if (!entity) return 'unknown'
  if (entity.deleted || entity.value === null) return 'deleted'
  if (!entity.value.enabled) return 'disabled'
  return hasEndedWith(entity, registry_position) ? 'grants_revoked' : null
}

/** What is asked of a grant, as one row of a query; `grantStatus` gives it for a folded state. */
export type GrantStatus = { status: GrantState['status']; access_generation: number }

export type InactiveCode =
  | 'grant_unknown'
  | 'grant_not_issued'
  | 'grant_revoked'
  | 'generation_ahead'
  | 'generation_unknown'
  | 'kid_mismatch'
  | 'superseded'
  | 'expired'

export type AccessTokenLiveness = { active: true } | { active: false; code: InactiveCode }

export type AccessTokenQuestion = {
  grant: GrantStatus
  /** The presented token. */
  generation: number
  kid?: number | undefined
  /** The row of that generation, if there is one. */
  row: Pick<Generation, 'exp' | 'kid'> | null | undefined
  /** The database's clock in ms. */
  now: number
}

/** Whether an access token is active now, apart from its client and user (`deadBecause`), and if not, why. */
export function accessTokenLiveness(question: AccessTokenQuestion): AccessTokenLiveness {
  const { grant, generation, kid, row, now } = question
  if (grant.status === 'unknown') return inactive('grant_unknown')
  if (grant.status === 'authorized') return inactive('grant_not_issued')
  if (grant.status === 'revoked') return inactive('grant_revoked')
  if (generation > grant.access_generation) return inactive('generation_ahead')
  if (!row) return inactive('generation_unknown')
  if (kid !== undefined && kid !== row.kid) return inactive('kid_mismatch')
  const until = accessTokenUntil(grant, { generation, exp: row.exp })
  if (until === ENDED) return inactive('superseded')
  return now >= until ? inactive('expired') : { active: true }
}

/** The status of a folded grant. */
export function grantStatus(state: GrantState): GrantStatus {
  const issued = issuedOf(state)
  return { status: state.status, access_generation: issued?.access_generation ?? NO_GENERATION }
}

function inactive(code: InactiveCode): AccessTokenLiveness {
  return { active: false, code }
}
