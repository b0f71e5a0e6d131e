import { realTest } from '../../support/real-parts.ts'
import { startLedger, ROOT } from '../ledger.ts'

const test = realTest('postgres')

test('a client is registered with what the settings say where it says nothing', async (t) => {
  const { send, root: token, make, tokenOf } = await startLedger(t)
  await make('/admin/scopes/orders', { includes: ['orders'] })
  const body = { client_name: 'Shop', grant_types: ['client_credentials'], scope: 'orders orders' }
  const answer = await send('POST', '/admin/clients', { token, body })
  t.is(answer.status, 201)
  const { client_id, client_secret, ...metadata } = answer.body
  t.regex(String(client_secret), /^[\w-]{43}$/)
  t.is(answer.headers.get('location'), `/admin/clients/${String(client_id)}`)
  t.is(answer.headers.get('cache-control'), 'no-store')
  t.deepEqual(metadata, {
    client_name: 'Shop',
    client_version: '1',
    description: '',
    jwks: null,
    client_type: 'confidential',
    grant_types: ['client_credentials'],
    redirect_uris: [],
    scope: 'orders',
    token_endpoint_auth_method: 'client_secret_basic',
    access_token_lifetime: 3600,
    refresh_token_limit: null,
    refresh_token_lifetime: 2_592_000,
    refresh_token_absolute_lifetime: 31_536_000,
    refresh_grace_seconds: 30,
    refresh_rotation: true,
    groups: [],
    resource_server_folders: null,
    enabled: true,
    revision: 1,
    client_secret_expires_at: 0,
  })
  const read = await send('GET', `/admin/clients/${String(client_id)}`, { token })
  t.is(read.headers.get('etag'), '"1"')
  t.deepEqual({ ...read.body, client_secret_expires_at: 0 }, { client_id, ...metadata })
  t.true((await tokenOf({ client_id: String(client_id), client_secret: String(client_secret) })).startsWith('tl_at_'))
})

test('a public client has no secret, a shorter grace, and may say that its tokens never expire', async (t) => {
  const { send, root: token } = await startLedger(t)
  const redirect_uris = ['https://app.example/callback', 'com.example.app:/callback', 'http://127.0.0.1/callback']
  const body = { client_name: 'App', client_type: 'public', access_token_lifetime: null, redirect_uris }
  const { status, body: client } = await send('POST', '/admin/clients', { token, body })
  t.is(status, 201)
  t.false('client_secret' in client)
  t.is(client['token_endpoint_auth_method'], 'none')
  t.is(client['refresh_grace_seconds'], 22)
  t.is(client['access_token_lifetime'], null)
  t.deepEqual(client['redirect_uris'], redirect_uris)
})

test('W20: name and version of a client are unique', async (t) => {
  const { send, root: token } = await startLedger(t)
  const register = (client_version: string) =>
    send('POST', '/admin/clients', { token, body: { client_name: 'Shop', client_version } })
  const answers = await Promise.all([register('1'), register('1'), register('2')])
  t.deepEqual(answers.map(({ status }) => status).sort(), [201, 201, 409])
  t.is((await register('2')).status, 409)
})

