import test from 'ava'
import { UNKNOWN_GRANT, type GrantState } from '../../../../shared/ledger/grant/state.ts'
import {
  answerOf,
  answerRefresh,
  refreshTokens,
  type NextGeneration,
  type RefreshCommand,
} from '../../../../shared/ledger/grant/commands/refresh.ts'
import { STANDS, T0, authorized, given, givenLive, issued, refreshed, reuse, revoked } from '../../given.ts'

/** Presented `seconds` after T0 by the client that owns the grant. */
const present = (generation: number, seconds: number, over: Partial<RefreshCommand> = {}): RefreshCommand => ({
  client_id: 'shop',
  presented_generation: generation,
  scope: null,
  client: STANDS,
  user: STANDS,
  now: T0 + seconds * 1000,
  kid: 3,
  access_token_lifetime: 1800,
  refresh_grace_seconds: 30,
  next: null,
  ...over,
})

const row = (generation: number, projectedSeconds: number, over: Partial<NextGeneration> = {}): NextGeneration => ({
  generation,
  event_id: `TokenRefreshed of ${generation}`,
  scope: 'read write',
  projected_at: T0 + projectedSeconds * 1000,
  ...over,
})

const once = given([issued(), 0])
const twice = given([issued(), 0], [refreshed(2), 10])
const thrice = given([issued(), 0], [refreshed(2), 10], [refreshed(3), 12])
const NO_CAPS = { lifetime: null, absolute_lifetime: null, limit: null }

const refusal = (state: GrantState, command: RefreshCommand) => {
  const { event, repeat, refused } = refreshTokens(state, command)
  return { event, repeat, error: refused?.error, reason: refused?.reason }
}
const refusedWith = (reason: string, error = 'invalid_grant') => ({
  event: undefined,
  repeat: undefined,
  error,
  reason,
})

test('the current token is refreshed on the terms of now', (t) => {
  t.deepEqual(refreshTokens(once, present(1, 20, { refresh_grace_seconds: 9 })), {
    event: refreshed(2, { kid: 3, access_token_lifetime: 1800, refresh_grace_seconds: 9, scope: 'read write' }),
  })
})

test('a narrower scope is given to the access token', (t) => {
  t.deepEqual(
    refreshTokens(once, present(1, 20, { scope: 'write' })).event,
    refreshed(2, { kid: 3, access_token_lifetime: 1800, scope: 'write' }),
  )
})

test('an omitted scope gives the granted one back, also after a narrower refresh', (t) => {
  const narrowed = given([issued(), 0], [refreshed(2, { scope: 'read' }), 10])
  for (const scope of [null, '']) {
    t.like(refreshTokens(narrowed, present(2, 20, { scope })).event, { data: { scope: 'read write' } })
  }
})

for (const scope of ['read admin', 'admin', 'read  write', ' read', 're"ad', 'rèad']) {
  test(`scope «${scope}» is refused and consumes nothing`, (t) => {
    t.deepEqual(refusal(once, present(1, 20, { scope })), refusedWith('scope_exceeded', 'invalid_scope'))
  })
}

test('an older token inside the grace is answered with the same tokens again', (t) => {
  t.deepEqual(refreshTokens(twice, present(1, 42, { next: row(2, 12) })), { repeat: 2 })
})

test('the grace counts from the projection of the next generation, even if later ones exist', (t) => {
  t.deepEqual(refreshTokens(thrice, present(1, 42, { next: row(2, 12) })), { repeat: 2 })
})

test('an older token inside the grace that asks for less than was given is refused, and the grant lives', (t) => {
  const narrow = present(1, 20, { next: row(2, 12), scope: 'read' })
  t.deepEqual(refusal(twice, narrow), refusedWith('scope_changed'))
})

test('an older token inside the grace gets a narrower pair that was made for the same request', (t) => {
  const narrow = present(1, 20, { next: row(2, 12, { scope: 'read' }), scope: 'read' })
  t.deepEqual(refreshTokens(twice, narrow), { repeat: 2 })
})

test('an older token past the grace is a reuse: refused and recorded', (t) => {
  const decision = refreshTokens(twice, present(1, 42.001, { next: row(2, 12) }))
  t.deepEqual(decision.event, reuse(1))
  t.like(decision.refused, { error: 'invalid_grant', reason: 'reuse' })
  t.is(decision.repeat, undefined)
})

test('an older token whose next generation was swept is a reuse', (t) => {
  t.deepEqual(refreshTokens(twice, present(1, 5000)).event, reuse(1))
})

test('with grace 0 an older token is a reuse as soon as the next was projected', (t) => {
  const command = present(1, 12.001, { next: row(2, 12), refresh_grace_seconds: 0 })
  t.deepEqual(refreshTokens(twice, command).event, reuse(1, { refresh_grace_seconds: 0 }))
})

