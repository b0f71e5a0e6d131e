import { generateKeyPairSync } from 'node:crypto'
import { realTest } from '../../support/real-parts.ts'
import { startLedger, type Ledger } from '../ledger.ts'

const test = realTest('postgres')

const ANY = { 'if-match': '*' }

const { publicKey } = generateKeyPairSync('ed25519')
const SIGNING_KEY = { ...publicKey.export({ format: 'jwk' }), kid: 'a' }

/** What each member but `client_name` and `client_type` is set to, and what it is once it is removed. */
const MEMBERS: { [member: string]: { changed: unknown; removed: unknown } } = {
  client_version: { changed: '2', removed: '1' },
  description: { changed: 'At the counter.', removed: '' },
  jwks: { changed: { keys: [SIGNING_KEY] }, removed: null },
  grant_types: { changed: ['client_credentials', 'refresh_token'], removed: ['refresh_token'] },
  redirect_uris: { changed: ['https://shop.example/back'], removed: [] },
  scope: { changed: 'orders', removed: '' },
  token_endpoint_auth_method: { changed: 'client_secret_post', removed: 'client_secret_basic' },
  access_token_lifetime: { changed: 60, removed: null },
  refresh_token_limit: { changed: 3, removed: null },
  refresh_token_lifetime: { changed: 7200, removed: null },
  refresh_token_absolute_lifetime: { changed: 7300, removed: null },
  refresh_grace_seconds: { changed: 0, removed: 30 },
  refresh_rotation: { changed: true, removed: true },
  groups: { changed: ['Staff'], removed: [] },
  resource_server_folders: { changed: ['orders'], removed: null },
  enabled: { changed: false, removed: true },
}

async function withClient(t: Parameters<typeof startLedger>[0]) {
  const ledger = await startLedger(t)
  const { make, register, send, root: token } = ledger
  await make('/admin/groups/Staff', {})
  await make('/admin/scopes/orders', { includes: ['orders'] })
  await make('/admin/scopes/bills', {})
  const shop = await register({
    client_name: 'Shop',
    grant_types: ['client_credentials', 'refresh_token'],
    scope: 'orders bills',
  })
  const path = `/admin/clients/${shop.client_id}`
  const patch = (body: unknown, headers: Record<string, string> = ANY) => send('PATCH', path, { token, body, headers })
  const read = async () => (await send('GET', path, { token })).body
  return { ...ledger, shop, path, patch, read }
}

/** What of the log says which secrets the client has. */
async function secretsIn({ events }: Ledger) {
  return (await events()).flatMap(({ data }) =>
    'client' in data ? [[data.client.secret, data.client.previous_secret]] : [],
  )
}

test('traps-running 1: a PATCH of any other member leaves the secrets, their dates and the grants as they were', async (t) => {
  const ledger = await withClient(t)
  const { shop, patch, path, send, root: token, make, post, read } = ledger
  await make('/admin/users/ada', { username: 'ada' })
  const renewed = await send('POST', `${path}/secret`, { token, body: { overlap_seconds: 3600 } })
  t.is(renewed.status, 200)
  const issued = await send('POST', '/admin/grants', { token, body: { client_id: shop.client_id, sub: 'ada' } })
  let refresh_token = issued.body['refresh_token']
  const last = (await secretsIn(ledger)).at(-1)
  const ends = (await read())['previous_secret_expires_at']
  t.is(typeof ends, 'number')
  let method: 'basic' | 'post' = 'basic'
  for (const [member, { changed }] of Object.entries({ ...MEMBERS, client_name: { changed: 'Shop 2' } })) {
    const { status, body } = await patch({ [member]: changed })
    t.is(status, 200, `${member}: ${JSON.stringify(body)}`)
    t.is(body['previous_secret_expires_at'], ends)
    t.deepEqual((await secretsIn(ledger)).at(-1), last, member)
    if (member === 'enabled') await patch({ enabled: true })
    if (member === 'token_endpoint_auth_method') method = 'post'
    for (const client_secret of [String(renewed.body['client_secret']), shop.client_secret]) {
      const as = { ...shop, client_secret, method }
      const answer = await post(
        '/oauth2/token',
        { grant_type: 'refresh_token', refresh_token: String(refresh_token) },
        { as },
      )
      t.is(answer.status, 200, `${member}: ${JSON.stringify(answer.body)}`)
      refresh_token = answer.body['refresh_token'] ?? refresh_token
    }
  }
})

test('traps-running 2: of a client, what a PATCH does not name stays, null is the default, or the value that null is', async (t) => {
  const { patch, read } = await withClient(t)
  for (const [member, { changed, removed }] of Object.entries(MEMBERS))
    for (const [given, value] of [
      [changed, changed],
      [null, removed],
    ]) {
      const before = await read()
      const answer = await patch({ [member]: given })
      const after = { ...before, [member]: value, revision: Number(before['revision']) + 1 }
      t.deepEqual([answer.status, answer.body], [200, after], member)
      t.is(answer.headers.get('etag'), `"${after.revision}"`)
      t.deepEqual(await read(), after)
    }
  t.like((await patch({ client_name: 'Shop 2' })).body, { client_name: 'Shop 2', client_version: '1' })
})

