import { generateKeyPairSync } from 'node:crypto'
import { realTest } from '../../support/real-parts.ts'
import { startLedger, ROOT } from '../ledger.ts'

const test = realTest('postgres')

const { publicKey } = generateKeyPairSync('ed25519')
const KEY = { ...publicKey.export({ format: 'jwk' }), kid: 'a' }

const ANY = { 'if-match': '*' }
const ADMINISTRATOR = { grant_types: ['client_credentials'], groups: ['Administrators'], scope: 'ledger.admin' }

/** A holder of `ledger.admin:clients` alone, and clients that reach the ledger in one way or another. */
async function withSupport(t: Parameters<typeof startLedger>[0]) {
  const ledger = await startLedger(t)
  const { make, register, tokenOf, send, root } = ledger
  await make('/admin/groups/Support', {})
  await make('/admin/groups/Staff', {})
  await make('/admin/acls/ClientSupport', { allowed_groups: ['Support', 'Administrators'] })
  await make('/admin/resources/ledger.admin:clients', { execute_acl: 'ClientSupport' })
  await make('/admin/scopes/clients', { includes: ['ledger.admin:clients'] })
  await make('/admin/scopes/orders', { includes: ['orders'] })
  const base = { grant_types: ['client_credentials'] }
  const support = await register({ ...base, client_name: 'support', groups: ['Support'], scope: 'clients' })
  const off = await register({ ...ADMINISTRATOR, client_name: 'off', enabled: false })
  const dormant = await register({ ...ADMINISTRATOR, client_name: 'dormant', grant_types: [] })
  const console_ = await register({ client_name: 'console', client_type: 'public', scope: 'ledger.admin' })
  const api = await register({ client_name: 'ledger api', resource_server_folders: ['ledger'] })
  const shop = await register({ ...base, client_name: 'shop', scope: 'orders' })
  const as =
    (token: string) =>
    (method: string, path: string, body?: unknown, headers: Record<string, string> = ANY) =>
      send(method, path, { token, body, headers })
  const paths = {
    support: `/admin/clients/${support.client_id}`,
    off: `/admin/clients/${off.client_id}`,
    dormant: `/admin/clients/${dormant.client_id}`,
    console: `/admin/clients/${console_.client_id}`,
    api: `/admin/clients/${api.client_id}`,
    shop: `/admin/clients/${shop.client_id}`,
    root: `/admin/clients/${ROOT.client_id}`,
  }
  return { ...ledger, paths, support: as(await tokenOf(support)), administrator: as(root) }
}

test('who may write clients and nothing else writes those that do not reach the ledger', async (t) => {
  const { paths, support } = await withSupport(t)
  const { shop } = paths
  t.is((await support('PATCH', shop, { redirect_uris: ['https://shop.example/'], groups: ['Staff'] })).status, 200)
  t.is((await support('PATCH', shop, { enabled: false })).status, 200)
  t.is((await support('PATCH', shop, { enabled: true, grant_types: [] })).status, 200)
  t.is((await support('POST', `${shop}/secret`, {})).status, 200)
  t.is((await support('PATCH', shop, { jwks: { keys: [KEY] } })).status, 200)
  t.is((await support('GET', '/admin/clients')).status, 200)
  t.is((await support('GET', '/admin/users')).status, 403)
  t.is((await support('DELETE', shop)).status, 200)
})

