import type { RegistryFact } from '../../../shared/ledger/events.ts'
import { NO_VIEW } from '../../../shared/read-model/commit/commit.ts'
import { realTest } from '../../support/real-parts.ts'
import { startLedger as startBeside } from '../../support/ledger.ts'
import { startLedger } from '../ledger.ts'

const test = realTest('postgres')

const ANY = { 'if-match': '*' }
const services = ['token-endpoint', 'token-check', 'projector', 'admin'] as const

/** A folder `orders` that the group `Staff` may use, a resource server that guards it, and what asks it. */
async function withOrders(t: Parameters<typeof startLedger>[0]) {
  const ledger = await startLedger(t, { services })
  const { make, register } = ledger
  await make('/admin/groups/Staff', {})
  await make('/admin/acls/Orders', { allowed_groups: ['Staff'] })
  await make('/admin/resources/orders', { execute_acl: 'Orders' })
  await make('/admin/scopes/orders', { includes: ['orders'] })
  const api = await register({ client_name: 'api', grant_types: [], resource_server_folders: ['orders'] })
  const check = async (token: string) => {
    const { body } = await ledger.postJson('/check', { token, resource: 'orders:list' }, { as: api })
    return [body['active'], body['allowed'], body['code']]
  }
  const introspect = async (token: string) => (await ledger.post('/oauth2/introspect', { token }, { as: api })).body
  const del = (path: string) => ledger.send('DELETE', path, { token: ledger.root, headers: ANY })
  /** What another process appended at the same moment, as it looks in the log. */
  const append = (fact: RegistryFact) => ledger.runtime.commit(fact, { actor: 'system/test' }, NO_VIEW)
  const grant = async (client_id: string, sub: string): Promise<{ access: string; refresh: string }> => {
    const { status, body } = await ledger.send('POST', '/admin/grants', {
      token: ledger.root,
      body: { client_id, sub },
    })
    if (status !== 200) throw new Error(JSON.stringify(body))
    return { access: String(body['access_token']), refresh: String(body['refresh_token']) }
  }
  return { ...ledger, api, check, introspect, del, append, grantOf: grant }
}

const ALLOWED = [true, true, 'allowed']

test('W21: taking a scope from a client does not touch its tokens; deleting the scope ends it for them, for ever', async (t) => {
  const ledger = await withOrders(t)
  const { register, changeClient, make, check, introspect, del, tokenOf } = ledger
  const grant_types = ['client_credentials']
  const shop = await register({ client_name: 'shop', scope: 'orders', groups: ['Staff'], grant_types })
  const token = await tokenOf(shop)
  t.deepEqual(await check(token), ALLOWED)
  t.is((await del('/admin/scopes/orders')).status, 409)
  await changeClient(shop, { scope: '' })
  t.deepEqual(await check(token), ALLOWED, 'already issued')
  t.is((await del('/admin/scopes/orders')).status, 200)
  t.deepEqual(await check(token), [false, false, 'inactive'], 'not usable here any more')
  await make('/admin/scopes/orders', { includes: ['orders'] })
  t.deepEqual(await check(token), [false, false, 'inactive'], 'the scope of now is another one')
  t.deepEqual(await introspect(token), { active: false })
  await changeClient(shop, { scope: 'orders' })
  t.deepEqual(await check(token), [false, false, 'inactive'])
  const later = await tokenOf(shop)
  t.deepEqual(await check(later), ALLOWED, 'a grant after that has it')
  t.is((await introspect(later))['scope'], 'orders')
})

test('W21: of several scopes of a token, the others count on', async (t) => {
  const ledger = await withOrders(t)
  const { register, changeClient, make, check, introspect, del, tokenOf } = ledger
  await make('/admin/scopes/more', { includes: ['orders:cancel'] })
  const grant_types = ['client_credentials']
  const shop = await register({ client_name: 'shop', scope: 'orders more', groups: ['Staff'], grant_types })
  const token = await tokenOf(shop)
  await changeClient(shop, { scope: '' })
  await del('/admin/scopes/orders')
  await make('/admin/scopes/orders', { includes: ['orders'] })
  t.deepEqual(await check(token), [true, false, 'scope_missing'])
  t.is((await introspect(token))['scope'], 'more')
})

