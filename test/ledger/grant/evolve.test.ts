import test from 'ava'
import type { GrantEvent, GrantFact, Recorded } from '../../../shared/ledger/events.ts'
import { evolve, type VoidReason } from '../../../shared/ledger/grant/evolve.ts'
import { UNKNOWN_GRANT, type GrantState } from '../../../shared/ledger/grant/state.ts'
import { Young } from '../../../shared/ledger/grant/young.ts'
import {
  GRANT_ID,
  S0,
  T0,
  authorized,
  exchanged,
  given,
  givenLive,
  issued,
  recorded,
  refreshed,
  reuse,
  revoked,
} from '../given.ts'

const NO_CAPS = { lifetime: null, absolute_lifetime: null, limit: null }

type Row = { title: string; given: GrantState; when: Recorded<GrantEvent>; then: VoidReason | GrantState['status'] }

const at = (seconds: number, fact: GrantFact, placing = {}) => recorded(fact, seconds, placing)
const live = given([issued(), 0])
const twice = given([issued(), 0], [refreshed(2), 10])
const ended = given([issued(), 0], [revoked(), 5])
const coded = given([authorized(), 0])
const spent = given([authorized(), 0], [exchanged(), 1])

const ROWS: Row[] = [
  { title: 'an unknown grant is authorized', given: UNKNOWN_GRANT, when: at(0, authorized()), then: 'authorized' },
  { title: 'a known grant is not authorized again', given: coded, when: at(1, authorized()), then: 'grant_exists' },
  { title: 'a live grant is not authorized', given: live, when: at(1, authorized()), then: 'grant_exists' },
  {
    title: 'an authorization recorded 60 s after it was written counts',
    given: UNKNOWN_GRANT,
    when: at(60, authorized(), { written: 0 }),
    then: 'authorized',
  },
  {
    title: 'an authorization recorded more than 60 s after it was written is too late',
    given: UNKNOWN_GRANT,
    when: at(60.001, authorized(), { written: 0 }),
    then: 'too_late',
  },
  { title: 'an unknown grant is issued directly', given: UNKNOWN_GRANT, when: at(0, issued()), then: 'live' },
  { title: 'an authorized grant is issued', given: coded, when: at(599.999, issued()), then: 'live' },
  { title: 'a code is dead at its expiry', given: coded, when: at(600, issued()), then: 'code_expired' },
  {
    title: 'a code is not issued to another client',
    given: coded,
    when: at(1, issued({ client_id: 'thief' })),
    then: 'client_mismatch',
  },
  { title: 'a code is exchanged just before its expiry', given: coded, when: at(599.999, exchanged()), then: 'live' },
  { title: 'a code is not exchanged at its expiry', given: coded, when: at(600, exchanged()), then: 'code_expired' },
  {
    title: 'a code is not exchanged by another client',
    given: coded,
    when: at(1, exchanged({ client_id: 'thief' })),
    then: 'client_mismatch',
  },
  { title: 'no unknown grant is exchanged', given: UNKNOWN_GRANT, when: at(1, exchanged()), then: 'grant_unknown' },
  { title: 'a code is exchanged once', given: spent, when: at(2, exchanged()), then: 'code_spent' },
  { title: 'a grant without a code is not exchanged', given: live, when: at(1, exchanged()), then: 'code_spent' },
  { title: 'a revoked grant is not exchanged', given: ended, when: at(6, exchanged()), then: 'grant_revoked' },
  { title: 'an exchanged grant is not issued as well', given: spent, when: at(2, issued()), then: 'grant_exists' },
  { title: 'an exchanged grant is refreshed', given: spent, when: at(2, refreshed(2)), then: 'live' },
  { title: 'a live grant is not issued again', given: live, when: at(1, issued()), then: 'grant_exists' },
  { title: 'a revoked grant is not issued again', given: ended, when: at(6, issued()), then: 'grant_revoked' },
  {
    title: 'an issue recorded 60 s after it was written counts',
    given: UNKNOWN_GRANT,
    when: at(60, issued(), { written: 0 }),
    then: 'live',
  },
  {
    title: 'a late copy of an issue does not revive a swept grant',
    given: UNKNOWN_GRANT,
    when: at(60.001, issued(), { written: 0 }),
    then: 'too_late',
  },
  {
    title: 'an issue written 60 s ahead of the log counts',
    given: UNKNOWN_GRANT,
    when: at(0, issued(), { written: 60 }),
    then: 'live',
  },
  {
    title: 'an issue written more than 60 s ahead of the log is void',
    given: UNKNOWN_GRANT,
    when: at(0, issued(), { written: 60.001 }),
    then: 'too_early',
  },
  { title: 'a live grant is refreshed', given: live, when: at(10, refreshed(2)), then: 'live' },
  {
    title: 'an unknown grant is not refreshed',
    given: UNKNOWN_GRANT,
    when: at(1, refreshed(2)),
    then: 'grant_unknown',
  },
  { title: 'an authorized grant is not refreshed', given: coded, when: at(1, refreshed(2)), then: 'grant_not_issued' },
  { title: 'a revoked grant is not refreshed', given: ended, when: at(6, refreshed(2)), then: 'grant_revoked' },
  { title: 'a generation is made once', given: twice, when: at(10, refreshed(2)), then: 'generation_taken' },
  { title: 'a generation is not skipped', given: live, when: at(10, refreshed(3)), then: 'generation_ahead' },
  {
    title: 'a rotating grant does not keep its refresh generation',
    given: live,
    when: at(10, refreshed(2, { refresh_generation: 1 })),
    then: 'generation_taken',
  },
  {
    title: 'another client does not refresh',
    given: live,
    when: at(1, refreshed(2, { client_id: 'thief' })),
    then: 'client_mismatch',
  },
  { title: 'a refresh just before the expiry counts', given: live, when: at(86_399.999, refreshed(2)), then: 'live' },
  { title: 'a refresh at the expiry is void', given: live, when: at(86_400, refreshed(2)), then: 'refresh_expired' },
  {
    title: 'a refresh at the absolute expiry is void, however fresh the token',
    given: given([issued({ refresh: { lifetime: null, absolute_lifetime: 100, limit: null } }), 0], [refreshed(2), 99]),
    when: at(100, refreshed(3)),
    then: 'absolute_expired',
  },
  {
    title: 'a refresh after the last one allowed is void',
    given: given([issued({ refresh: { ...NO_CAPS, limit: 1 } }), 0], [refreshed(2), 1]),
    when: at(2, refreshed(3)),
    then: 'no_refreshes_left',
  },
  {
    title: 'the last refresh allowed counts',
    given: given([issued({ refresh: { ...NO_CAPS, limit: 2 } }), 0], [refreshed(2), 1]),
    when: at(2, refreshed(3)),
    then: 'live',
  },
  {
    title: 'a grant with refresh limit 0 is not refreshed',
    given: given([issued({ refresh: { ...NO_CAPS, limit: 0 } }), 0]),
    when: at(1, refreshed(2)),
    then: 'no_refresh_token',
  },
  {
    title: 'a grant without refresh token is not refreshed',
    given: given([issued({ refresh: null }), 0]),
    when: at(1, refreshed(2)),
    then: 'no_refresh_token',
  },
  { title: 'a spent token past the grace ends the grant', given: twice, when: at(40.001, reuse(1)), then: 'revoked' },
  { title: 'a spent token inside the grace ends nothing', given: twice, when: at(40, reuse(1)), then: 'within_grace' },
  { title: 'the current token is not a reuse', given: twice, when: at(400, reuse(2)), then: 'not_spent' },
  { title: 'a generation that never was is not a reuse', given: twice, when: at(400, reuse(0)), then: 'not_spent' },
  { title: 'a reuse of an unknown grant is void', given: UNKNOWN_GRANT, when: at(1, reuse(1)), then: 'grant_unknown' },
  { title: 'a reuse of an authorized grant is void', given: coded, when: at(1, reuse(1)), then: 'grant_not_issued' },
  { title: 'a reuse of a revoked grant is void', given: ended, when: at(400, reuse(1)), then: 'grant_revoked' },
  {
    title: "another client's reuse does not end the grant",
    given: twice,
    when: at(400, reuse(1, { client_id: 'thief' })),
    then: 'client_mismatch',
  },
  { title: 'a live grant is revoked', given: live, when: at(1, revoked()), then: 'revoked' },
  { title: 'an authorized grant is revoked', given: coded, when: at(1, revoked()), then: 'revoked' },
  { title: 'an unknown grant is not revoked', given: UNKNOWN_GRANT, when: at(1, revoked()), then: 'grant_unknown' },
  { title: 'a grant is revoked once', given: ended, when: at(6, revoked()), then: 'grant_revoked' },
  {
    title: "another client's revocation is void",
    given: live,
    when: at(1, revoked({ client_id: 'thief' })),
    then: 'client_mismatch',
  },
  {
    title: 'an event under another key than its grant is void',
    given: live,
    when: at(1, revoked(), { subject: 'elsewhere' }),
    then: 'grant_mismatch',
  },
]

