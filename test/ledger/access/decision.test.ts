import test from 'ava'
import {
  decideAccess,
  foldersAbove,
  includes,
  isUsableAt,
  type AccessQuestion,
} from '../../../shared/ledger/access/decision.ts'
import type { Acl } from '../../../shared/ledger/events.ts'
import { PREDEFINED } from '../../../shared/ledger/registry/predefined.ts'
import { createRegistry } from '../../../shared/ledger/registry/evolve.ts'
import { registered } from '../given.ts'

const predefined = createRegistry()
PREDEFINED.forEach((fact, offset) => predefined.apply(registered(fact, offset)))
const { acls, resources, scopes } = predefined.view()

const acl = (name: string, allowed: string[], denied: string[] = []): Acl => {
  return { name, allowed_groups: allowed, denied_groups: denied }
}

const ask = (over: Partial<AccessQuestion> = {}) =>
  decideAccess({
    resource: 'orders.internal:approve',
    principal: { type: 'user', groups: ['Staff'] },
    scope: 'orders',
    scopes: [
      { name: 'orders', description: '', includes: ['orders'] },
      { name: 'approve', description: '', includes: ['orders.internal:approve'] },
      { name: 'stock', description: '', includes: ['stock'] },
      ...scopes,
    ],
    resources: [{ name: 'orders', execute_acl: 'Orders' }, ...resources],
    acls: [acl('Orders', ['Staff']), acl('Closed', []), ...acls],
    ...over,
  })

test('a resource is covered by itself and the folders above it', (t) => {
  t.deepEqual(foldersAbove('orders.internal:approve'), ['orders.internal:approve', 'orders.internal', 'orders'])
  t.deepEqual(foldersAbove('orders'), ['orders'])
})

test('a folder includes everything below it, a service only itself', (t) => {
  for (const inside of ['orders', 'orders.internal', 'orders:list', 'orders.internal:approve']) {
    t.true(includes('orders', inside), inside)
  }
  for (const outside of ['ordersx', 'ordersx.internal', 'order', 'stock.orders', 'stock:orders']) {
    t.false(includes('orders', outside), outside)
  }
  t.true(includes('orders:list', 'orders:list'))
  t.false(includes('orders:list', 'orders'))
})

test('including a resource is the same as standing among the folders above it', (t) => {
  const names = ['a', 'a.b', 'a:b', 'a.b:c', 'ab', 'a.bc', 'b']
  for (const entry of names) for (const name of names) t.is(includes(entry, name), foldersAbove(name).includes(entry))
})

test('a token is usable at a resource server if its scope reaches one of its folders', (t) => {
  const known = [{ name: 'orders', description: '', includes: ['orders.internal'] }]
  t.true(isUsableAt(['orders'], 'orders', known), 'inside the folder')
  t.true(isUsableAt(['orders.internal.deep'], 'orders', known), 'a folder above')
  t.false(isUsableAt(['orders.public'], 'orders', known))
  t.false(isUsableAt(['orders'], 'other', known))
  t.false(isUsableAt([], 'orders', known))
})

test('a scope that includes the folder and a group that its ACL allows let a bearer in', (t) => {
  t.deepEqual(ask(), {
    allowed: true,
    code: 'allowed',
    reason: 'scope orders includes orders.internal:approve; ACL Orders of orders allows group Staff',
    scope: 'orders',
    needed_scope: ['orders', 'approve'],
    acl: 'Orders',
    acl_of: 'orders',
    group: 'Staff',
    needed_group: ['Staff'],
  })
})

test('without a scope that includes the resource the refusal names those that would do, and the ACL', (t) => {
  t.like(ask({ scope: 'stock' }), {
    allowed: false,
    code: 'scope_missing',
    scope: null,
    needed_scope: ['orders', 'approve'],
    reason:
      'the token has no scope that includes orders.internal:approve: orders or approve would do; ' +
      'ACL Orders of orders allows group Staff',
  })
  t.like(ask({ scope: 'stock', principal: { type: 'user', groups: [] } }), {
    reason:
      'the token has no scope that includes orders.internal:approve: orders or approve would do; ' +
      'ACL Orders of orders allows Staff, and the bearer is in none of these groups',
  })
  t.like(ask({ resource: 'nowhere' }), { code: 'scope_missing', needed_scope: [] })
})