test('a scope that a client was given while it was deleted gives nothing, also once it is made again', async (t) => {
  const ledger = await withOrders(t)
  const { register, make, check, del, tokenOf, root, send } = ledger
  const { client_id, client_secret } = await register({
    client_name: 'shop',
    groups: ['Staff'],
    grant_types: ['client_credentials'],
  })
  const shop = { client_id, client_secret }
  await del('/admin/scopes/orders')
  await ledger.changeClient(shop, { scope: 'orders' })
  t.deepEqual(await check(await tokenOf(shop)), [false, false, 'inactive'])
  await make('/admin/scopes/orders', { includes: ['orders'] })
  t.deepEqual(await check(await tokenOf(shop)), [false, false, 'inactive'])
  t.is((await send('GET', `/admin/clients/${client_id}`, { token: root })).body['scope'], '')
  t.is((await del('/admin/scopes/orders')).status, 200, 'it stands in nobody’s way')
})

test('a group that is made again starts without members, and is in no ACL', async (t) => {
  const ledger = await withOrders(t)
  const { make, register, check, del, append, root, send, grantOf } = ledger
  const { client_id } = await register({ client_name: 'app', scope: 'orders' })
  await make('/admin/users/eve', { username: 'eve', groups: ['Staff'] })
  await make('/admin/users/ada', { username: 'ada' })
  const { access: eve } = await grantOf(client_id, 'eve')
  const { access: ada } = await grantOf(client_id, 'ada')
  t.deepEqual(await check(eve), ALLOWED)
  t.is((await del('/admin/groups/Staff')).status, 409)
  await append({ type: 'GroupDeleted', data: { revision: 2, name: 'Staff' } })
  t.deepEqual(await check(eve), [true, false, 'group_missing'], 'nobody is in it')
  await make('/admin/groups/Staff', {})
  t.deepEqual(await check(eve), [true, false, 'group_missing'])
  for (const path of ['/admin/users/eve', '/admin/users?prefix=eve'])
    t.false(JSON.stringify((await send('GET', path, { token: root })).body).includes('Staff'), path)
  t.deepEqual((await send('GET', '/admin/users?group=Staff', { token: root })).body['users'], [])
  t.deepEqual((await send('GET', '/admin/acls/Orders', { token: root })).body['allowed_groups'], [])
  const patch = (path: string, body: unknown) => send('PATCH', path, { token: root, body, headers: ANY })
  t.is((await patch('/admin/users/eve', { name: 'Eve' })).status, 200)
  t.is((await patch('/admin/users/ada', { groups: ['Staff'] })).status, 200)
  t.deepEqual(await check(ada), [true, false, 'group_missing'], 'the ACL was written for the one of before')
  t.is((await patch('/admin/acls/Orders', { allowed_groups: ['Staff'] })).status, 200)
  t.deepEqual(await check(ada), ALLOWED)
  t.deepEqual(await check(eve), [true, false, 'group_missing'], 'a write of something else brings nobody back')
})

test('W24: deleting a user ends access and refresh for ever, and leaves the other owners of the client alone', async (t) => {
  const ledger = await withOrders(t)
  const { make, register, check, del, grantOf, post } = ledger
  const app = await register({ client_name: 'app', scope: 'orders' })
  for (const sub of ['eve', 'ada']) await make(`/admin/users/${sub}`, { username: sub, groups: ['Staff'] })
  const [eve, ada] = [await grantOf(app.client_id, 'eve'), await grantOf(app.client_id, 'ada')]
  const refresh = (refresh_token: string) =>
    post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, { as: app })
  t.is((await del('/admin/users/eve')).status, 200)
  const ended = async () => {
    t.deepEqual(await check(eve.access), [false, false, 'inactive'])
    t.is((await refresh(eve.refresh)).body['error'], 'invalid_grant')
  }
  await ended()
  await make('/admin/users/eve', { username: 'eve', groups: ['Staff'] })
  await ended()
  t.deepEqual(await check((await grantOf(app.client_id, 'eve')).access), ALLOWED)
  t.deepEqual(await check(ada.access), ALLOWED)
  t.is((await refresh(ada.refresh)).status, 200)
})