const CODE = {
  kid: 1,
  redirect_uri: 'https://shop.example/callback',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
} as const

const STATUSES: string[] = ['unknown', 'authorized', 'live', 'revoked'] satisfies GrantState['status'][]

for (const row of ROWS) {
  test(row.title, (t) => {
    const evolved = evolve(row.given, row.when)
    if (STATUSES.includes(row.then)) {
      t.is(evolved.void, undefined)
      t.is<string, string>(evolved.state.status, row.then)
    } else {
      t.is<string | undefined, string>(evolved.void, row.then)
      t.is(evolved.state, row.given, 'a void event changes nothing')
    }
  })
}

test('an event of a type that nobody knows is void and throws nothing', (t) => {
  const { event, ...rest } = recorded(revoked(), 1)
  const odd = { ...rest, event: { ...event, type: 'TokenPainted' } } as unknown as Recorded<GrantEvent>
  t.deepEqual(evolve(live, odd), { state: live, void: 'unknown_type' })
})

test('an issue sets every time from its own record and its own lifetimes', (t) => {
  const state = givenLive([issued(), 0.999])
  const { current, ...grant } = state
  t.deepEqual(current, {
    generation: 1,
    event_id: 'TokenIssued@0.999',
    kid: 1,
    scope: 'read write',
    at: T0 + 999,
    iat: S0,
    exp: S0 + 3600,
  })
  t.deepEqual(grant, {
    status: 'live',
    grant_id: GRANT_ID,
    client_id: 'shop',
    principal: { type: 'user', id: 'ada' },
    grant_type: 'password',
    scope: 'read write',
    registry_position: 7,
    at: T0 + 999,
    access_generation: 1,
    refresh_generation: 1,
    refresh_lifetime: 86_400,
    refresh_exp: S0 + 86_400,
    absolute_exp: S0 + 604_800,
    refreshes_left: null,
    refresh_grace_seconds: 30,
    refresh_rotation: true,
    older_access_exp: null,
    code: null,
    young: Young.of([{ generation: 1, at: T0 + 999 }]),
  })
})

