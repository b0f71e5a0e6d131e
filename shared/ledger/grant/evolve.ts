import type { RevocationReason } from '../events.ts'
import { bodyOf, type DataOf, firstTokens, latest, nextTokens, type Record, termsOf } from './generations.ts'
import { codeUntil, refreshEnded } from './liveness.ts'
import { loginOf } from './login.ts'
import {
  type AuthorizedGrant,
  FIRST_GENERATION,
  type Generation,
  type GrantState,
  type IssuedGrant,
  type LiveGrant,
  NO_GENERATION,
  UNKNOWN_GRANT,
} from './state.ts'
import { expiry, isWithinGrace, numericDate } from './times.ts'

/** Why an event changed nothing. Stored and shown to auditors: a word, once shipped, keeps its meaning. */
export type VoidReason =
  | 'grant_unknown'
  | 'grant_exists'
  | 'grant_revoked'
  | 'grant_not_issued'
  | 'grant_mismatch'
  | 'client_mismatch'
  | 'code_expired'
  | 'code_spent'
  | 'too_late'
  | 'too_early'
  | 'generation_taken'
  | 'generation_ahead'
  | 'no_refresh_token'
  | 'refresh_expired'
  | 'absolute_expired'
  | 'no_refreshes_left'
  | 'not_spent'
  | 'within_grace'
  | 'unknown_type'

export type Evolved = { state: GrantState; void?: undefined } | { state: GrantState; void: VoidReason }

// A late copy of a first event must not revive a grant that was swept meanwhile.
const FIRST_EVENT_TOLERANCE_MS = 60_000

/**
 * What a recorded event makes of its grant: the next state, or the same state and why the event is void. Deterministic
 * and total; time is the record's own. The first event in log order wins.
 */
export function evolve(state: GrantState, recorded: Record): Evolved {
  const { event } = recorded
  if (event.subject !== event.data.grant_id) return { state, void: 'grant_mismatch' }
  switch (event.type) {
    case 'AuthorizationGranted':
      return authorize(state, event.data, recorded)
    case 'CodeExchanged':
      return exchange(state, event.data, recorded)
    case 'TokenIssued':
      return issue(state, event.data, recorded)
    case 'TokenRefreshed':
      return refresh(state, event.data, recorded)
    case 'TokenReuseDetected':
      return endByReuse(state, event.data, recorded)
    case 'TokenRevoked':
      return revoke(state, event.data, recorded)
    default:
      return unreachable(state, event)
  }
}

/** The state after these records, in their order; void ones change nothing. */
export function foldGrant(records: Iterable<Record>, state: GrantState = UNKNOWN_GRANT): GrantState {
  for (const recorded of records) state = evolve(state, recorded).state
  return state
}

// A new event type that is not handled does not compile; one that slips through at run time changes nothing.
function unreachable(state: GrantState, event: never): Evolved {
  void event
  return { state, void: 'unknown_type' }
}

function authorize(state: GrantState, data: DataOf<'AuthorizationGranted'>, recorded: Record): Evolved {
  if (state.status !== 'unknown') return { state, void: 'grant_exists' }
  const off = offTime(recorded)
  if (off) return { state, void: off }
  const at = recorded.timestamp
  const { kid, redirect_uri, code_challenge, code_challenge_method } = data
  const code = { kid, redirect_uri, code_challenge, code_challenge_method, ...loginOf(data) }
  const code_exp = numericDate(at) + data.code_lifetime
  return { state: { status: 'authorized', ...bodyOf(data, at), terms: termsOf(data), code, code_exp } }
}

// On the terms and the registry position of the authorization: what ended the client or user since then ends this too.
function exchange(state: GrantState, data: DataOf<'CodeExchanged'>, recorded: Record): Evolved {
  if (state.status !== 'authorized') return { state, void: notAuthorized(state) }
  const at = latest(state, recorded)
  const problem = codeProblem(state, data.client_id, at)
  if (problem) return { state, void: problem }
  const terms = { ...state.terms, kid: data.kid }
  const tokens = firstTokens(terms, { event_id: recorded.event.id, at, code: state.code })
  return { state: { status: 'live', ...bodyOf(terms, at), ...tokens } }
}

