import test from 'ava'
import fc from 'fast-check'
import {
  type ActingGrants,
  administratorsOf,
  standingAfter,
  viewAfter,
} from '../../../shared/ledger/access/administrators.ts'
import { needsGuard } from '../../../shared/ledger/access/guard.ts'
import type { EntityFact } from '../../../shared/ledger/events.ts'
import { viewOf } from '../../../shared/ledger/registry/evolve.ts'
import { PREDEFINED } from '../../../shared/ledger/registry/predefined.ts'
import { client, user } from '../given.ts'

const CLIENTS = ['root', 'portal']
const SUBS = ['ada', 'bob']
const GROUPS = ['Administrators', 'Staff', 'Everybody']
const ACLS = ['Administrators', 'Auditors', 'Ops']
const SCOPES = ['ledger.admin', 'mine']
const RESOURCES = ['ledger', 'ledger.admin:guard', 'orders']
const revision = 1
const PREDEFINED_FACTS = PREDEFINED.filter((fact): fact is EntityFact => fact.type !== 'RecordSkipped')

const scopes = fc.constantFrom('', 'mine', 'ledger.admin', 'ledger.admin mine')
const clients = fc
  .record({
    client_id: fc.constantFrom(...CLIENTS),
    grant_types: fc.subarray(['client_credentials', 'refresh_token']),
    scope: scopes,
    groups: fc.subarray(['Administrators', 'Staff']),
    enabled: fc.boolean(),
    secret: fc.constantFrom(null, { kid: 1, hash: 'x' }),
  })
  .map((over) => client({ ...over, client_name: over.client_id }))
const users = fc
  .record({ sub: fc.constantFrom(...SUBS), groups: fc.subarray(['Administrators', 'Staff']), enabled: fc.boolean() })
  .map((over) => user({ ...over, personal: { ...user().personal, username: over.sub } }))

const change: fc.Arbitrary<EntityFact> = fc.oneof(
  clients.map((one): EntityFact => ({ type: 'ClientChanged', data: { revision, client: one } })),
  fc
    .constantFrom(...CLIENTS)
    .map((client_id): EntityFact => ({ type: 'ClientDeleted', data: { revision, client_id } })),
  users.map((one): EntityFact => ({ type: 'UserPut', data: { revision, user: one } })),
  fc.constantFrom(...SUBS).map((sub): EntityFact => ({ type: 'UserDeleted', data: { revision, sub } })),
  fc
    .record({
      name: fc.constantFrom(...ACLS),
      allowed_groups: fc.subarray(GROUPS),
      denied_groups: fc.subarray(GROUPS, { maxLength: 1 }),
    })
    .map((acl): EntityFact => ({ type: 'AclPut', data: { revision, acl } })),
  fc.constantFrom(...ACLS).map((name): EntityFact => ({ type: 'AclDeleted', data: { revision, name } })),
  fc
    .record({ name: fc.constantFrom(...RESOURCES), execute_acl: fc.constantFrom(null, ...ACLS) })
    .map((one): EntityFact => ({ type: 'ResourcePut', data: { revision, resource: { ...one, templates: [] } } })),
  fc.constantFrom(...RESOURCES).map((name): EntityFact => ({ type: 'ResourceDeleted', data: { revision, name } })),
  fc
    .record({ name: fc.constantFrom(...SCOPES), includes: fc.subarray(RESOURCES) })
    .map((one): EntityFact => ({ type: 'ScopePut', data: { revision, scope: { ...one, description: '' } } })),
  fc.constantFrom(...SCOPES).map((name): EntityFact => ({ type: 'ScopeDeleted', data: { revision, name } })),
  fc.constantFrom(...GROUPS).map((name): EntityFact => ({ type: 'GroupDeleted', data: { revision, name } })),
)

const grants: fc.Arbitrary<ActingGrants[]> = fc.array(
  fc.record({
    sub: fc.constantFrom(...SUBS),
    client_id: fc.constantFrom(...CLIENTS),
    kind: fc.constantFrom('at' as const, 'rt' as const),
    scope: scopes,
    grant_ids: fc.constant(['g1']),
  }),
  { minLength: 1, maxLength: 3 },
)

test('a write that the guard is not asked for takes from nobody that they can act as administrator', (t) => {
  let asked = 0
  fc.assert(
    fc.property(fc.array(change, { maxLength: 4 }), clients, users, grants, change, (changes, c, u, held, last) => {
      const begun: EntityFact[] = [
        { type: 'ClientRegistered', data: { revision, client: c } },
        { type: 'UserPut', data: { revision, user: u } },
      ]
      const view = [...PREDEFINED_FACTS, ...begun, ...changes].reduce(viewAfter, viewOf([]))
      const before = { view, kids: [1], grants: held }
      const able = administratorsOf(before)
      if (able.length === 0 || needsGuard(view, last)) return
      asked++
      const after = administratorsOf(standingAfter(before, last)).map(({ id }) => id)
      for (const { id } of able) t.true(after.includes(id), `${last.type} took it from ${id}`)
    }),
    { numRuns: 5000 },
  )
  t.true(asked > 10, `${asked} writes were not guarded`)
})
