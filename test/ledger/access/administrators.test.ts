import test from 'ava'
import {
  type ActingGrants,
  administratorsOf,
  losesLastAdministrator,
  type Standing,
  standingAfter,
  standingWithout,
  usableKids,
} from '../../../shared/ledger/access/administrators.ts'
import type { Client, EntityFact } from '../../../shared/ledger/events.ts'
import { createRegistry } from '../../../shared/ledger/registry/evolve.ts'
import { client, registered, user } from '../given.ts'
import { aclPut, administrator, change, put, register, registryOf, resourcePut, scopePut } from './given.ts'

const secret = { kid: 1, hash: 'x' }
const root = { ...administrator, secret }
const boss = user({ groups: ['Administrators'] })
const portal = client({ client_id: 'portal', client_name: 'Portal', scope: 'ledger.admin read', secret })
const GRANT: ActingGrants = { sub: 'ada', client_id: 'portal', kind: 'rt', scope: 'ledger.admin', grant_ids: ['g1'] }

/** How it stands after these facts, with key 1 at hand and these grants. */
function standing(facts: EntityFact[], grants: ActingGrants[] = [], kids = [1]): Standing {
  return { view: registryOf(facts).view(), kids, grants }
}

const names = (given: Standing) => administratorsOf(given).map(({ type, id }) => `${type}/${id}`)

test('a client can act that can authenticate, in a group and with a scope that the ledger allows', (t) => {
  t.deepEqual(names(standing([register(root)])), ['client/root'])
  const jwks = { keys: [{ kty: 'OKP' }] }
  const signing = { ...root, secret: null, token_endpoint_auth_method: 'private_key_jwt' as const, jwks }
  t.deepEqual(names(standing([register(signing)])), ['client/root'])
  const others: [string, Partial<Client>][] = [
    ['disabled', { enabled: false }],
    ['another scope', { scope: 'ledger.audit' }],
    ['another group', { groups: ['Auditors'] }],
    ['no client_credentials', { grant_types: ['refresh_token'] }],
    ['no secret', { secret: null }],
    ['a secret under a key that is not held', { secret: { kid: 2, hash: 'x' } }],
    ['a secret that no process of this release can verify', { secret: { ...secret, secret_algorithm: 'scrypt_hmac' } }],
    ['no keys to sign with', { token_endpoint_auth_method: 'private_key_jwt', jwks: null }],
    ['an empty set of them', { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [] } }],
  ]
  for (const [title, over] of others) t.deepEqual(names(standing([register({ ...root, ...over })])), [], title)
})

test('a retired key lets nobody in, also where it is held', (t) => {
  const registry = createRegistry()
  const facts: EntityFact[] = [
    { type: 'KeyIntroduced', data: { revision: 1, kid: 2, checks: {} } },
    { type: 'KeyRetired', data: { revision: 2, kid: 2 } },
  ]
  for (const [offset, fact] of facts.entries()) registry.apply(registered(fact, offset))
  t.deepEqual(usableKids([1, 2], registry.get), [1])
})

test('a user can act only with a grant that can be used, of a scope of the ledger', (t) => {
  const facts = [put(boss), register(portal)]
  t.deepEqual(names(standing(facts)), [], 'who cannot log in and has no grant cannot')
  t.deepEqual(names(standing(facts, [GRANT])), ['user/ada'])
  t.deepEqual(names(standing(facts, [{ ...GRANT, scope: 'read' }])), [])
  t.deepEqual(names(standing(facts, [{ ...GRANT, sub: 'bob' }])), [])
  t.deepEqual(names(standing([put({ ...boss, enabled: false }), register(portal)], [GRANT])), [])
  t.deepEqual(names(standing([put({ ...boss, groups: [] }), register(portal)], [GRANT])), [])
})

test('a refresh token is worth what its client can do with it, an access token what the client is allowed', (t) => {
  const through = (over: Partial<Client>, kind: 'at' | 'rt') =>
    names(standing([put(boss), register({ ...portal, ...over })], [{ ...GRANT, kind }])).length
  t.deepEqual([through({}, 'rt'), through({}, 'at')], [1, 1])
  t.deepEqual([through({ enabled: false }, 'rt'), through({ enabled: false }, 'at')], [0, 0])
  t.deepEqual([through({ secret: null }, 'rt'), through({ secret: null }, 'at')], [0, 1])
  t.deepEqual([through({ grant_types: [] }, 'rt'), through({ grant_types: [] }, 'at')], [0, 1])
  const imported = { secret: { ...secret, secret_algorithm: 'scrypt_hmac' } }
  t.deepEqual([through(imported, 'rt'), through(imported, 'at')], [0, 1])
  t.is(through({ client_type: 'public', secret: null }, 'rt'), 1)
  t.deepEqual([through({ scope: 'read' }, 'rt'), through({ scope: 'read' }, 'at')], [0, 0], 'it is not guarded then')
})

