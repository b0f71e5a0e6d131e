import type { GrantEvent, GrantFact, GrantTerms, Recorded } from '../events.ts'
import {
  FIRST_GENERATION,
  type Generation,
  type GrantBody,
  type GrantCode,
  type GrantState,
  type IssuedGrant,
  type LiveGrant,
  NO_GENERATION,
} from './state.ts'
import { earlier, expiry, later, numericDate } from './times.ts'
import { Young } from './young.ts'

/** What an event of this type says. */
export type DataOf<T extends GrantFact['type']> = Extract<GrantFact, { type: T }>['data']

/** An event of a grant as the log holds it. */
export type Record = Recorded<GrantEvent>

/** When this record counts (ms). A broker's clock may step back when the leader changes; a grant's time does not. */
export function latest(state: Exclude<GrantState, { status: 'revoked' }>, recorded: Record): number {
  return state.status === 'unknown' ? recorded.timestamp : Math.max(state.at, recorded.timestamp)
}

/** What a grant carries in every status, from whatever carries it. */
export function bodyOf(from: Omit<GrantBody, 'at'>, at: number): GrantBody {
  const { grant_id, client_id, principal, grant_type, scope, registry_position } = from
  return { grant_id, client_id, principal, grant_type, scope, registry_position, at }
}

/** The terms alone, from whatever carries them. */
export function termsOf(from: GrantTerms): GrantTerms {
  const { grant_id, client_id, principal, grant_type, scope, registry_position, kid } = from
  const { access_token_lifetime, refresh, refresh_grace_seconds, refresh_rotation } = from
  const made = { grant_id, client_id, principal, grant_type, scope, registry_position, kid }
  return { ...made, access_token_lifetime, refresh, refresh_grace_seconds, refresh_rotation }
}

/**
 * The first access token, and what the terms say of refreshing. A limit of 0 is no refresh token. `code`: what it was
 * exchanged for.
 */
export function firstTokens(
  terms: GrantTerms,
  { event_id, at, code }: Pick<Generation, 'event_id' | 'at'> & { code: GrantCode | null },
): Omit<IssuedGrant, keyof GrantBody> {
  const { kid, scope, refresh, refresh_grace_seconds, refresh_rotation } = terms
  const iat = numericDate(at)
  const absolute_exp = expiry(iat, refresh?.absolute_lifetime ?? null)
  const refresh_lifetime = refresh?.lifetime ?? null
  const generation = FIRST_GENERATION
  return {
    access_generation: generation,
    refresh_generation: refresh === null || refresh.limit === 0 ? NO_GENERATION : generation,
    refresh_lifetime,
    refresh_exp: earlier(expiry(iat, refresh_lifetime), absolute_exp),
    absolute_exp,
    refreshes_left: refresh === null ? 0 : refresh.limit,
    refresh_grace_seconds,
    refresh_rotation,
    current: { generation, event_id, kid, scope, at, iat, exp: expiry(iat, terms.access_token_lifetime) },
    older_access_exp: null,
    code,
    young: Young.of([{ generation, at }]),
  }
}

/** What a refresh that made `current` changes: the refresh token slides, but never past the absolute end. */
export function nextTokens(
  state: LiveGrant,
  data: DataOf<'TokenRefreshed'>,
  current: Generation,
): Partial<IssuedGrant> {
  return {
    access_generation: current.generation,
    refresh_generation: data.refresh_generation,
    refresh_exp: earlier(expiry(current.iat, state.refresh_lifetime), state.absolute_exp),
    refreshes_left: state.refreshes_left === null ? null : state.refreshes_left - 1,
    refresh_grace_seconds: data.refresh_grace_seconds,
    current,
    older_access_exp: later(state.older_access_exp, state.current.exp),
    young: state.young.and({ generation: current.generation, at: current.at }),
  }
}
