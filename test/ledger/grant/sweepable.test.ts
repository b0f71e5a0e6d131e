import test from 'ava'
import { refreshTokens } from '../../../shared/ledger/grant/commands/refresh.ts'
import { revokeGrant } from '../../../shared/ledger/grant/commands/revoke.ts'
import { type GrantState, UNKNOWN_GRANT } from '../../../shared/ledger/grant/state.ts'
import { deadSince, isClosed, mayBeSwept, mayTokenBeSwept } from '../../../shared/ledger/grant/sweepable.ts'
import { authorized, given, givenLive, issued, refreshed, reuse, revoked, S0, STANDS, T0 } from '../given.ts'

const MINUTES = 60
const HOUR = 60 * MINUTES
const at = (seconds: number) => T0 + seconds * 1000

/** Access tokens for a minute, refresh tokens for ten. */
const brief = { access_token_lifetime: 60, refresh: { lifetime: 600, absolute_lifetime: null, limit: null } }
const once = given([issued(brief), 0])
const twice = given([issued(brief), 0], [refreshed(2, { access_token_lifetime: 60 }), 100])

/** Whom each grant of this table lives for, in seconds after T0. */
const LIVES: [what: string, state: GrantState, dead: number][] = [
  ['its refresh token', once, 600],
  ['its refreshed refresh token', twice, 700],
  ['its access token alone', given([issued({ ...brief, refresh: null }), 0]), 60],
  ['an access token that never expires', given([issued({ ...brief, access_token_lifetime: null }), 0]), Infinity],
  ['the absolute end', given([issued({ refresh: { ...brief.refresh, absolute_lifetime: 90 } }), 0]), 3600],
  [
    'an older access token that outlives the current one, with no refreshes left',
    given(
      [issued({ ...brief, access_token_lifetime: 5000, refresh: { ...brief.refresh, limit: 1 } }), 0],
      [refreshed(2, { access_token_lifetime: 60 }), 100],
    ),
    5000,
  ],
  ['its code', given([authorized(), 0]), 600],
  ['its revocation', given([issued(), 0], [revoked(), 40]), 40],
  ['its reuse', given([issued(), 0], [refreshed(2), 1], [reuse(1), 99]), 99],
  ['nobody', UNKNOWN_GRANT, Infinity],
]

for (const [what, state, dead] of LIVES)
  test(`a grant that lives until the end of ${what} is closed after half an hour and may be swept after one`, (t) => {
    t.is(deadSince(state), at(dead))
    if (dead === Infinity) return
    t.false(isClosed(state, at(dead + 30 * MINUTES) - 1))
    t.true(isClosed(state, at(dead + 30 * MINUTES)))
    t.false(mayBeSwept(state, at(dead + HOUR) - 1))
    t.true(mayBeSwept(state, at(dead + HOUR)))
  })

test('a spent access token may be swept an hour after its own end, the current one only with its grant', (t) => {
  const [first, second] = [
    { generation: 1, exp: S0 + 60 },
    { generation: 2, exp: S0 + 160 },
  ]
  t.false(mayTokenBeSwept(twice, first, at(60 + HOUR) - 1))
  t.true(mayTokenBeSwept(twice, first, at(60 + HOUR)))
  t.false(mayTokenBeSwept(twice, second, at(160 + HOUR)))
  t.false(mayTokenBeSwept(twice, second, at(700 + HOUR) - 1))
  t.true(mayTokenBeSwept(twice, second, at(700 + HOUR)))
})

test('a token that never expires may be swept an hour after the next was made', (t) => {
  const thrice = given(
    [issued({ ...brief, access_token_lifetime: null }), 0],
    [refreshed(2, { access_token_lifetime: null }), 100],
    [refreshed(3, { access_token_lifetime: null }), 300],
  )
  const first = { generation: 1, exp: null }
  t.false(mayTokenBeSwept(thrice, { ...first, next_at: at(100) }, at(100 + HOUR) - 1))
  t.true(mayTokenBeSwept(thrice, { ...first, next_at: at(100) }, at(100 + HOUR)))
  t.false(mayTokenBeSwept(thrice, first, at(300 + HOUR) - 1), 'by the latest event, where nothing else is known')
  t.true(mayTokenBeSwept(thrice, first, at(300 + HOUR)))
})

test('any token of a revoked grant may be swept an hour after the revocation', (t) => {
  const ended = given([issued(), 0], [refreshed(2), 10], [revoked(), 40])
  for (const generation of [1, 2]) {
    t.false(mayTokenBeSwept(ended, { generation, exp: S0 + 3600 }, at(40 + HOUR) - 1))
    t.true(mayTokenBeSwept(ended, { generation, exp: S0 + 3600 }, at(40 + HOUR)))
  }
})

test('without rotation the token that the refresh token is of stays as long as the grant', (t) => {
  const fixed = { ...brief, access_token_lifetime: 60, refresh_rotation: false }
  const state = givenLive([issued(fixed), 0], [refreshed(2, { refresh_generation: 1 }), 100])
  t.false(mayTokenBeSwept(state, { generation: 1, exp: S0 + 60 }, at(160 + HOUR)))
  const dead = Math.max(deadSince(state), at(3_700))
  t.true(mayTokenBeSwept(state, { generation: 1, exp: S0 + 60 }, dead + HOUR * 1000))
})

const revocation = { client_id: 'shop', reason: 'x', revoked_by: { type: 'client', id: 'shop' } } as const
const present = (presented_generation: number, seconds: number) => ({
  client_id: 'shop',
  presented_generation,
  scope: null,
  client: STANDS,
  user: STANDS,
  now: at(seconds),
  kid: 1,
  access_token_lifetime: 60,
  refresh_grace_seconds: 30,
  next: null,
})

test('nobody appends to a grant that has been dead for half an hour: 29:59 does, 30:01 does not', (t) => {
  const [before, after] = [700 + 30 * MINUTES - 1, 700 + 30 * MINUTES + 1]
  t.truthy(revokeGrant(twice, { ...revocation, now: at(before) }).event)
  t.deepEqual(revokeGrant(twice, { ...revocation, now: at(after) }), { repeat: true })
  t.truthy(refreshTokens(twice, present(1, before)).event)
  const late = refreshTokens(twice, present(1, after))
  t.is(late.event, undefined)
  t.like(late.refused, { error: 'invalid_grant', reason: 'reuse' })
})

test("another client's revocation is refused, however long the grant has been dead", (t) => {
  const { refused } = revokeGrant(twice, { ...revocation, client_id: 'thief', now: at(900 * HOUR) })
  t.is(refused?.error, 'unauthorized_client')
})

test('an older access token that lives on keeps its grant open: revoking it is recorded', (t) => {
  const state = givenLive(
    [issued({ ...brief, access_token_lifetime: 86_400, refresh: { ...brief.refresh, limit: 1 } }), 0],
    [refreshed(2, { access_token_lifetime: 60 }), 100],
  )
  t.truthy(revokeGrant(state, { ...revocation, now: at(10 * HOUR) }).event)
})