test('traps-running 9, 10: no write of a client leads a holder of ledger.admin:clients alone into ledger.*', async (t) => {
  const { paths, support, events } = await withSupport(t)
  const { shop, off, dormant, console, api, root, support: self } = paths
  const before = (await events()).length
  const post = (path: string, body: unknown) => support('POST', path, body, {})
  const attempts: [string, Promise<{ status: number }>][] = [
    ['put a client into Administrators', support('PATCH', shop, { groups: ['Administrators'] })],
    ['put itself into Administrators', support('PATCH', self, { groups: ['Support', 'Administrators'] })],
    ['put a client into its own group', support('PATCH', shop, { groups: ['Support'] })],
    ['make an administrator', post('/admin/clients', { ...ADMINISTRATOR, client_name: 'x' })],
    [
      'make a client of its own kind',
      post('/admin/clients', { ...ADMINISTRATOR, client_name: 'x', groups: ['Support'] }),
    ],
    ['give a client the scope', support('PATCH', shop, { scope: 'orders ledger.admin' })],
    ['widen its own scope', support('PATCH', self, { scope: 'clients ledger.admin' })],
    ['make a resource server of the ledger', support('PATCH', shop, { resource_server_folders: ['ledger.admin'] })],
    ['renew the secret of an administrator', post(`${root}/secret`, {})],
    ['renew one of a disabled administrator', post(`${off}/secret`, { overlap_seconds: 0 })],
    ['renew the secret of what introspects the ledger', post(`${api}/secret`, {})],
    ['renew its own secret', post(`${self}/secret`, {})],
    ['enable an administrator', support('PATCH', off, { enabled: true })],
    ['disable an administrator', support('PATCH', root, { enabled: false })],
    ['delete an administrator', support('DELETE', root)],
    ['let an administrator in', support('PATCH', dormant, { grant_types: ['client_credentials'] })],
    ['have its tokens for longer', support('PATCH', root, { access_token_lifetime: null })],
    ['lead administrators elsewhere', support('PATCH', console, { redirect_uris: ['https://evil.example/'] })],
    ['give their client another grant type', support('PATCH', console, { grant_types: [] })],
    ['have it prove itself with a key of theirs', support('PATCH', root, { jwks: { keys: [KEY] } })],
    ['give a key to what introspects the ledger', support('PATCH', api, { jwks: { keys: [KEY] } })],
    ['give itself one', support('PATCH', self, { jwks: { keys: [KEY] } })],
    ['name it otherwise', support('PATCH', console, { client_name: 'Console' })],
    ['end the grants of an administrator', post(`${root}/revoke-all`, { reason: 'x' })],
  ]
  for (const [title, attempt] of attempts) t.is((await attempt).status, 403, title)
  t.is((await events()).length, before, 'nothing was appended')
})

test('traps-running 10: whoever lost the guard right is not told again what it made with it', async (t) => {
  const ledger = await withSupport(t)
  const { register, tokenOf, send, administrator, events } = ledger
  const both = { groups: ['Administrators', 'Support'], scope: 'ledger.admin clients' }
  const second = await register({ ...ADMINISTRATOR, ...both, client_name: 'second' })
  const token = await tokenOf(second)
  const body = { ...ADMINISTRATOR, client_name: 'made' }
  const make = () => send('POST', '/admin/clients', { token, body, headers: { 'idempotency-key': '"k"' } })
  t.is((await make()).status, 201)
  const path = `/admin/clients/${second.client_id}`
  t.is((await administrator('PATCH', path, { groups: ['Support'] })).status, 200)
  const length = (await events()).length
  const again = await make()
  t.is(again.status, 403)
  t.false('client_secret' in again.body)
  t.is((await events()).length, length)
})

test('the last administrator is neither disabled nor deleted, nor loses group, scope or grant type', async (t) => {
  const { paths, administrator, register, events } = await withSupport(t)
  const { root, off, dormant } = paths
  const before = (await events()).length
  const changes = [{ enabled: false }, { groups: null }, { scope: null }, { grant_types: null }]
  for (const change of changes) t.is((await administrator('PATCH', root, change)).status, 409, JSON.stringify(change))
  t.is((await administrator('DELETE', root)).status, 409)
  t.is((await events()).length, before)
  for (const path of [off, dormant]) t.is((await administrator('DELETE', path)).status, 200)
  await register({ ...ADMINISTRATOR, client_name: 'second' })
  t.is((await administrator('PATCH', root, { description: 'One of two.' })).status, 200)
  t.is((await administrator('DELETE', root)).status, 200)
})
