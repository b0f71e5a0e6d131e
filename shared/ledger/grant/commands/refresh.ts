import type { GrantFact } from '../../events.ts'
import { grantedScope, isSubsetScope } from '../../scope.ts'
import { accessTokenUntil, deadBecause, type EntityState, refreshEnded } from '../liveness.ts'
import { type Refusal, refuse } from './refusal.ts'
import { FIRST_GENERATION, type GrantState, type LiveGrant } from '../state.ts'
import { isClosed } from '../sweepable.ts'
import { isSurelyWithinGrace } from '../times.ts'

/** A generation row as the read model holds it; `projected_at` is ms of the database's clock. */
export type NextGeneration = { generation: number; event_id: string; scope: string; projected_at: number }

/** One presented refresh token, already authenticated, parsed and MAC-checked. */
export type RefreshCommand = {
  /** The client that presented it. */
  client_id: string
  presented_generation: number
  /** The kid inside the presented token; must be the one that its generation was made with. */
  presented_kid?: number | undefined
  /** The kid stored with the presented generation, where the reader has it. */
  stored_kid?: number | undefined
  /** As asked; `null` = omitted. */
  scope: string | null
  /** The client and, for a user's grant, the user that the grant belongs to, as they are now. */
  client: EntityState | null
  user: EntityState | null
  /** The database's clock in ms, of the statement that read the state. */
  now: number
  /** The kid that signs from now on. */
  kid: number
  access_token_lifetime: number | null
  refresh_grace_seconds: number
  /** The row of generation presented + 1; without rotation that of the latest access token (`answerOf`). */
  next: NextGeneration | null
}

type Refreshed = Extract<GrantFact, { type: 'TokenRefreshed' }>
type ReuseDetected = Extract<GrantFact, { type: 'TokenReuseDetected' }>

/**
 * `repeat`: answer again with the tokens of this generation, which the grace still covers. A reuse is refused and has
 * an event: refused *and* recorded.
 */
export type RefreshDecision =
  | { event: Refreshed; refused?: undefined; repeat?: undefined }
  | { repeat: number; event?: undefined; refused?: undefined }
  | { refused: Refusal; event?: ReuseDetected; repeat?: undefined }

/**
 * `overtaken`: another refresh came first, and the token is as good as before: the same request is right then.
 * `contradiction`: what was read cannot be, whatever the client did.
 */
export type RefreshAnswer =
  | { generation: number; refused?: undefined; overtaken?: undefined; contradiction?: undefined }
  | { refused: Refusal; generation?: undefined; overtaken?: undefined; contradiction?: undefined }
  | { overtaken: true; generation?: undefined; refused?: undefined; contradiction?: undefined }
  | { contradiction: string; generation?: undefined; refused?: undefined; overtaken?: undefined }

/** Our own event as it stands in the log: `logged_at` is the log's time of it, ms. */
export type Appended = { event_id: string; logged_at: number }

/**
 * Decides a refresh (RFC 6749 §6): the client it is bound to, then live, also by what became of its client and user,
 * then generation, then scope.
 */
export function refreshTokens(state: GrantState, command: RefreshCommand): RefreshDecision {
  const problem = standingProblem(state, command.client_id)
  if (state.status !== 'live' || problem) return refusedBecause(problem ?? 'grant_unknown')
  const dead = deadBecause({ grant: state, client: command.client, user: command.user })
  if (dead) return refusedBecause(dead)
  const presented = command.presented_generation
  if (presented > state.refresh_generation) return refusedBecause('generation_ahead')
  if (presented < FIRST_GENERATION) return refusedBecause('generation_unknown')
  if (isOtherKid(state, command)) return refusedBecause('kid_mismatch')
  return presented < state.refresh_generation ? presentSpent(state, command) : presentCurrent(state, command)
}

/** Which generation's tokens a refresh with the presented generation is answered with: the row to read as `next`. */
export function answerOf(grant: Pick<LiveGrant, 'refresh_rotation' | 'access_generation'>, presented: number): number {
  return grant.refresh_rotation ? presented + 1 : grant.access_generation
}

/**
 * What to answer once our own event `event_id` was projected, from the state and `next` read then (`next`: the row of
 * the `access_generation` that our event asked for). Ours, or another's within the grace: that generation. One that
 * lost, was revoked meanwhile or came too late is `invalid_grant`, and nothing more is appended. The event was decided
 * on a live grant of this client: a state that cannot follow from that is no fault of the client's.
 */
export function answerRefresh(state: GrantState, command: RefreshCommand & Appended): RefreshAnswer {
  const { next } = command
  const problem = standingProblem(state, command.client_id)
  if (state.status !== 'live' || problem)
    return problem === 'grant_revoked' ? refusedAs(problem) : { contradiction: problem ?? 'grant_unknown' }
  if (next === null) return withoutNext(state, command)
  if (next.event_id === command.event_id) return { generation: next.generation }
  const lost = repeatProblem(state, command, next)
  if (lost === null) return { generation: next.generation }
  return state.refresh_rotation ? refusedAs(lost) : { overtaken: true }
}

