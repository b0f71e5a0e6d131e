import { realTest } from '../../support/real-parts.ts'
import { startLedger } from '../ledger.ts'

const test = realTest('postgres')

const ANY = { 'if-match': '*' }

/** A client with tokens of its own and of a user, and a resource server that asks about them. */
async function withTokens(t: Parameters<typeof startLedger>[0]) {
  const ledger = await startLedger(t, { services: ['token-endpoint', 'token-check', 'projector', 'admin'] })
  const { make, register, send, root: token, tokenOf, post } = ledger
  await make('/admin/scopes/orders', { includes: ['orders'] })
  await make('/admin/groups/Shops', {})
  await make('/admin/acls/Orders', { allowed_groups: ['Everybody', 'Shops'] })
  await make('/admin/resources/orders', { execute_acl: 'Orders' })
  await make('/admin/users/ada', { username: 'ada' })
  const grant_types = ['client_credentials', 'refresh_token']
  const shop = await register({ client_name: 'Shop', grant_types, scope: 'orders', groups: ['Shops'] })
  const till = await register({ client_name: 'Till', grant_types, scope: 'orders' })
  const server = await register({ client_name: 'Orders', grant_types: [], resource_server_folders: ['orders'] })
  const issue = async (to: typeof shop) =>
    (await send('POST', '/admin/grants', { token, body: { client_id: to.client_id, sub: 'ada' } })).body
  const own = await tokenOf(shop)
  const pair = await issue(shop)
  const path = `/admin/clients/${shop.client_id}`
  const patch = (body: unknown) => send('PATCH', path, { token, body, headers: ANY })
  const isActive = async (access_token: unknown) =>
    (await post('/oauth2/introspect', { token: String(access_token) }, { as: server })).body['active']
  const mayOrder = async (access_token: unknown) =>
    (await ledger.postJson('/check', { token: access_token, resource: 'orders:list' }, { as: server })).body['allowed']
  const refresh = (refresh_token: unknown, as: typeof shop) =>
    post('/oauth2/token', { grant_type: 'refresh_token', refresh_token: String(refresh_token) }, { as })
  return { ...ledger, shop, till, issue, own, pair, path, patch, isActive, mayOrder, refresh }
}

test('W20: a disabled client is refused at once everywhere, works again when it is enabled, and no grant has ended', async (t) => {
  const ledger = await withTokens(t)
  const { shop, till, issue, own, pair, patch, isActive, mayOrder, refresh, post, events } = ledger
  const other = await issue(till)
  const access = [own, pair['access_token']]
  for (const token of access) t.deepEqual([await isActive(token), await mayOrder(token)], [true, true])
  t.is((await patch({ enabled: false })).body['enabled'], false)
  for (const token of access) t.deepEqual([await isActive(token), await mayOrder(token)], [false, false])
  t.is((await refresh(pair['refresh_token'], shop)).status, 401)
  t.is((await post('/oauth2/token', { grant_type: 'client_credentials' }, { as: shop })).status, 401)
  t.is((await post('/oauth2/revoke', { token: own }, { as: shop })).status, 401)
  t.true(await isActive(other['access_token']), 'another client of the same user')
  const refused = await ledger.send('POST', '/admin/grants', {
    token: ledger.root,
    body: { client_id: shop.client_id, sub: 'ada' },
  })
  t.is(refused.status, 400)
  t.is((await patch({ enabled: true })).status, 200)
  for (const token of access) t.deepEqual([await isActive(token), await mayOrder(token)], [true, true])
  t.is((await refresh(pair['refresh_token'], shop)).status, 200)
  t.false((await events()).some(({ type }) => type === 'TokenRevoked' || type === 'ClientGrantsRevoked'))
})