test('a next generation that was projected later than now is no grace: the clock was set back', (t) => {
  t.deepEqual(refreshTokens(twice, present(1, 11.999, { next: row(2, 12) })).event, reuse(1))
})

test('a reuse is recorded whatever scope it asks for', (t) => {
  t.deepEqual(refreshTokens(twice, present(1, 99, { next: row(2, 12), scope: 'admin' })).event, reuse(1))
})

test('a token of an unknown grant is refused', (t) => {
  t.deepEqual(refusal(UNKNOWN_GRANT, present(1, 1)), refusedWith('grant_unknown'))
})

test('a token of a grant that was never issued is refused', (t) => {
  t.deepEqual(refusal(given([authorized(), 0]), present(1, 1)), refusedWith('grant_not_issued'))
})

test('a token of a revoked grant is refused', (t) => {
  t.deepEqual(refusal(given([issued(), 0], [revoked(), 5]), present(1, 6)), refusedWith('grant_revoked'))
})

test("another client's token is refused before anything else, and nothing happens to its grant", (t) => {
  const thief = { client_id: 'thief' }
  const refused = refusedWith('client_mismatch')
  t.deepEqual(refusal(twice, present(1, 5000, thief)), refused, 'a spent one')
  t.deepEqual(refusal(twice, present(2, 20, { ...thief, scope: 'admin' })), refused, 'the current one')
  t.deepEqual(refusal(given([issued(), 0], [revoked(), 1]), present(1, 2, thief)), refused, 'a revoked one')
})

test('an expired refresh token is refused at its expiry', (t) => {
  t.truthy(refreshTokens(once, present(1, 86_399.999)).event)
  t.deepEqual(refusal(once, present(1, 86_400, { scope: 'admin' })), refusedWith('refresh_expired'))
})

test('past the absolute expiry the grant is not refreshed', (t) => {
  const capped = given([issued({ refresh: { ...NO_CAPS, absolute_lifetime: 60 } }), 0], [refreshed(2), 59])
  t.deepEqual(refusal(capped, present(2, 60)), refusedWith('absolute_expired'))
})

test('with no refreshes left the current token is refused', (t) => {
  const last = given([issued({ refresh: { ...NO_CAPS, limit: 1 } }), 0], [refreshed(2), 10])
  t.deepEqual(refusal(last, present(2, 12)), refusedWith('no_refreshes_left'))
})

test('the retry of the last refresh allowed still gets its answer', (t) => {
  const last = given([issued({ refresh: { ...NO_CAPS, limit: 1 } }), 0], [refreshed(2), 10])
  t.deepEqual(refreshTokens(last, present(1, 12, { next: row(2, 11) })), { repeat: 2 })
})

test('a generation that the ledger never made is refused', (t) => {
  t.deepEqual(refusal(twice, present(3, 20)), refusedWith('generation_ahead'))
  t.deepEqual(refusal(twice, present(0, 20)), refusedWith('generation_unknown'))
  t.deepEqual(refusal(given([issued({ refresh: null }), 0]), present(1, 1)), refusedWith('generation_ahead'))
})

test('a token under another kid than its generation was made with is refused, and is no reuse', (t) => {
  t.deepEqual(refusal(once, present(1, 20, { presented_kid: 2 })), refusedWith('kid_mismatch'))
  t.deepEqual(refusal(twice, present(1, 5000, { presented_kid: 2, stored_kid: 1 })), refusedWith('kid_mismatch'))
  t.truthy(refreshTokens(once, present(1, 20, { presented_kid: 1 })).event)
  t.truthy(refreshTokens(twice, present(1, 5000, { presented_kid: 1, stored_kid: 1 })).event)
})

const fixed = issued({ refresh_rotation: false })
const fixedTwice = given([fixed, 0], [refreshed(2, { refresh_generation: 1 }), 10])

test('without rotation a refresh keeps the refresh token', (t) => {
  t.deepEqual(
    refreshTokens(given([fixed, 0]), present(1, 5, { next: row(1, 0) })).event,
    refreshed(2, { refresh_generation: 1, kid: 3, access_token_lifetime: 1800 }),
  )
})

test('without rotation the same request within the grace gets the same access token', (t) => {
  t.deepEqual(refreshTokens(fixedTwice, present(1, 40, { next: row(2, 10) })), { repeat: 2 })
  t.like(refreshTokens(fixedTwice, present(1, 40.001, { next: row(2, 10) })).event, {
    data: { access_generation: 3, refresh_generation: 1 },
  })
})

test('without rotation an equal request gets a new access token once the last has expired, also within the grace', (t) => {
  const brief = given([fixed, 0], [refreshed(2, { refresh_generation: 1, access_token_lifetime: 10 }), 10])
  const at = (seconds: number) => refreshTokens(brief, present(1, seconds, { next: row(2, 10) }))
  t.deepEqual(at(19.999), { repeat: 2 })
  t.like(at(20).event, { data: { access_generation: 3, refresh_generation: 1 } })
})