test('an authorization keeps its terms and when its code ends', (t) => {
  t.like(given([authorized(), 0]), {
    status: 'authorized',
    code_exp: S0 + 600,
    code: CODE,
    terms: { grant_id: GRANT_ID, access_token_lifetime: 3600, refresh_grace_seconds: 30 },
  })
})

test('an exchange makes generation 1 on the terms and the registry position of the authorization', (t) => {
  const terms = { access_token_lifetime: 60, registry_position: 5, scope: 'read', refresh_grace_seconds: 3 }
  const state = givenLive([authorized(terms), 0], [exchanged({ kid: 2 }), 9])
  t.like(state, { registry_position: 5, scope: 'read', refresh_grace_seconds: 3, refresh_exp: S0 + 9 + 86_400 })
  t.like(state, { grant_type: 'authorization_code', access_generation: 1, refresh_generation: 1 })
  const made = { generation: 1, event_id: 'CodeExchanged@9', kid: 2, scope: 'read', iat: S0 + 9, exp: S0 + 69 }
  t.deepEqual(state.current, { ...made, at: T0 + 9_000 })
})

test('an exchanged grant keeps its code, also when it was refreshed or has ended', (t) => {
  const facts: [GrantFact, number][] = [
    [authorized(), 0],
    [exchanged({ kid: 2 }), 1],
    [refreshed(2), 2],
  ]
  t.deepEqual(givenLive(...facts).code, CODE)
  t.like(given(...facts, [revoked(), 3]), { status: 'revoked', issued: { code: CODE } })
  t.is(givenLive([authorized(), 0], [issued(), 1]).code, null)
})

test('a refresh makes a new access token, takes over its grace, and keeps the granted scope', (t) => {
  const change = { scope: 'read', kid: 2, access_token_lifetime: 60, refresh_grace_seconds: 5 }
  const state = givenLive([issued(), 0], [refreshed(2, change), 10])
  t.like(state, { scope: 'read write', refresh_grace_seconds: 5, access_generation: 2, refresh_generation: 2 })
  t.like(state.current, { generation: 2, scope: 'read', kid: 2, iat: S0 + 10, exp: S0 + 70 })
})