const ENDINGS: [string, EntityFact][] = [
  ['deleting it', { type: 'ClientDeleted', data: { revision: 2, client_id: 'root' } }],
  ['disabling it', change({ ...root, enabled: false })],
  ['taking its group', change({ ...root, groups: [] })],
  ['taking its scope', change({ ...root, scope: 'read' })],
  ['taking its secret', { type: 'ClientSecretRenewed', data: { revision: 2, client: { ...root, secret: null } } }],
  ['taking its grant type', change({ ...root, grant_types: [] })],
  ['emptying the scope', scopePut('ledger.admin', 'orders')],
  ['deleting the scope', { type: 'ScopeDeleted', data: { revision: 2, name: 'ledger.admin' } }],
  ['closing the ACL', aclPut('Administrators', [])],
  ['denying the group', aclPut('Administrators', ['Administrators'], ['Administrators'])],
  ['deleting the ACL', { type: 'AclDeleted', data: { revision: 2, name: 'Administrators' } }],
  ['putting another ACL in front', resourcePut('ledger.admin:guard', 'Developers')],
  ['closing what opens the rest again', resourcePut('ledger.admin:resources', 'Developers')],
  ['deleting the resource', { type: 'ResourceDeleted', data: { revision: 2, name: 'ledger' } }],
]

for (const [title, fact] of ENDINGS) {
  test(`the last administrator is not removed by ${title}`, (t) => {
    const loses = (before: Standing) => losesLastAdministrator(before, standingAfter(before, fact))
    t.true(loses(standing([register(root), put(boss)])), 'a user without a grant does not count')
    const second = { ...root, client_id: 'second', client_name: 'Second' }
    const isItself = title.endsWith('it') || title.includes('its')
    t.is(loses(standing([register(root), register(second)])), !isItself)
    t.is(loses(standing([register(root), register(portal), put(boss)], [GRANT])), !isItself)
  })
}

test('the grants of the last administrator are not all ended', (t) => {
  const before = standing([register(portal), put(boss)], [GRANT])
  const facts: EntityFact[] = [
    { type: 'UserGrantsRevoked', data: { revision: 2, user: boss, reason: 'x' } },
    { type: 'ClientGrantsRevoked', data: { revision: 2, client: portal, reason: 'x' } },
    { type: 'UserDeleted', data: { revision: 2, sub: 'ada' } },
    { type: 'ClientDeleted', data: { revision: 2, client_id: 'portal' } },
    put({ ...boss, enabled: false }, 2),
  ]
  const bob = put(user({ sub: 'bob', groups: ['Administrators'], personal: { ...boss.personal, username: 'bob' } }))
  const console = register({ ...portal, client_id: 'console', client_name: 'Console' })
  const second = { ...GRANT, sub: 'bob', client_id: 'console' }
  const both = standing([register(portal), put(boss), bob, console], [GRANT, second])
  for (const fact of facts) {
    t.true(losesLastAdministrator(before, standingAfter(before, fact)), fact.type)
    t.false(losesLastAdministrator(both, standingAfter(both, fact)), fact.type)
  }
})

test('one grant of several may end, the last may not', (t) => {
  const loses = (before: Standing) => losesLastAdministrator(before, standingWithout(before, 'g1'))
  const facts = [register(portal), put(boss)]
  t.true(loses(standing(facts, [GRANT, { ...GRANT, kind: 'at' }])))
  t.false(loses(standing(facts, [{ ...GRANT, grant_ids: ['g1', 'g2'] }])))
  t.false(loses(standing([...facts, register(root)], [GRANT])))
})

test('a write that leaves an administrator, or where there was none, is no removal', (t) => {
  const loses = (before: Standing, fact: EntityFact) => losesLastAdministrator(before, standingAfter(before, fact))
  t.false(loses(standing([register(root)]), change({ ...root, client_name: 'Renamed' })))
  t.false(loses(standing([register(root)]), put(user({ groups: ['Staff'] }))))
  t.false(loses(standing([]), aclPut('Administrators', [])))
})
