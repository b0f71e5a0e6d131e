import { passwordSettingOf, requirePasswords } from '../../shared/process/runtime.ts'
import { setPassword } from '../../shared/read-model/passwords/set-password.ts'
import { refuses } from '../support/asserting.ts'
import { ISSUER, sharedLedger, startLedger, type TestLedger } from '../support/ledger.ts'
import { GOOD, LOGS_IN } from '../support/passwords.ts'
import { realTest } from '../support/real-parts.ts'
import type { Answer, Credentials } from '../support/requests.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()

test('the metadata lists what works here and nothing else', async (t) => {
  const { send } = await ledgerOfAll()
  const { status, headers, body } = await send('/.well-known/oauth-authorization-server')
  t.is(status, 200)
  t.is(headers.get('content-type'), 'application/json; charset=utf-8')
  const methods = ['client_secret_basic', 'client_secret_post', 'none']
  t.deepEqual(body, {
    issuer: ISSUER,
    token_endpoint: `${ISSUER}/oauth2/token`,
    revocation_endpoint: `${ISSUER}/oauth2/revoke`,
    introspection_endpoint: `${ISSUER}/oauth2/introspect`,
    response_types_supported: ['none'],
    grant_types_supported: ['refresh_token', 'client_credentials', 'password'],
    token_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
  })
})

test('where there is a page for developers, the metadata names it', async (t) => {
  const documentation = 'https://docs.example/tokens'
  const { send } = await startLedger(t, { settings: { SERVICE_DOCUMENTATION: documentation } })
  const { body } = await send('/.well-known/oauth-authorization-server')
  t.is(body['service_documentation'], documentation)
})

/** A client of each method of authentication. What is listed and not here fails the test: add how it is tried. */
const METHODS: Record<string, (ledger: TestLedger, over?: Over) => Promise<Credentials>> = {
  client_secret_basic: (ledger, over) => ledger.client(over),
  client_secret_post: (ledger, over) => ledger.client({ ...over, token_endpoint_auth_method: 'client_secret_post' }),
  none: (ledger, over) => ledger.publicClient(over),
}

type Over = Parameters<TestLedger['client']>[0]

/** A success of each grant type, as this client. */
const GRANT_TYPES: Record<string, (ledger: TestLedger, as: Credentials, path: string) => Promise<Answer>> = {
  refresh_token: async (ledger, as, path) => {
    const { refresh_token } = await ledger.grant({ to: as })
    return ledger.post(path, { grant_type: 'refresh_token', refresh_token }, { as })
  },
  client_credentials: (ledger, as, path) => ledger.post(path, { grant_type: 'client_credentials' }, { as }),
  password: async (ledger, _as, path) => {
    const sub = await ledger.user()
    const hashed = await requirePasswords(ledger.runtime).hash(GOOD)
    const context = { actor: 'system/test' }
    await setPassword(passwordSettingOf(ledger.runtime), { sub, hashed, context }, () => Promise.resolve())
    const form = { grant_type: 'password', username: `${sub}.name`, password: GOOD }
    return ledger.post(path, form, { as: await ledger.client(LOGS_IN) })
  },
}

/** A success at each endpoint, as a client of this method. */
const ENDPOINTS: Record<string, (ledger: TestLedger, method: string, path: string) => Promise<Answer>> = {
  token: async (ledger, method, path) => {
    const as = await driver(METHODS, method)(ledger)
    return driver(GRANT_TYPES, 'refresh_token')(ledger, as, path)
  },
  revocation: async (ledger, method, path) => {
    const as = await driver(METHODS, method)(ledger)
    const { access_token } = await ledger.grant({ to: as })
    return ledger.post(path, { token: access_token }, { as })
  },
  introspection: async (ledger, method, path) => {
    const as = await driver(METHODS, method)(ledger, { resource_server_folders: ['orders'], scope: '' })
    return ledger.post(path, { token: 'x' }, { as })
  },
}

/** Lists of strings that are driven below, and what `response_types_supported` must hold while nobody logs in here. */
const LISTS = ['response_types_supported', 'grant_types_supported', /^\w+_endpoint_auth_methods_supported$/]