test('without rotation another scope within the grace gets its own access token', (t) => {
  t.truthy(refreshTokens(fixedTwice, present(1, 20, { next: row(2, 10), scope: 'read' })).event)
})

test('the row to answer from is the next generation, or the latest access token without rotation', (t) => {
  t.is(answerOf(givenLive([issued(), 0], [refreshed(2), 10]), 1), 2)
  t.is(answerOf(givenLive([fixed, 0], [refreshed(2, { refresh_generation: 1 }), 10]), 1), 2)
})

test('without rotation a racer that lost is answered as the winner, whatever the grace: its refresh token is still good', (t) => {
  const strict = { refresh_grace_seconds: 0, event_id: 'mine', logged_at: T0 + 10_000 }
  const lost = present(1, 60, { next: row(2, 10), refresh_grace_seconds: 0 })
  t.deepEqual(answerRefresh(fixedTwice, { ...lost, ...strict }), { generation: 2 })
  t.like(answerRefresh(twice, { ...lost, ...strict }).refused, { error: 'invalid_grant' })
})

test('without rotation a racer that lost to another scope is told to come again: its refresh token is still good', (t) => {
  const lost = { ...present(1, 12, { next: row(2, 11), scope: 'read' }), event_id: 'mine', logged_at: T0 + 11_000 }
  t.deepEqual(answerRefresh(fixedTwice, lost), { overtaken: true })
})

type Answering = Partial<RefreshCommand> & { logged?: number }

/** How our own refresh is answered that the log took `logged` seconds after the start, unless given as it was read. */
const answer = (state: GrantState, generation: number, seconds: number, over: Answering = {}) => {
  const { logged = seconds, ...command } = over
  const {
    generation: answered,
    refused,
    contradiction,
  } = answerRefresh(state, {
    ...present(generation, seconds, command),
    event_id: 'ours',
    logged_at: T0 + logged * 1000,
  })
  return answered ?? refused?.reason ?? { contradiction }
}

test('our own refresh that counted is answered with its tokens, however long it took', (t) => {
  t.is(answer(twice, 1, 12, { next: row(2, 11, { event_id: 'ours' }) }), 2)
  t.is(answer(twice, 1, 9999, { next: row(2, 11, { event_id: 'ours' }), refresh_grace_seconds: 0 }), 2)
})

test('a racer that lost is answered with the pair of the winner inside the grace', (t) => {
  t.is(answer(twice, 1, 12, { next: row(2, 11) }), 2)
})

test('a racer that lost is refused past the grace, and nothing more is recorded', (t) => {
  t.is(answer(twice, 1, 12, { next: row(2, 11), refresh_grace_seconds: 0 }), 'reuse')
})

test('a racer that lost to a wider scope than it asked for is refused', (t) => {
  t.is(answer(twice, 1, 12, { next: row(2, 11), scope: 'read' }), 'scope_changed')
})

test('a refresh that counted and was revoked before the answer is refused', (t) => {
  const gone = given([issued(), 0], [refreshed(2), 10], [revoked(), 11])
  t.is(answer(gone, 1, 12, { next: row(2, 11, { event_id: 'ours' }) }), 'grant_revoked')
})

test('a refresh that came too late in the log is refused', (t) => {
  t.is(answer(once, 1, 86_401), 'refresh_expired')
  // By the log's clock, which decides, and by which the database's may be slow.
  t.is(answer(once, 1, 86_399, { logged: 86_401 }), 'refresh_expired')
  t.is(
    answer(given([issued({ refresh: { ...NO_CAPS, limit: 1 } }), 0], [refreshed(2), 10]), 2, 12),
    'no_refreshes_left',
  )
})

test('a state that cannot follow from our refresh is a contradiction, and no refusal', (t) => {
  t.deepEqual(answer(once, 1, 10), { contradiction: 'generation_missing' })
  t.deepEqual(answer(UNKNOWN_GRANT, 1, 10), { contradiction: 'grant_unknown' })
  t.deepEqual(answer(given([authorized(), 0]), 1, 10), { contradiction: 'grant_not_issued' })
  t.deepEqual(answer(once, 1, 10, { client_id: 'somebody else' }), { contradiction: 'client_mismatch' })
})

test('a reuse that counted, or was void, is refused', (t) => {
  t.is(answer(given([issued(), 0], [refreshed(2), 10], [reuse(1), 99]), 1, 99, { next: row(2, 11) }), 'grant_revoked')
  t.is(answer(twice, 1, 99, { next: row(2, 11) }), 'reuse')
})

test('no refusal tells a client more than the code of RFC 6749', (t) => {
  const ofThief = refreshTokens(twice, present(1, 20, { client_id: 'thief' })).refused
  const ofUnknown = refreshTokens(UNKNOWN_GRANT, present(1, 20)).refused
  t.is(ofThief?.description, ofUnknown?.description)
})
