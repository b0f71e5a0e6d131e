import test from 'ava'
import fc from 'fast-check'
import { administratorsOf, mayAct } from '../../../shared/ledger/access/administrators.ts'
import { openingFacts } from '../../../shared/ledger/access/recovery.ts'
import type { EntityFact, RegistryFact } from '../../../shared/ledger/events.ts'
import { createRegistry, type Registry } from '../../../shared/ledger/registry/evolve.ts'
import { PREDEFINED } from '../../../shared/ledger/registry/predefined.ts'
import { registryKeyOf } from '../../../shared/ledger/registry/state.ts'
import { client, registered, user } from '../given.ts'

const rescuer = client({
  client_id: 'rescuer',
  grant_types: ['client_credentials'],
  scope: 'ledger.admin ledger.audit',
  groups: ['Administrators'],
  secret: { kid: 1, hash: 'x' },
})

let offset = 0
const append = (registry: Registry, fact: RegistryFact) => registry.apply(registered(fact, offset++)).void

/** The same fact as whatever revision comes next. */
function next(registry: Registry, fact: EntityFact): RegistryFact {
  const revision = (registry.get(registryKeyOf(fact))?.revision ?? 0) + 1
  return { ...fact, data: { ...fact.data, revision } } as RegistryFact
}

function ledgerAfter(facts: EntityFact[]): Registry {
  const registry = createRegistry()
  for (const fact of PREDEFINED) append(registry, fact)
  for (const fact of facts) append(registry, next(registry, fact))
  return registry
}

function open(registry: Registry): EntityFact[] {
  const revised = (key: string) => ({ revision: (registry.get(key)?.revision ?? 0) + 1 })
  return openingFacts(registry, rescuer, revised)
}

const GROUPS = ['Administrators', 'Staff', 'Everybody']
const ACLS = ['Administrators', 'Auditors', 'Ops']
const RESOURCES = ['ledger', 'ledger.admin', 'ledger.admin:guard', 'ledger.admin:resources', 'orders']
const groups = fc.subarray(GROUPS)
const change: fc.Arbitrary<EntityFact> = fc.oneof(
  fc
    .record({ name: fc.constantFrom(...ACLS), allowed_groups: groups, denied_groups: groups })
    .map((acl): EntityFact => ({ type: 'AclPut', data: { revision: 0, acl } })),
  fc.constantFrom(...ACLS).map((name): EntityFact => ({ type: 'AclDeleted', data: { revision: 0, name } })),
  fc
    .record({ name: fc.constantFrom(...RESOURCES), execute_acl: fc.constantFrom(null, 'Gone', ...ACLS) })
    .map((one): EntityFact => ({ type: 'ResourcePut', data: { revision: 0, resource: { ...one, templates: [] } } })),
  fc.constantFrom(...RESOURCES).map((name): EntityFact => ({ type: 'ResourceDeleted', data: { revision: 0, name } })),
  fc
    .record({ name: fc.constantFrom('ledger.admin', 'ledger.audit', 'mine'), includes: fc.subarray(RESOURCES) })
    .map((one): EntityFact => ({ type: 'ScopePut', data: { revision: 0, scope: { ...one, description: 'Mine.' } } })),
  fc
    .constantFrom('ledger.admin', 'ledger.audit')
    .map((name): EntityFact => ({ type: 'ScopeDeleted', data: { revision: 0, name } })),
  fc.constantFrom(...GROUPS).map((name): EntityFact => ({ type: 'GroupDeleted', data: { revision: 0, name } })),
)

test('whatever became of scopes, groups, ACLs and resources, what is opened lets the client act, at once', (t) => {
  let closed = 0
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const registry = ledgerAfter(changes)
      const before = registry.view()
      const facts = open(registry)
      for (const fact of facts) t.is(append(registry, fact), undefined, 'each counts')
      const view = registry.view()
      t.true(mayAct(view, 'client', rescuer))
      t.deepEqual(open(registry), [], 'and nothing is left to do')
      if (mayAct(before, 'client', rescuer)) t.true(facts.every(({ type }) => type === 'GroupPut'))
      else closed++
    }),
    { numRuns: 1000 },
  )
  t.true(closed > 100, `${closed} ledgers were closed`)
})

test('what was closed is opened for the administrators, and nobody else gains or loses by it', (t) => {
  const acl = { name: 'Administrators', allowed_groups: ['Ops'], denied_groups: ['Administrators', 'Interns'] }
  const registry = ledgerAfter([
    { type: 'AclPut', data: { revision: 0, acl } },
    { type: 'ScopePut', data: { revision: 0, scope: { name: 'ledger.admin', description: 'Mine.', includes: ['a'] } } },
  ])
  const described = open(registry).map(({ type, data }) => [
    type,
    'acl' in data ? data.acl : 'scope' in data && data.scope,
  ])
  t.deepEqual(described, [
    ['ScopePut', { name: 'ledger.admin', description: 'Mine.', includes: ['a', 'ledger'] }],
    ['AclPut', { name: 'Administrators', allowed_groups: ['Ops', 'Administrators'], denied_groups: ['Interns'] }],
  ])
})

test('nothing is opened where nothing is closed', (t) => {
  const registry = ledgerAfter([{ type: 'UserPut', data: { revision: 0, user: user() } }])
  t.deepEqual(open(registry), [])
  const standing = { view: { ...registry.view(), clients: [rescuer] }, kids: [1], grants: [] }
  t.deepEqual(administratorsOf(standing), [{ type: 'client', id: 'rescuer' }])
})
