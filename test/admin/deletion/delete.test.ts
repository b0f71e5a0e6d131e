import { realTest } from '../../support/real-parts.ts'
import { PREDEFINED } from '../../../shared/ledger/registry/predefined.ts'
import { registryKeyOf } from '../../../shared/ledger/registry/state.ts'
import { startLedger, type Ledger } from '../ledger.ts'

const test = realTest('postgres')

const ANY = { 'if-match': '*' }
const NEW = { 'if-none-match': '*' }

const deleting =
  ({ send, root: token }: Ledger) =>
  (path: string, headers: Record<string, string> = ANY) =>
    send('DELETE', path, { token, headers })

test('each kind is deleted in the revision that one has read, and its name can be taken again', async (t) => {
  const ledger = await startLedger(t)
  const { send, root: token, make, events } = ledger
  const del = deleting(ledger)
  const kinds: [string, string, Record<string, unknown>][] = [
    ['scopes', 'orders', {}],
    ['groups', 'Staff', {}],
    ['acls', 'Orders', {}],
    ['resources', 'orders', {}],
    ['users', 'u1', { username: 'ada' }],
  ]
  for (const [plural, name, body] of kinds) {
    const path = `/admin/${plural}/${name}`
    t.is((await del(path)).status, 404)
    await make(path, body)
    const before = (await events()).length
    t.is((await del(path, {})).status, 428)
    t.is((await del(path, NEW)).status, 400)
    t.is((await del(path, { 'if-match': '"2"' })).status, 412)
    t.is((await events()).length, before)
    const answer = await del(path, { 'if-match': 'W/"1-gzip"' })
    const id = plural === 'users' ? 'sub' : 'name'
    t.deepEqual([answer.status, answer.body], [200, { [id]: name, deleted: true, revision: 2 }], path)
    t.is((await send('GET', path, { token })).status, 404)
    t.false(JSON.stringify((await send('GET', `/admin/${plural}`, { token })).body).includes(`"${name}"`))
    t.is((await del(path)).status, 404)
    t.is((await send('PATCH', path, { token, body: {}, headers: ANY })).status, 404)
    t.is((await make(path, body)).body['revision'], 3)
  }
  t.is((await del('/admin/users/u1')).status, 200)
  const { body } = await make('/admin/users/u2', { username: 'ADA' })
  t.is(body['username'], 'ADA', 'the name is free')
})

test('W23: what every ledger begins with is never deleted', async (t) => {
  const ledger = await startLedger(t)
  const before = (await ledger.events()).length
  const paths = PREDEFINED.map((fact) => registryKeyOf(fact)).map((key) => `/admin/${key.replace('/', 's/')}`)
  t.is(paths.length, 17)
  for (const path of paths) {
    const { status, body } = await deleting(ledger)(path)
    t.deepEqual([status, body['error']], [409, 'conflict'], path)
    t.regex(String(body['error_description']), /predefined/)
    t.is((await ledger.send('GET', path, { token: ledger.root })).status, 200)
  }
  t.is((await ledger.events()).length, before)
})

test('W21, W23: what is still named is not deleted, and the answer says where', async (t) => {
  const ledger = await startLedger(t)
  const { make, register, events } = ledger
  const del = deleting(ledger)
  await make('/admin/groups/Staff', {})
  await make('/admin/acls/Orders', { allowed_groups: ['Staff'] })
  await make('/admin/acls/Closed', { denied_groups: ['Staff'] })
  await make('/admin/resources/orders', { execute_acl: 'Orders' })
  await make('/admin/scopes/read', { includes: ['orders'] })
  await make('/admin/users/u1', { username: 'ada', groups: ['Staff'] })
  const shop = await register({ client_name: 'shop', scope: 'read', groups: ['Staff'] })
  const api = await register({ client_name: 'api', grant_types: [], resource_server_folders: ['orders'] })
  const before = (await events()).length
  const named: [string, string[]][] = [
    ['/admin/scopes/read', [`client/${shop.client_id}`]],
    ['/admin/groups/Staff', ['acl/Closed', 'acl/Orders', `client/${shop.client_id}`, 'user/u1']],
    ['/admin/acls/Orders', ['resource/orders']],
    ['/admin/resources/orders', [`client/${api.client_id}`, 'scope/read']],
  ]
  for (const [path, places] of named) {
    const { status, body } = await del(path)
    t.is(status, 409, path)
    const told = /is still named by (.*)$/.exec(String(body['error_description']))?.[1]
    t.deepEqual(told?.split(', ').sort(), places)
  }
  t.is((await events()).length, before)
  t.is((await del('/admin/acls/Closed')).status, 200)
})

test('of many places some are told', async (t) => {
  const ledger = await startLedger(t)
  await ledger.make('/admin/groups/Staff', {})
  const subs = Array.from({ length: 12 }, (_, n) => `u${n}`)
  for (const sub of subs) await ledger.make(`/admin/users/${sub}`, { username: sub, groups: ['Staff'] })
  const { body } = await deleting(ledger)('/admin/groups/Staff')
  t.regex(String(body['error_description']), /^this group is still named by (user\/u\d+, ){9}user\/u\d+ and others$/)
})

test('a group or ACL is deleted under the guard’s counter: whoever lets it into the ledger meanwhile comes first or second', async (t) => {
  const { make, send, root: token, events } = await startLedger(t)
  for (const path of ['/admin/groups/Staff', '/admin/acls/Orders', '/admin/scopes/orders']) {
    await make(path, {})
    t.is((await send('DELETE', path, { token, headers: { 'if-match': '*' } })).status, 200)
  }
  const counted = (await events()).flatMap(({ type, data }) =>
    type.endsWith('Deleted') ? [[type, 'guard_revision' in data && data.guard_revision !== undefined]] : [],
  )
  t.deepEqual(counted, [
    ['GroupDeleted', true],
    ['AclDeleted', true],
    ['ScopeDeleted', false],
  ])
})
