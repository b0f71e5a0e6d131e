import test from 'ava'
import type { EntityFact } from '../../../shared/ledger/events.ts'
import { needsGuard, type GuardedWrite } from '../../../shared/ledger/access/guard.ts'
import { client, user } from '../given.ts'
import { aclPut, administrator as root, change, put, register, registryOf, resourcePut, scopePut } from './given.ts'

const consoleClient = client({ client_id: 'console', client_name: 'Console', scope: 'ledger.audit read' })
const eve = user({ sub: 'eve', groups: ['Auditors'], personal: { username: 'eve', name: null, email: null } })

function after(...facts: EntityFact[]) {
  return registryOf(facts).view()
}

const view = after(register(root), register(client()), register(consoleClient), put(user()), put(eve))

const grant = (over: Partial<Extract<GuardedWrite, { type: 'GrantWrite' }>>): GuardedWrite => {
  return { type: 'GrantWrite', client_id: 'shop', principal: { type: 'user', id: 'ada' }, scope: 'read', ...over }
}

const GUARDED: [string, GuardedWrite][] = [
  ['a resource of the ledger', resourcePut('ledger.admin', null)],
  ['the folder of the ledger', resourcePut('ledger', 'Default')],
  ['the end of a resource of the ledger', { type: 'ResourceDeleted', data: { revision: 2, name: 'ledger.audit' } }],
  ['an ACL that stands on the ledger', aclPut('Administrators', ['Administrators', 'Staff'])],
  ['the end of an ACL that stands on the ledger', { type: 'AclDeleted', data: { revision: 2, name: 'Auditors' } }],
  ['a scope that will include a folder of the ledger', scopePut('mine', 'orders', 'ledger.audit')],
  ['a scope that includes the ledger now', scopePut('ledger.admin', 'orders')],
  ['the end of a scope of the ledger', { type: 'ScopeDeleted', data: { revision: 2, name: 'ledger.audit' } }],
  ['a group of an ACL of the ledger', { type: 'GroupDeleted', data: { revision: 2, name: 'Auditors' } }],
  ['a user that joins the administrators', put(user({ groups: ['Administrators'] }), 2)],
  ['a user that leaves the auditors', put({ ...eve, groups: [] }, 2)],
  ['any change of an auditor', put({ ...eve, enabled: false }, 2)],
  ['the end of an auditor', { type: 'UserDeleted', data: { revision: 2, sub: 'eve' } }],
  ['revoking all of an auditor', { type: 'UserGrantsRevoked', data: { revision: 2, user: eve, reason: 'x' } }],
  ['a client that joins the administrators', change(client({ groups: ['Administrators'] }))],
  ['a new client in the auditors', register(client({ client_id: 'new', groups: ['Auditors'] }))],
  ['the secret of an administrator', { type: 'ClientSecretRenewed', data: { revision: 2, client: root } }],
  ['the end of an administrator', { type: 'ClientDeleted', data: { revision: 2, client_id: 'root' } }],
  ['a client that may ask for a scope of the ledger', change(client({ scope: 'read ledger.admin' }))],
  ['a client that might ask for one', change({ ...consoleClient, scope: 'read' })],
  ['a resource server of the ledger', change(client({ resource_server_folders: ['ledger.audit'] }))],
  ['a grant for an auditor', grant({ principal: { type: 'user', id: 'eve' } })],
  ['a grant for an administrator client', grant({ client_id: 'root', principal: { type: 'client', id: 'root' } })],
  ['a grant with a scope of the ledger', grant({ scope: 'read ledger.audit' })],
  ['the ledger itself', { type: 'LedgerCreated', data: { ledger_id: 'x' } }],
]

const UNGUARDED: [string, GuardedWrite][] = [
  ['another resource', resourcePut('orders', 'Administrators')],
  ['a resource whose name only begins like the ledger', resourcePut('ledgers', null)],
  ['an ACL that stands elsewhere', aclPut('Developers', ['Developers', 'Staff'])],
  ['the Default ACL', aclPut('Default', ['Everybody', 'Machines'])],
  ['another scope', scopePut('mine', 'orders', 'ledgers')],
  ['another group', { type: 'GroupPut', data: { revision: 1, group: { name: 'Staff', description: '' } } }],
  ['another user', put(user({ groups: ['Developers'] }), 2)],
  ['the end of another user', { type: 'UserDeleted', data: { revision: 2, sub: 'ada' } }],
  ['another client', change(client({ groups: ['Staff'] }))],
  ['the end of another client', { type: 'ClientDeleted', data: { revision: 2, client_id: 'shop' } }],
  ['a grant for another user', grant({})],
  ['a grant for another client', grant({ principal: { type: 'client', id: 'shop' } })],
]

for (const [title, write] of GUARDED) test(`guarded: ${title}`, (t) => t.true(needsGuard(view, write)))
for (const [title, write] of UNGUARDED) test(`not guarded: ${title}`, (t) => t.false(needsGuard(view, write)))

test('an ACL is guarded as soon as it stands on a folder of the ledger, with its groups, denied ones too', (t) => {
  const custom = after(resourcePut('ledger.admin', 'Ops'), aclPut('Ops', []), put(user({ groups: ['Trainees'] })))
  t.true(needsGuard(custom, aclPut('Ops', ['Staff'])))
  const opened: EntityFact = {
    type: 'AclPut',
    data: { revision: 1, acl: { name: 'Ops', allowed_groups: ['Staff'], denied_groups: ['Trainees'] } },
  }
  const denying = after(resourcePut('ledger.admin', 'Ops'), opened, put(user({ groups: ['Trainees'] })))
  t.true(needsGuard(denying, put(user({ groups: ['Staff'] }), 2)))
  t.true(needsGuard(denying, put(user({ groups: [] }), 2)), 'leaving a denied group reaches the ledger')
})

test('if the ledger is open to Everybody, every user is guarded and no client is', (t) => {
  const open: EntityFact = {
    type: 'AclPut',
    data: { revision: 2, acl: { name: 'Auditors', allowed_groups: ['Everybody'], denied_groups: [] } },
  }
  t.true(needsGuard(after(open), put(user())))
  t.false(needsGuard(after(open), register(client({ groups: ['Everybody'] }))))
})
