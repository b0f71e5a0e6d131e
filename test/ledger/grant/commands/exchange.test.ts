import test from 'ava'
import {
  answerExchange,
  exchangeCode,
  type ExchangeCommand,
} from '../../../../shared/ledger/grant/commands/exchange.ts'
import { UNKNOWN_GRANT, type GrantState } from '../../../../shared/ledger/grant/state.ts'
import { authorized, exchanged, given, issued, refreshed, revoked, STANDS, T0 } from '../../given.ts'

const SECOND = 1000
const CALLBACK = 'https://shop.example/callback'
const EVENT_ID = 'CodeExchanged@1'
const first = { generation: 1, event_id: EVENT_ID, scope: 'read write', projected_at: T0 + SECOND }

const present = (over: Partial<ExchangeCommand> = {}): ExchangeCommand => ({
  client_id: 'shop',
  presented_kid: 1,
  redirect_uri: CALLBACK,
  verification: 'right',
  client: STANDS,
  user: STANDS,
  now: T0 + 2 * SECOND,
  kid: 2,
  refresh_grace_seconds: 30,
  first: null,
  ...over,
})

const coded = given([authorized(), 0])
const spent = given([authorized(), 0], [exchanged(), 1])
const late = { first, now: first.projected_at + 30_001 }

/** What becomes of it: the event, and the reason of the refusal. */
const outcome = (state: GrantState, over: Partial<ExchangeCommand> = {}) => {
  const { event, refused } = exchangeCode(state, present(over))
  return [event?.type ?? null, refused ? `${refused.error}: ${refused.reason}` : null]
}

test('a code is exchanged by its client, with the key that signs now', (t) => {
  t.deepEqual(exchangeCode(coded, present()), { event: exchanged({ kid: 2 }) })
})

const WRONG: [string, Partial<ExchangeCommand>, string][] = [
  ['of another client', { client_id: 'thief' }, 'invalid_grant: client_mismatch'],
  ['of another key', { presented_kid: 2 }, 'invalid_grant: kid_mismatch'],
  ['without redirect_uri', { redirect_uri: null }, 'invalid_grant: redirect_uri_missing'],
  ['with another redirect_uri', { redirect_uri: `${CALLBACK}/` }, 'invalid_grant: redirect_uri_mismatch'],
  ['without code_verifier', { verification: 'none' }, 'invalid_grant: verifier_missing'],
  ['with another code_verifier', { verification: 'wrong' }, 'invalid_grant: verifier_wrong'],
]

for (const [title, over, refused] of WRONG) {
  test(`a request ${title} gets nothing and does nothing, whatever became of the code`, (t) => {
    t.deepEqual(outcome(coded, over), [null, refused])
    t.deepEqual(outcome(spent, { ...late, ...over }), [null, refused])
  })
}

test('W13: a redirect_uri is refused where the authorization had none', (t) => {
  const state = given([authorized({ redirect_uri: null }), 0])
  t.deepEqual(outcome(state), [null, 'invalid_grant: redirect_uri_unasked'])
  t.deepEqual(outcome(state, { redirect_uri: null }), ['CodeExchanged', null])
})

test('oauth-checklist 35: a code_verifier is refused where the authorization had no code_challenge', (t) => {
  const state = given([authorized({ code_challenge: null, code_challenge_method: null }), 0])
  for (const verification of ['right', 'wrong'] as const)
    t.deepEqual(outcome(state, { verification }), [null, 'invalid_request: verifier_unasked'])
  t.deepEqual(outcome(state, { verification: 'none' }), ['CodeExchanged', null])
})

test('a code is dead at its expiry, by the clock of the database', (t) => {
  t.deepEqual(outcome(coded, { now: T0 + 599_999 }), ['CodeExchanged', null])
  t.deepEqual(outcome(coded, { now: T0 + 600_000 }), [null, 'invalid_grant: code_expired'])
})

test('no code of an unknown, a revoked or a directly issued grant is exchanged', (t) => {
  t.deepEqual(outcome(UNKNOWN_GRANT), [null, 'invalid_grant: grant_unknown'])
  t.deepEqual(outcome(given([authorized(), 0], [revoked(), 1])), [null, 'invalid_grant: grant_revoked'])
  t.deepEqual(outcome(given([issued(), 0])), [null, 'invalid_grant: code_unknown'])
})

const ENDED: [string, Partial<ExchangeCommand>, string][] = [
  ['grants of the client', { client: { ...STANDS, not_before: 7 } }, 'client_grants_revoked'],
  ['grants of the user', { user: { ...STANDS, not_before: 7 } }, 'user_grants_revoked'],
  ['user', { user: { deleted: true, not_before: 9, value: null } }, 'user_deleted'],
]

for (const [title, over, reason] of ENDED) {
  test(`a code has ended with the ${title}, and is no reuse then`, (t) => {
    t.deepEqual(outcome(coded, over), [null, `invalid_grant: ${reason}`])
    t.deepEqual(outcome(spent, { ...late, ...over }), [null, `invalid_grant: ${reason}`])
  })
}

test('a code that is presented again within the grace harms nobody', (t) => {
  t.deepEqual(outcome(spent, { first }), [null, 'invalid_grant: code_spent'])
  t.deepEqual(outcome(spent, { first, now: first.projected_at + 30_000 }), [null, 'invalid_grant: code_spent'])
})

test('a code that is presented again after the grace ends the grant, however old it is', (t) => {
  const state = given([authorized(), 0], [exchanged(), 1], [refreshed(2), 2])
  const revoked_by = { type: 'client', id: 'shop' } as const
  const { event, refused } = exchangeCode(state, present(late))
  t.deepEqual(event, revoked({ reason: 'code_reuse', revoked_by }))
  t.is(refused?.error, 'invalid_grant')
  t.deepEqual(outcome(state, { first: null, now: T0 + 7_200_000 }), ['TokenRevoked', 'invalid_grant: code_reuse'])
})

test('nothing is appended to a grant that has been dead for long', (t) => {
  const short = authorized({ refresh: null, access_token_lifetime: 60 })
  const state = given([short, 0], [exchanged(), 1])
  t.deepEqual(outcome(state, { first: null, now: T0 + 1_861_000 }), [null, 'invalid_grant: code_reuse'])
})

const answer = (state: GrantState, over: Partial<Parameters<typeof answerExchange>[1]> = {}) => {
  const asked = { event_id: EVENT_ID, logged_at: T0 + SECOND, now: T0 + SECOND, first, ...over }
  const { generation, refused, contradiction } = answerExchange(state, asked)
  return generation ?? refused?.reason ?? `contradiction: ${contradiction}`
}

test('our exchange is answered with the first tokens, and one that lost with none', (t) => {
  t.is(answer(spent), 1)
  t.is(answer(spent, { event_id: 'another' }), 'code_spent')
  t.is(answer(given([authorized(), 0], [exchanged(), 1], [revoked(), 2])), 'grant_revoked')
})

test('an exchange that the log took after the end of the code is refused', (t) => {
  t.is(answer(coded, { first: null, logged_at: T0 + 600_000 }), 'code_expired')
})

test('what cannot follow from our exchange is no fault of the client', (t) => {
  t.regex(String(answer(coded, { first: null })), /^contradiction/)
  t.regex(String(answer(UNKNOWN_GRANT, { first: null })), /^contradiction/)
  t.regex(String(answer(spent, { first: null })), /^contradiction/)
})