test('the refresh expiry slides with each refresh and never past the absolute one', (t) => {
  const refresh = { lifetime: 100, absolute_lifetime: 250, limit: null }
  const after = (...facts: [GrantFact, number][]) => givenLive([issued({ refresh }), 0], ...facts).refresh_exp
  t.is(after(), S0 + 100)
  t.is(after([refreshed(2), 90]), S0 + 190)
  t.is(after([refreshed(2), 90], [refreshed(3), 180]), S0 + 250)
})

test('the absolute expiry caps the first refresh token and no access token', (t) => {
  const state = givenLive([issued({ refresh: { lifetime: 500, absolute_lifetime: 60, limit: null } }), 0])
  t.is(state.refresh_exp, S0 + 60)
  t.is(state.current.exp, S0 + 3600)
})

test('without lifetimes nothing expires', (t) => {
  const state = givenLive([issued({ access_token_lifetime: null, refresh: NO_CAPS }), 0])
  t.like(state, { refresh_exp: null, absolute_exp: null, refreshes_left: null })
  t.is(state.current.exp, null)
  t.is(evolve(state, recorded(refreshed(2), 1e9)).void, undefined)
})

test('each refresh uses up one of the limit', (t) => {
  const state = givenLive([issued({ refresh: { ...NO_CAPS, limit: 5 } }), 0], [refreshed(2), 1], [refreshed(3), 2])
  t.is(state.refreshes_left, 3)
})

test('without rotation only the access generation rises', (t) => {
  const fixed = issued({ refresh_rotation: false })
  const state = givenLive([fixed, 0], [refreshed(2, { refresh_generation: 1 }), 1])
  t.like(state, { access_generation: 2, refresh_generation: 1 })
  t.is(evolve(state, recorded(refreshed(3, { refresh_generation: 2 }), 2)).void, 'generation_ahead')
  t.is(evolve(state, recorded(refreshed(4, { refresh_generation: 1 }), 2)).void, 'generation_ahead')
  t.is(evolve(state, recorded(refreshed(2, { refresh_generation: 1 }), 2)).void, 'generation_taken')
})

test("the grant's time never steps back with the broker's clock", (t) => {
  const state = givenLive([issued(), 100], [refreshed(2), 50])
  t.is(state.at, T0 + 100_000)
  t.like(state.current, { at: T0 + 100_000, iat: S0 + 100 })
})

test('generations are remembered for as long as the longest grace reaches', (t) => {
  const kept = (seconds: number) => givenLive([issued(), 0], [refreshed(2), 1], [refreshed(3), seconds]).young
  t.deepEqual(
    Array.from(kept(301), (made) => made.generation),
    [2, 3],
  )
  t.deepEqual(
    Array.from(kept(301.001), (made) => made.generation),
    [3],
  )
})

test('the grace is counted from the event that spent the token, not from the latest', (t) => {
  const state = given([issued(), 0], [refreshed(2), 10], [refreshed(3), 35])
  t.is(evolve(state, recorded(reuse(1), 41)).void, undefined)
  t.is(evolve(state, recorded(reuse(2), 41)).void, 'within_grace')
})

test('a reuse with the longest grace is judged right at its edge', (t) => {
  const state = given([issued(), 0], [refreshed(2), 10], [refreshed(3), 310])
  t.is(evolve(state, recorded(reuse(1, { refresh_grace_seconds: 300 }), 310)).void, 'within_grace')
  t.is(evolve(state, recorded(reuse(1, { refresh_grace_seconds: 300 }), 310.001)).void, undefined)
})

test('a revoked grant keeps what it was and why it ended', (t) => {
  const before = givenLive([issued(), 0], [refreshed(2), 1])
  const after = evolve(before, recorded(revoked(), 2)).state
  const was: Partial<typeof before> = { ...before }
  delete was.status
  t.like(after, { status: 'revoked', reason: 'logged_out', at: T0 + 2000, issued: was })
  t.like(given([issued(), 0], [refreshed(2), 1], [reuse(1), 99]), { status: 'revoked', reason: 'reuse' })
  t.like(given([authorized(), 0], [revoked(), 1]), { status: 'revoked', issued: null })
})
