import test from 'ava'
import {
  accessTokenLiveness,
  deadBecause,
  grantStatus,
  type EntityState,
} from '../../../shared/ledger/grant/liveness.ts'
import { UNKNOWN_GRANT, type GrantState } from '../../../shared/ledger/grant/state.ts'
import { S0, T0, authorized, given, issued, refreshed, revoked } from '../given.ts'

const fine: EntityState = { deleted: false, not_before: null, value: { enabled: true } }
const disabled: EntityState = { ...fine, value: { enabled: false } }
const gone: EntityState = { deleted: true, not_before: 3, value: null }
const revokedAt = (not_before: number): EntityState => ({ ...fine, not_before })
const ofUser = { principal: { type: 'user', id: 'ada' }, registry_position: 7 } as const
const ofClient = { principal: { type: 'client', id: 'shop' }, registry_position: 7 } as const

test('a grant whose client and user stand is alive', (t) => {
  t.is(deadBecause({ grant: ofUser, client: fine, user: fine }), null)
  t.is(deadBecause({ grant: ofClient, client: fine, user: null }), null)
})

test('a grant of a missing, deleted or disabled client is dead', (t) => {
  t.is(deadBecause({ grant: ofUser, client: null, user: fine }), 'client_unknown')
  t.is(deadBecause({ grant: ofUser, client: gone, user: fine }), 'client_deleted')
  t.is(deadBecause({ grant: ofClient, client: disabled, user: undefined }), 'client_disabled')
})

test('a grant of a missing, deleted or disabled user is dead', (t) => {
  t.is(deadBecause({ grant: ofUser, client: fine, user: undefined }), 'user_unknown')
  t.is(deadBecause({ grant: ofUser, client: fine, user: gone }), 'user_deleted')
  t.is(deadBecause({ grant: ofUser, client: fine, user: disabled }), 'user_disabled')
})

test('a grant made at not_before or earlier is dead, a later one lives', (t) => {
  t.is(deadBecause({ grant: ofUser, client: revokedAt(7), user: fine }), 'client_grants_revoked')
  t.is(deadBecause({ grant: ofUser, client: fine, user: revokedAt(7) }), 'user_grants_revoked')
  t.is(deadBecause({ grant: ofUser, client: revokedAt(6), user: revokedAt(6) }), null)
})

const look = (state: GrantState, generation: number, seconds: number, exp: number | null | undefined) => {
  const row = exp === undefined ? null : { exp, kid: 1 }
  const verdict = accessTokenLiveness({
    grant: grantStatus(state),
    generation,
    kid: 1,
    row,
    now: T0 + seconds * 1000,
  })
  return verdict.active ? 'active' : verdict.code
}
const twice = given([issued(), 0], [refreshed(2), 10])

test('an access token is active until its expiry, also when a later one exists', (t) => {
  t.is(look(twice, 2, 20, S0 + 3610), 'active')
  t.is(look(twice, 1, 3599.999, S0 + 3600), 'active')
  t.is(look(twice, 1, 3600, S0 + 3600), 'expired')
})

test('an access token that never expires ends at the next refresh', (t) => {
  t.is(look(twice, 1, 20, null), 'superseded')
  t.is(look(twice, 2, 1e9, null), 'active')
})

test('every access token of a revoked grant is dead', (t) => {
  const ended = given([issued(), 0], [refreshed(2), 10], [revoked(), 11])
  t.is(look(ended, 1, 12, S0 + 3600), 'grant_revoked')
  t.is(look(ended, 2, 12, S0 + 3610), 'grant_revoked')
  t.is(look(given([authorized(), 0], [revoked(), 1]), 1, 2, undefined), 'grant_revoked')
})

test('an access token that the ledger does not know is not active', (t) => {
  t.is(look(UNKNOWN_GRANT, 1, 1, undefined), 'grant_unknown')
  t.is(look(given([authorized(), 0]), 1, 1, undefined), 'grant_not_issued')
  t.is(look(twice, 3, 20, undefined), 'generation_ahead')
  t.is(look(twice, 1, 20, undefined), 'generation_unknown')
})

test('an access token under another kid than it was made with is not active', (t) => {
  const row = { exp: null, kid: 2 }
  const verdict = accessTokenLiveness({ grant: grantStatus(twice), generation: 2, kid: 1, row, now: T0 })
  t.like(verdict, { active: false, code: 'kid_mismatch' })
})