test('traps-running 2: of a client, what is unknown, wrong or contradicts the rest is named, and nothing is changed', async (t) => {
  const { patch, events, register, publicApp } = await withPublic(t)
  await register({ client_name: 'Till' })
  const before = (await events()).length
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ colour: 'red' }, /colour/],
    [{ colour: null }, /colour/],
    [{ secret: null }, /secret/],
    [{ client_secret: 'x' }, /client_secret/],
    [{ previous_secret: null }, /previous_secret/],
    [{ jwks: { keys: [] } }, /jwks/],
    [{ client_name: null }, /client_name/],
    [{ client_id: 'x' }, /client_id/],
    [{ client_type: 'public' }, /client_type: cannot be changed/],
    [{ enabled: 'yes' }, /enabled/],
    [{ access_token_lifetime: 0 }, /access_token_lifetime/],
    [{ access_token_lifetime: 2 ** 31 }, /access_token_lifetime/],
    [{ refresh_token_lifetime: -1 }, /refresh_token_lifetime/],
    [{ refresh_grace_seconds: 301 }, /refresh_grace_seconds/],
    [{ refresh_grace_seconds: 6 }, /refresh_grace_seconds/],
    [{ scope: 'nothing' }, /there is no scope nothing/],
    [{ groups: ['Nobody'] }, /there is no group Nobody/],
    [{ token_endpoint_auth_method: 'none' }, /token_endpoint_auth_method/],
  ]
  for (const [body, named] of wrong) {
    const answer = await patch(body)
    t.is(answer.status, 400, JSON.stringify(body))
    t.is(answer.body['error'], 'invalid_client_metadata')
    t.regex(String(answer.body['error_description']), named)
  }
  t.regex(String((await publicApp({ grant_types: ['client_credentials'] })).body['error_description']), /grant_types/)
  t.regex(
    String((await publicApp({ resource_server_folders: ['orders'] })).body['error_description']),
    /resource_server/,
  )
  t.is((await patch({ client_name: 'Till' })).status, 409, 'a taken name')
  t.is((await events()).length, before)
})

async function withPublic(t: Parameters<typeof startLedger>[0]) {
  const ledger = await withClient(t)
  const { register, send, root: token } = ledger
  const { client_id } = await register({ client_name: 'App', client_type: 'public' })
  const publicApp = (body: unknown) => send('PATCH', `/admin/clients/${client_id}`, { token, body, headers: ANY })
  return { ...ledger, publicApp }
}

test('a PATCH of a client names the revision that it changes, and takes what GET shows', async (t) => {
  const { patch, read, send, root: token } = await withClient(t)
  t.is((await patch({}, {})).status, 428)
  t.is((await patch({ description: 'x' }, { 'if-match': '"2"' })).status, 412)
  t.is((await patch({ description: 'x', revision: 2 })).status, 412)
  const { body } = await patch({ ...(await read()), description: 'x' }, { 'if-match': 'W/"1-gzip"' })
  t.like(body, { revision: 2, description: 'x' })
  const none = '/admin/clients/0198c0de-aaaa-7000-8000-000000000001'
  t.is((await send('PATCH', none, { token, body: {}, headers: ANY })).status, 404)
  t.is((await send('PATCH', '/admin/clients/root', { token, body: { revision: 1 }, headers: ANY })).status, 200)
  const descriptions = ['a', 'b', 'c'].map((description) => patch({ description }, { 'if-match': '"2"' }))
  t.deepEqual((await Promise.all(descriptions)).map(({ status }) => status).sort(), [200, 412, 412])
})

test('a member of the next release survives a PATCH and a renewal by this one, and is shown to nobody', async (t) => {
  const ledger = await startLedger(t)
  const { send, root: token, events } = ledger
  const jwks = { keys: [{ kty: 'AKP', kid: 'a', alg: 'ML-DSA-65', pub: 'x' }] }
  const cost = { n: 16_384, r: 8, p: 1, threads: 4 }
  const imported = { kid: 1, hash: 'of-scrypt', secret_algorithm: 'scrypt_hmac', salt: 'salt', cost, pepper: 'x' }
  const later = { jwks, secret: imported, jwks_uri: 'https://app.example/jwks' }
  const { client_id } = await ledger.client(later)
  const path = `/admin/clients/${client_id}`
  t.is((await send('PATCH', path, { token, body: { description: 'x' }, headers: ANY })).status, 200)
  const { body } = await send('POST', `${path}/secret`, { token, body: {} })
  for (const member of ['jwks_uri', 'secret', 'previous_secret']) t.false(member in body)
  const clients = (await events()).flatMap(({ data }) => ('client' in data ? [data.client] : []))
  const [changed, renewed] = clients.slice(-2)
  t.like(changed, { description: 'x', ...later })
  const { jwks_uri } = later
  t.like(renewed, { jwks, jwks_uri, previous_secret: { ...imported, expires_at: body['previous_secret_expires_at'] } })
})