test('a scope of the token that no longer exists includes nothing', (t) => {
  t.like(ask({ scopes: [] }), { allowed: false, code: 'scope_missing' })
})

test('in no allowed group: denied, naming the ACL and the groups that it allows', (t) => {
  t.like(ask({ principal: { type: 'user', groups: ['Guests'] } }), {
    allowed: false,
    code: 'group_missing',
    acl: 'Orders',
    group: null,
    needed_group: ['Staff'],
  })
})

test('denied beats allowed', (t) => {
  t.like(
    ask({ acls: [acl('Orders', ['Staff'], ['Trainees'])], principal: { type: 'user', groups: ['Staff', 'Trainees'] } }),
    {
      allowed: false,
      code: 'group_denied',
      group: 'Trainees',
      reason: 'scope orders includes orders.internal:approve; ACL Orders of orders denies group Trainees',
    },
  )
})

test('the nearest ACL stands, and one that inherits does not count', (t) => {
  const orders = { name: 'orders', execute_acl: 'Orders' }
  const at = (name: string, execute_acl: string | null) => ask({ resources: [orders, { name, execute_acl }] })
  t.like(at('orders.internal', 'Closed'), { allowed: false, acl: 'Closed', acl_of: 'orders.internal' })
  t.like(at('orders.internal:approve', 'Closed'), { allowed: false, acl_of: 'orders.internal:approve' })
  t.like(at('orders.internal', null), { allowed: true, acl: 'Orders', acl_of: 'orders' })
  t.like(at('orders.other', 'Closed'), { allowed: true, acl_of: 'orders' })
})

test('an ACL that is named but does not exist refuses, it does not fall through', (t) => {
  const open = [
    { name: 'orders.internal', execute_acl: 'Lost' },
    { name: 'orders', execute_acl: 'Default' },
  ]
  t.like(ask({ resources: open }), { allowed: false, code: 'acl_unknown', acl: 'Lost' })
})

test('without an ACL of its own Default allows any user, and a client only with a group of Default', (t) => {
  const anyone = { resources: [], principal: { type: 'user', groups: [] } } as const
  t.like(ask(anyone), { allowed: true, acl: 'Default', acl_of: null, group: 'Everybody' })
  t.like(ask({ ...anyone, acls: [] }), { allowed: true, acl: 'Default' })
  t.like(ask({ resources: [], principal: { type: 'client', groups: [] } }), { allowed: false, code: 'group_missing' })
  const machines = acl('Default', ['Everybody', 'Machines'])
  const grouped = ask({ resources: [], acls: [machines], principal: { type: 'client', groups: ['Machines'] } })
  t.like(grouped, { allowed: true, group: 'Machines' })
})

test('a client that is put into Everybody is not in it', (t) => {
  const posing = { type: 'client', groups: ['Everybody'] } as const
  t.like(ask({ resources: [], principal: posing }), { allowed: false, code: 'group_missing' })
})

test('the folder of the ledger never falls back to Default', (t) => {
  const question = {
    scope: 'ledger.admin',
    resources: [],
    principal: { type: 'user', groups: ['Administrators'] },
  } as const
  for (const resource of ['ledger', 'ledger.admin:clients', 'ledger.new', 'ledger:x']) {
    t.like(ask({ ...question, resource }), { allowed: false, code: 'acl_missing', acl: null })
  }
  t.not(ask({ ...question, resource: 'ledgers' }).code, 'acl_missing')
})

test('as predefined, administrators may administer and audit, auditors only audit', (t) => {
  const may = (group: string, scope: string, resource: string) =>
    ask({ resource, scope, principal: { type: 'client', groups: [group] } }).allowed
  t.true(may('Administrators', 'ledger.admin', 'ledger.admin:guard'))
  t.true(may('Administrators', 'ledger.audit', 'ledger.audit:read'))
  t.true(may('Auditors', 'ledger.audit', 'ledger.audit:read'))
  t.false(may('Auditors', 'ledger.admin', 'ledger.admin:clients'))
  t.false(may('Auditors', 'ledger.audit', 'ledger.admin:clients'))
  t.false(may('Developers', 'ledger.audit', 'ledger.audit:read'))
})