test('W24: ending one owner’s grant ends access and refresh, and leaves the other owners of the client alone', async (t) => {
  const ledger = await withOrders(t)
  const { make, register, check, grantOf, introspect, send, root, post } = ledger
  const app = await register({ client_name: 'app', scope: 'orders' })
  for (const sub of ['eve', 'ada']) await make(`/admin/users/${sub}`, { username: sub, groups: ['Staff'] })
  const [eve, ada] = [await grantOf(app.client_id, 'eve'), await grantOf(app.client_id, 'ada')]
  const [grant_id] = String((await introspect(eve.access))['jti']).split('.')
  const revoked = await send('POST', `/admin/grants/${grant_id}/revoke`, { token: root, body: { reason: 'x' } })
  t.is(revoked.status, 200)
  const refresh = (refresh_token: string) =>
    post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, { as: app })
  t.deepEqual([await check(eve.access), (await refresh(eve.refresh)).status], [[false, false, 'inactive'], 400])
  t.deepEqual([await check(ada.access), (await refresh(ada.refresh)).status], [ALLOWED, 200])
})

test('W23: denied beats allowed, neither is denied, and where an ACL goes the folder above stands', async (t) => {
  const ledger = await withOrders(t)
  const { make, register, check, grantOf, send, root, del } = ledger
  const { client_id } = await register({ client_name: 'app', scope: 'orders' })
  await make('/admin/groups/Barred', {})
  await make('/admin/users/eve', { username: 'eve', groups: ['Staff'] })
  const { access } = await grantOf(client_id, 'eve')
  await make('/admin/acls/List', { allowed_groups: ['Staff'], denied_groups: ['Barred'] })
  await make('/admin/resources/orders:list', { execute_acl: 'List' })
  const patch = (path: string, body: unknown) => send('PATCH', path, { token: root, body, headers: ANY })
  t.deepEqual(await check(access), ALLOWED)
  await patch('/admin/users/eve', { groups: ['Staff', 'Barred'] })
  t.deepEqual(await check(access), [true, false, 'group_denied'])
  await patch('/admin/users/eve', { groups: null })
  t.deepEqual(await check(access), [true, false, 'group_missing'])
  t.is((await del('/admin/resources/orders:list')).status, 200)
  t.deepEqual(await check(access), [true, false, 'group_missing'], 'the folder above')
  await patch('/admin/resources/orders', { execute_acl: null })
  t.deepEqual(await check(access), ALLOWED, 'Default: any authenticated user')
})

test('traps-running 8, W27: what one process wrote and answered, another shows in the next request', async (t) => {
  const one = await startLedger(t)
  const other = await startBeside(t, { services: ['token-endpoint', 'admin'], beside: one })
  const read = (path: string) => other.admin.send(path, { headers: { authorization: `Bearer ${one.root}` } })
  for (let n = 0; n < 20; n++) {
    await one.make(`/admin/users/u${n}`, { username: `name${n}`, enabled: n % 2 === 0 })
    t.is((await read(`/admin/users/u${n}`)).status, 200)
    const filter = n % 2 === 0 ? 'enabled=true&' : 'enabled=false&'
    const { status, body } = await read(`/admin/users?${filter}prefix=NAME${n}`)
    t.is(status, 200)
    t.true((body['users'] as { sub: string }[]).some(({ sub }) => sub === `u${n}`))
  }
  await one.send('DELETE', '/admin/users/u3', { token: one.root, headers: ANY })
  t.is((await read('/admin/users/u3')).status, 404)
  t.deepEqual((await read('/admin/users?prefix=name3')).body['users'], [])
})
