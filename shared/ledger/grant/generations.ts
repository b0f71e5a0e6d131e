import type { GrantEvent, GrantFact, GrantTerms, Recorded } from '../events.ts'
import type { Generation, GrantBody, GrantState, IssuedGrant, LiveGrant } from './state.ts'
import { earlier, expiry, keepYoung, numericDate } from './times.ts'

export type DataOf<T extends GrantFact['type']> = Extract<GrantFact, { type: T }>['data']

export type Record = Recorded<GrantEvent>

// A broker's clock may step back when the leader changes; a grant's time does not.
export function latest(state: Exclude<GrantState, { status: 'revoked' }>, recorded: Record): number {
  return state.status === 'unknown' ? recorded.timestamp : Math.max(state.at, recorded.timestamp)
}

export function bodyOf(from: Omit<GrantBody, 'at'>, at: number): GrantBody {
  const { grant_id, client_id, principal, grant_type, scope, registry_position } = from
  return { grant_id, client_id, principal, grant_type, scope, registry_position, at }
}

export function firstTokens(terms: GrantTerms, event_id: string, at: number): Omit<IssuedGrant, keyof GrantBody> {
  const { kid, scope, refresh, refresh_grace_seconds, refresh_rotation } = terms
  const iat = numericDate(at)
  const absolute_exp = expiry(iat, refresh?.absolute_lifetime ?? null)
  const refresh_lifetime = refresh?.lifetime ?? null
  return {
    access_generation: 1,
    refresh_generation: refresh === null || refresh.limit === 0 ? 0 : 1,
    refresh_lifetime,
    refresh_exp: earlier(expiry(iat, refresh_lifetime), absolute_exp),
    absolute_exp,
    refreshes_left: refresh === null ? 0 : refresh.limit,
    refresh_grace_seconds,
    refresh_rotation,
    current: { generation: 1, event_id, kid, scope, at, iat, exp: expiry(iat, terms.access_token_lifetime) },
    young: [{ generation: 1, at }],
  }
}

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
    young: keepYoung([...state.young, { generation: current.generation, at: current.at }], current.at),
  }
}