const WRONG: [string, Record<string, unknown>, string][] = [
  ['an unknown member', { colour: 'red' }, 'colour'],
  ['a secret of its own', { client_secret: 'x' }, 'client_secret'],
  ['an id of its own', { client_id: 'x' }, 'client_id'],
  ['no name', { client_name: undefined }, 'client_name'],
  ['a name outside ASCII', { client_name: 'Shöp' }, 'client_name'],
  ['a name that begins with a space', { client_name: ' Shop' }, 'client_name'],
  ['a grant type that is not offered', { grant_types: ['implicit'] }, 'refresh_token, client_credentials'],
  [
    'a public client with client_credentials',
    { client_type: 'public', grant_types: ['client_credentials'] },
    'grant_types',
  ],
  [
    'a public client with a secret',
    { client_type: 'public', token_endpoint_auth_method: 'client_secret_post' },
    'token_',
  ],
  ['a confidential client without one', { token_endpoint_auth_method: 'none' }, 'token_endpoint_auth_method'],
  [
    'a public resource server',
    { client_type: 'public', resource_server_folders: ['orders'] },
    'resource_server_folders',
  ],
  ['a service as a folder', { resource_server_folders: ['orders:list'] }, 'resource_server_folders.0'],
  ['a relative redirect URI', { redirect_uris: ['/callback'] }, 'redirect_uris.0'],
  ['a redirect URI with a fragment', { redirect_uris: ['https://app.example/#x'] }, 'redirect_uris.0'],
  ['a redirect URI with an empty fragment', { redirect_uris: ['https://app.example/#'] }, 'redirect_uris.0'],
  ['a redirect URI that runs', { redirect_uris: ['javascript:alert(1)//'] }, 'redirect_uris.0'],
  ['a scope that does not exist', { scope: 'nothing' }, 'nothing'],
  ['a scope with two spaces', { scope: 'ledger.audit  x' }, 'scope'],
  ['a group that does not exist', { groups: ['Nobody'] }, 'Nobody'],
  ['Everybody', { groups: ['Everybody'] }, 'Everybody'],
  ['a grace that is too short for any retry', { refresh_grace_seconds: 6 }, 'refresh_grace_seconds'],
  ['a grace that is too long', { refresh_grace_seconds: 301 }, 'refresh_grace_seconds'],
  ['a public client without rotation', { client_type: 'public', refresh_rotation: false }, 'refresh_rotation'],
  ['tokens that live no time', { access_token_lifetime: 0 }, 'access_token_lifetime'],
  ['tokens that live too long to be stored', { access_token_lifetime: 2 ** 31 }, 'access_token_lifetime'],
  ['a limit below nothing', { refresh_token_limit: -1 }, 'refresh_token_limit'],
  ['a limit that is not whole', { refresh_token_limit: 1.5 }, 'refresh_token_limit'],
]

test('what is wrong with the metadata is named, and nothing is appended', async (t) => {
  const { send, root: token, events } = await startLedger(t)
  const before = (await events()).length
  for (const [title, over, named] of WRONG) {
    const answer = await send('POST', '/admin/clients', { token, body: { client_name: 'Shop', ...over } })
    t.is(answer.status, 400, title)
    t.is(answer.body['error'], 'invalid_client_metadata', title)
    t.true(
      String(answer.body['error_description']).includes(named),
      `${title}: ${String(answer.body['error_description'])}`,
    )
  }
  t.is((await events()).length, before)
})

test('a secret stands in the one answer, and in no table, event or log line', async (t) => {
  const { register, make, runtime, lines, events, tokenOf, send, root } = await startLedger(t)
  await make('/admin/users/ada', { username: 'ada' })
  const client = await register({ client_name: 'Shop', grant_types: ['client_credentials', 'refresh_token'] })
  const token = await tokenOf(client)
  const granted = await send('POST', '/admin/grants', {
    token: root,
    body: { client_id: client.client_id, sub: 'ada' },
  })
  t.is(granted.status, 200)
  const kept = [JSON.stringify(lines), JSON.stringify(await events()), ...(await allRows(runtime))].join('\n')
  t.true(kept.includes(client.client_id), 'the scan sees what is kept')
  const { access_token, refresh_token } = granted.body
  for (const secret of [client.client_secret, ROOT.client_secret, root, token, access_token, refresh_token]) {
    t.is(typeof secret, 'string')
    t.false(kept.includes(String(secret)))
    t.false(kept.includes(String(secret).slice(-30)))
  }
})

async function allRows({ knex }: { knex: import('knex').Knex }): Promise<string[]> {
  const tables = await knex.raw<{ rows: { name: string }[] }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
      WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  )
  const texts = tables.rows.map(async ({ name }) => {
    const { rows } = await knex.raw<{ rows: { text: string }[] }>(`SELECT to_jsonb(t)::text AS text FROM ${name} t`)
    // The embedded log keeps its records as bytes.
    return rows.map(
      ({ text }) => text + text.replace(/\\\\x([\da-f]+)/g, (_, hex: string) => Buffer.from(hex, 'hex').toString()),
    )
  })
  return (await Promise.all(texts)).flat()
}