test('W20, W24: deleting a client ends all its tokens, and those of the same user through another live on', async (t) => {
  const ledger = await withTokens(t)
  const { shop, till, issue, own, pair, path, isActive, refresh, send, root: token, register, post } = ledger
  const other = await issue(till)
  t.is((await send('DELETE', path, { token })).status, 428)
  t.is((await send('DELETE', path, { token, headers: { 'if-match': '"7"' } })).status, 412)
  const gone = await send('DELETE', path, { token, headers: { 'if-match': '"1-gzip"' } })
  t.is(gone.status, 200)
  for (const access of [own, pair['access_token']]) t.false(await isActive(access))
  t.is((await refresh(pair['refresh_token'], shop)).status, 401)
  t.is((await post('/oauth2/token', { grant_type: 'client_credentials' }, { as: shop })).status, 401)
  t.true(await isActive(other['access_token']))
  t.is((await refresh(other['refresh_token'], till)).status, 200)
  for (const method of ['GET', 'PATCH', 'DELETE'])
    t.is(
      (await send(method, path, { token, ...(method === 'PATCH' && { body: {} }), headers: ANY })).status,
      404,
      method,
    )
  t.is((await send('POST', `${path}/secret`, { token, body: {} })).status, 404)
  const again = await register({ client_name: 'Shop', grant_types: ['client_credentials'] })
  t.not(again.client_id, shop.client_id, 'the name is free, the id is another')
  t.false(await isActive(own))
})

test('W21: taking a scope from a client does not touch the tokens already issued, nor what they are refreshed to', async (t) => {
  const { shop, own, pair, patch, mayOrder, refresh, post } = await withTokens(t)
  t.is((await patch({ scope: null })).body['scope'], '')
  t.true(await mayOrder(own))
  t.true(await mayOrder(pair['access_token']))
  const { body } = await refresh(pair['refresh_token'], shop)
  t.is(body['scope'], 'orders')
  t.true(await mayOrder(body['access_token']))
  const fresh = await post('/oauth2/token', { grant_type: 'client_credentials' }, { as: shop })
  t.is(fresh.body['scope'], undefined, 'a new token does not have it')
  t.false(await mayOrder(fresh.body['access_token']))
})

test('W20: a client says for itself how long its tokens live, also for ever', async (t) => {
  const { shop, patch, tokenOf, post } = await withTokens(t)
  const lifetime = async () =>
    (await post('/oauth2/token', { grant_type: 'client_credentials' }, { as: shop })).body['expires_in']
  t.is((await patch({ access_token_lifetime: 60 })).status, 200)
  t.true(Number(await lifetime()) <= 60)
  t.is((await patch({ access_token_lifetime: null })).body['access_token_lifetime'], null)
  t.is(await lifetime(), undefined, 'never')
  t.truthy(await tokenOf(shop))
})

test('clients are listed by their ids, by the beginning of their names, and by what they are', async (t) => {
  const { send, root: token, register, make, shop, till, patch } = await withTokens(t)
  await make('/admin/groups/Staff', {})
  await register({ client_name: 'Shop assistant', client_type: 'public' })
  await patch({ enabled: false, groups: ['Staff'] })
  const names = async (query: string) => {
    const { status, body } = await send('GET', `/admin/clients?${query}`, { token })
    if (status !== 200) return body['error_description']
    return (body['clients'] as { client_name: string }[]).map(({ client_name }) => client_name)
  }
  t.deepEqual(await names('prefix=Shop'), ['Shop', 'Shop assistant'])
  t.deepEqual(await names('prefix=shop'), [], 'names of clients differ by letter case')
  t.deepEqual(await names('prefix=Shop&client_type=public'), ['Shop assistant'])
  t.deepEqual(await names('prefix=Shop&enabled=true'), ['Shop assistant'])
  t.deepEqual(await names('group=Staff'), ['Shop'])
  t.regex(String(await names('client_type=open')), /client_type/)
  const ids: unknown[] = []
  for (let next: string | undefined = '/admin/clients?limit=2'; next !== undefined;) {
    const { body, headers } = await send('GET', next, { token })
    for (const client of body['clients'] as Record<string, unknown>[]) {
      ids.push(client['client_id'])
      for (const member of ['secret', 'previous_secret', 'client_secret']) t.false(member in client)
    }
    next = /^<(.+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1]
  }
  t.is(ids.length, 5)
  t.deepEqual(ids, ids.toSorted())
  for (const { client_id } of [shop, till]) t.true(ids.includes(client_id))
})