function driver<T>(drivers: Record<string, T>, value: string): T {
  const found = drivers[value]
  if (found === undefined) throw new Error(`the metadata lists ${value}, and this test does not know how to try it`)
  return found
}

test('checklist 54, 55: every value that the metadata lists works, at the endpoint that it is listed for', async (t) => {
  const ledger = await ledgerOfAll()
  const { body } = await ledger.send('/.well-known/oauth-authorization-server')
  const listed = (name: string) => body[name] as string[]
  for (const [name, value] of Object.entries(body)) {
    if (!Array.isArray(value)) continue
    t.true(value.length > 0 && new Set(value).size === value.length, name)
    t.true(
      LISTS.some((list) => (typeof list === 'string' ? list === name : list.test(name))),
      `${name} is not tried`,
    )
  }
  t.deepEqual([listed('response_types_supported'), 'authorization_endpoint' in body], [['none'], false])

  const endpoints = Object.keys(body).filter((name) => name.endsWith('_endpoint'))
  t.deepEqual(endpoints, ['token_endpoint', 'revocation_endpoint', 'introspection_endpoint'])
  for (const name of endpoints) {
    const url = new URL(String(body[name]))
    t.is(url.origin, ISSUER)
    for (const method of listed(`${name}_auth_methods_supported`)) {
      const answer = await driver(ENDPOINTS, name.replace('_endpoint', ''))(ledger, method, url.pathname)
      t.is(answer.status, 200, `${method} at ${name}`)
    }
  }
  const { pathname } = new URL(String(body['token_endpoint']))
  for (const grant_type of listed('grant_types_supported')) {
    const answer = await driver(GRANT_TYPES, grant_type)(ledger, await ledger.client(), pathname)
    t.deepEqual([answer.status, answer.body['token_type']], [200, 'Bearer'], grant_type)
  }
})

test('what is not listed does not work', async (t) => {
  const ledger = await ledgerOfAll()
  const { body } = await ledger.send('/.well-known/oauth-authorization-server')
  const as = await ledger.client()
  const all = ['authorization_code', 'password', 'implicit', 'urn:ietf:params:oauth:grant-type:device_code']
  const unlisted = all.filter((grant_type) => !(body['grant_types_supported'] as string[]).includes(grant_type))
  t.true(unlisted.length > 1)
  for (const grant_type of unlisted) {
    const answer = await ledger.post('/oauth2/token', { grant_type, code: 'x' }, { as })
    refuses(t, answer, [400, 'unsupported_grant_type'], grant_type)
  }
  t.false((body['introspection_endpoint_auth_methods_supported'] as string[]).includes('none'))
  const introspected = await ledger.post('/oauth2/introspect', { token: 'x' }, { as: await ledger.publicClient() })
  refuses(t, introspected, [403, 'access_denied'])
})

test('HEAD gives the headers of the metadata without its body, OPTIONS the methods', async (t) => {
  const { url } = await ledgerOfAll()
  const path = `${url}/.well-known/oauth-authorization-server`
  const whole = await fetch(path)
  const head = await fetch(path, { method: 'HEAD' })
  t.deepEqual([head.status, await head.text()], [200, ''])
  for (const name of ['content-type', 'cache-control']) t.is(head.headers.get(name), whole.headers.get(name))
  t.is(head.headers.get('content-length'), String((await whole.arrayBuffer()).byteLength))
  const options = await fetch(path, { method: 'OPTIONS' })
  t.deepEqual([options.status, options.headers.get('allow'), await options.text()], [200, 'HEAD, GET', ''])
})

test('other methods and other well-known documents get JSON too', async (t) => {
  const { send } = await ledgerOfAll()
  for (const method of ['POST', 'PUT', 'DELETE'])
    refuses(t, await send('/.well-known/oauth-authorization-server', { method }), [405, 'invalid_request'], method)
  refuses(t, await send('/.well-known/openid-configuration'), [404, 'not_found'])
})
