import test from 'ava'
import { ADMINISTRATOR_GRANT, issueTokens, type IssueCommand } from '../../../../shared/ledger/grant/commands/issue.ts'
import { UNKNOWN_GRANT } from '../../../../shared/ledger/grant/state.ts'
import { revocationOf, revokeGrant } from '../../../../shared/ledger/grant/commands/revoke.ts'
import { formatScope, grantedScope, isSubsetScope, parseScope } from '../../../../shared/ledger/scope.ts'
import { GRANT_ID, T0, authorized, client, given, givenLive, issued, refreshed, revoked } from '../../given.ts'

const ask = (over: Partial<IssueCommand> = {}): IssueCommand => ({
  grant_id: GRANT_ID,
  client: client(),
  principal: { type: 'user', id: 'ada' },
  grant_type: ADMINISTRATOR_GRANT,
  scope: null,
  registry_position: 7,
  kid: 1,
  ...over,
})
const machine = { grant_type: 'client_credentials', principal: { type: 'client', id: 'shop' } } as const
const reasonOf = (over: Partial<IssueCommand>) => {
  const { refused } = issueTokens(ask(over))
  return refused ? `${refused.error}: ${refused.reason}` : 'issued'
}

test("an administrator's grant is issued on the client's terms, with its whole scope", (t) => {
  t.deepEqual(issueTokens(ask()), { event: issued({ grant_type: 'administrator' }) })
})

test('client_credentials issues no refresh token', (t) => {
  t.deepEqual(issueTokens(ask(machine)), { event: issued({ ...machine, refresh: null }) })
})

test('a client that may not refresh, or whose limit is 0, gets no refresh token', (t) => {
  const refreshOf = (over: Parameters<typeof client>[0]) => issueTokens(ask({ client: client(over) })).event
  t.like(refreshOf({ grant_types: ['password'] }), { data: { refresh: null } })
  t.like(refreshOf({ refresh_token_limit: 0 }), { data: { refresh: null } })
  t.like(refreshOf({ refresh_token_limit: 3 }), { data: { refresh: { limit: 3 } } })
})

test('a part of the scope of the client is issued as asked, once each', (t) => {
  t.like(issueTokens(ask({ scope: 'write write' })).event, { data: { scope: 'write' } })
})

test('W15: a scope that is not defined for the client is refused', (t) => {
  for (const scope of ['admin', 'read admin', 'read  write', 'read\twrite']) {
    t.is(reasonOf({ scope }), 'invalid_scope: scope_not_the_clients')
  }
})

test('W14: a grant type that the client is not allowed is refused', (t) => {
  const refused = 'unauthorized_client: grant_type_not_allowed'
  t.is(reasonOf({ ...machine, client: client({ grant_types: ['refresh_token'] }) }), refused)
  t.is(reasonOf({ grant_type: 'password' }), refused)
})

test('client_credentials and password are for confidential clients only', (t) => {
  const open = client({ client_type: 'public', grant_types: ['client_credentials', 'password'] })
  const refused = 'unauthorized_client: grant_type_not_allowed'
  t.is(reasonOf({ ...machine, client: open }), refused)
  t.is(reasonOf({ grant_type: 'password', client: open }), refused)
})

const revocation = { reason: 'logged_out', revoked_by: { type: 'client', id: 'shop' } } as const
const byShop = { client_id: 'shop', ...revocation, now: T0 + 2_000 }

test('a live or authorized grant is revoked', (t) => {
  for (const state of [given([issued(), 0]), given([issued(), 0], [refreshed(2), 1]), given([authorized(), 0])]) {
    t.deepEqual(revokeGrant(state, byShop), { event: revoked() })
  }
})

test('revoking an unknown or revoked grant is success, and records nothing', (t) => {
  t.deepEqual(revokeGrant(UNKNOWN_GRANT, byShop), { repeat: true })
  t.deepEqual(revokeGrant(given([issued(), 0], [revoked(), 1]), byShop), { repeat: true })
})

test("another client's grant is not revoked", (t) => {
  const { event, refused } = revokeGrant(given([issued(), 0]), { ...byShop, client_id: 'thief' })
  t.is(event, undefined)
  t.is(refused?.error, 'unauthorized_client')
})

test("an administrator revokes anybody's grant", (t) => {
  const revoked_by = { type: 'user', id: 'root' } as const
  const event = revocationOf(givenLive([issued(), 0]), { reason: 'left the company', revoked_by })
  t.deepEqual(event, revoked({ reason: 'left the company', revoked_by }))
})

test('a scope string is parsed by the ASCII rule of RFC 6749 §3.3', (t) => {
  t.deepEqual(parseScope('b a b'), ['b', 'a'])
  t.deepEqual(parseScope(''), [])
  t.deepEqual(parseScope('!#[]~'), ['!#[]~'])
  for (const bad of [' ', 'a ', ' a', 'a  b', 'a\nb', 'a\n', 'a"b', 'a\\b', 'é', 'a\u007f', 'a\u0000']) {
    t.is(parseScope(bad), null, JSON.stringify(bad))
  }
})

test('a scope is formatted once each, in order', (t) => {
  t.is(formatScope(['b', 'a', 'b']), 'b a')
})

test('a subset is one whatever the order, and never of or as a malformed scope', (t) => {
  t.true(isSubsetScope('b a', 'a c b'))
  t.true(isSubsetScope('', 'a'))
  t.false(isSubsetScope('a d', 'a b c'))
  t.false(isSubsetScope('a  b', 'a  b'))
  t.false(isSubsetScope('a', 'a "'))
})

test('what was asked is granted or refused as a whole', (t) => {
  t.is(grantedScope(null, 'a b'), 'a b')
  t.is(grantedScope('', 'a b'), 'a b')
  t.is(grantedScope('b', 'a b'), 'b')
  t.is(grantedScope('b c', 'a b'), null)
})