function issue(state: GrantState, data: DataOf<'TokenIssued'>, recorded: Record): Evolved {
  if (state.status === 'revoked') return { state, void: 'grant_revoked' }
  if (state.status === 'live') return { state, void: 'grant_exists' }
  const off = offTime(recorded)
  if (off) return { state, void: off }
  const at = latest(state, recorded)
  const problem = state.status === 'authorized' ? codeProblem(state, data.client_id, at) : null
  if (problem) return { state, void: problem }
  return {
    state: {
      status: 'live',
      ...bodyOf(data, at),
      ...firstTokens(data, { event_id: recorded.event.id, at, code: null }),
    },
  }
}

function codeProblem(state: AuthorizedGrant, client_id: string, at: number): VoidReason | null {
  if (state.client_id !== client_id) return 'client_mismatch'
  return at >= codeUntil(state) ? 'code_expired' : null
}

function refresh(state: GrantState, data: DataOf<'TokenRefreshed'>, recorded: Record): Evolved {
  if (state.status !== 'live') return { state, void: notLive(state) }
  const at = latest(state, recorded)
  const problem = refreshProblem(state, data, at)
  if (problem) return { state, void: problem }
  const iat = numericDate(at)
  const current: Generation = {
    generation: data.access_generation,
    event_id: recorded.event.id,
    kid: data.kid,
    scope: data.scope,
    at,
    iat,
    exp: expiry(iat, data.access_token_lifetime),
  }
  return { state: { ...state, ...nextTokens(state, data, current), at } }
}

function refreshProblem(state: LiveGrant, data: DataOf<'TokenRefreshed'>, at: number): VoidReason | null {
  if (state.client_id !== data.client_id) return 'client_mismatch'
  if (state.refresh_generation === NO_GENERATION) return 'no_refresh_token'
  if (data.access_generation <= state.access_generation) return 'generation_taken'
  if (data.access_generation > state.access_generation + 1) return 'generation_ahead'
  const refresh_generation = state.refresh_generation + (state.refresh_rotation ? 1 : 0)
  if (data.refresh_generation < refresh_generation) return 'generation_taken'
  if (data.refresh_generation > refresh_generation) return 'generation_ahead'
  return refreshEnded(state, at)
}

function endByReuse(state: GrantState, data: DataOf<'TokenReuseDetected'>, recorded: Record): Evolved {
  if (state.status !== 'live') return { state, void: notLive(state) }
  if (state.client_id !== data.client_id) return { state, void: 'client_mismatch' }
  const presented = data.presented_generation
  if (presented < FIRST_GENERATION || presented >= state.refresh_generation) return { state, void: 'not_spent' }
  const at = latest(state, recorded)
  const spentAt = state.young.madeAt(presented + 1)
  if (spentAt !== undefined && isWithinGrace(spentAt, at, data.refresh_grace_seconds))
    return { state, void: 'within_grace' }
  return { state: ended(state, 'reuse', at) }
}

function revoke(state: GrantState, data: DataOf<'TokenRevoked'>, recorded: Record): Evolved {
  if (state.status === 'unknown') return { state, void: 'grant_unknown' }
  if (state.status === 'revoked') return { state, void: 'grant_revoked' }
  if (state.client_id !== data.client_id) return { state, void: 'client_mismatch' }
  return { state: ended(state, data.reason, latest(state, recorded)) }
}

function ended(state: LiveGrant | AuthorizedGrant, reason: RevocationReason, at: number): GrantState {
  if (state.status === 'authorized') return { status: 'revoked', ...bodyOf(state, at), reason, issued: null }
  const issued: IssuedGrant & { status?: string } = { ...state }
  delete issued.status
  return { status: 'revoked', ...bodyOf(state, at), reason, issued }
}

function notAuthorized(state: Exclude<GrantState, AuthorizedGrant>): VoidReason {
  if (state.status === 'unknown') return 'grant_unknown'
  return state.status === 'revoked' ? 'grant_revoked' : 'code_spent'
}

function notLive(state: Exclude<GrantState, LiveGrant>): VoidReason {
  if (state.status === 'unknown') return 'grant_unknown'
  return state.status === 'revoked' ? 'grant_revoked' : 'grant_not_issued'
}

function offTime({ event, timestamp }: Record): 'too_late' | 'too_early' | null {
  const age = timestamp - Date.parse(event.time)
  if (age < -FIRST_EVENT_TOLERANCE_MS) return 'too_early'
  return age <= FIRST_EVENT_TOLERANCE_MS ? null : 'too_late'
}