// The fold voids a refresh whose record is later than the grant's last moment. Every other reason to void it leaves
// somebody's next generation behind.
function withoutNext(grant: LiveGrant, { now, logged_at }: RefreshCommand & Appended): RefreshAnswer {
  const ended = refreshEnded(grant, Math.max(now, logged_at, grant.at))
  return ended ? refusedAs(ended) : { contradiction: 'generation_missing' }
}

function refusedAs(reason: string): RefreshAnswer {
  return { refused: refuse('invalid_grant', reason) }
}

// Another client's token is refused before anything else is looked at, and nothing happens to the owner's grant.
function standingProblem(state: GrantState, client_id: string): string | null {
  if (state.status === 'unknown') return 'grant_unknown'
  if (state.client_id !== client_id) return 'client_mismatch'
  if (state.status === 'authorized') return 'grant_not_issued'
  return state.status === 'revoked' ? 'grant_revoked' : null
}

function isOtherKid(grant: LiveGrant, command: RefreshCommand): boolean {
  if (command.presented_kid === undefined) return false
  const isCurrent = grant.refresh_rotation && command.presented_generation === grant.current.generation
  const made = isCurrent ? grant.current.kid : command.stored_kid
  return made !== undefined && made !== command.presented_kid
}

// Expiry and the limit judge a new refresh only: the retry of a last, counted one still gets its answer.
function presentCurrent(grant: LiveGrant, command: RefreshCommand): RefreshDecision {
  const ended = refreshEnded(grant, command.now)
  if (ended) return refusedBecause(ended)
  const scope = grantedScope(command.scope, grant.scope)
  if (scope === null) return { refused: refuse('invalid_scope', 'scope_exceeded') }
  const { next } = command
  if (next && isRepeatedWithoutRotation(grant, command, next, scope)) return { repeat: next.generation }
  return { event: refreshed(grant, command, scope) }
}

// Without rotation nothing shows whether a token was presented before: the same request within the grace is a repeat,
// but for one whose access token has expired meanwhile: that is no answer to anybody.
function isRepeatedWithoutRotation(grant: LiveGrant, command: RefreshCommand, next: NextGeneration, scope: string) {
  if (grant.refresh_rotation || next.generation === FIRST_GENERATION) return false
  if (accessTokenUntil(grant, grant.current) <= command.now) return false
  if (!isSubsetScope(next.scope, scope) || !isSubsetScope(scope, next.scope)) return false
  return isSurelyWithinGrace(next.projected_at, command.now, command.refresh_grace_seconds)
}

function refreshed(grant: LiveGrant, command: RefreshCommand, scope: string): Refreshed {
  return {
    type: 'TokenRefreshed',
    data: {
      grant_id: grant.grant_id,
      client_id: grant.client_id,
      access_generation: grant.access_generation + 1,
      refresh_generation: grant.refresh_generation + (grant.refresh_rotation ? 1 : 0),
      kid: command.kid,
      scope,
      access_token_lifetime: command.access_token_lifetime,
      refresh_grace_seconds: command.refresh_grace_seconds,
    },
  }
}

function presentSpent(grant: LiveGrant, command: RefreshCommand): RefreshDecision {
  const { next } = command
  const problem = next === null ? 'reuse' : repeatProblem(grant, command, next)
  if (next !== null && problem === null) return { repeat: next.generation }
  return problem === 'reuse' ? reuseDetected(grant, command) : refusedBecause(problem ?? 'reuse')
}

function repeatProblem(
  grant: LiveGrant,
  command: RefreshCommand,
  next: NextGeneration,
): 'reuse' | 'scope_changed' | null {
  // Without rotation the token is still the current one: whoever lost a race by it has nothing of somebody else.
  const isOld = !isSurelyWithinGrace(next.projected_at, command.now, command.refresh_grace_seconds)
  if (isOld && grant.refresh_rotation) return 'reuse'
  const asked = command.scope ? command.scope : grant.scope
  return isSubsetScope(next.scope, asked) ? null : 'scope_changed'
}

function reuseDetected(grant: LiveGrant, command: RefreshCommand): RefreshDecision {
  const { presented_generation, refresh_grace_seconds } = command
  const { grant_id, client_id } = grant
  const data = { grant_id, client_id, presented_generation, refresh_grace_seconds }
  if (isClosed(grant, command.now)) return refusedBecause('reuse')
  return { event: { type: 'TokenReuseDetected', data }, refused: refuse('invalid_grant', 'reuse') }
}

function refusedBecause(reason: string): RefreshDecision {
  return { refused: refuse('invalid_grant', reason) }
}
