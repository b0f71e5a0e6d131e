import { newKey, signer } from '../support/assertions.ts'
import { refuses } from '../support/asserting.ts'
import { authorize, CODE_CLIENT } from '../support/codes.ts'
import { ISSUER, sharedLedger, startLedger, type TestLedger } from '../support/ledger.ts'
import { LOGS_IN, seededLogin } from '../support/passwords.ts'
import { realTest } from '../support/real-parts.ts'
import type { Answer, Credentials } from '../support/requests.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
const WELL_KNOWN = '/.well-known/oauth-authorization-server'

test('the metadata lists what works here and nothing else', async (t) => {
  const { send } = await ledgerOfAll()
  const { status, headers, body } = await send(WELL_KNOWN)
  t.is(status, 200)
  t.is(headers.get('content-type'), 'application/json; charset=utf-8')
  const methods = ['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none']
  const algorithms = [
    ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
    ...['PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'],
  ]
  t.deepEqual(body, {
    issuer: ISSUER,
    authorization_endpoint: `${ISSUER}/oauth2/auth`,
    token_endpoint: `${ISSUER}/oauth2/token`,
    revocation_endpoint: `${ISSUER}/oauth2/revoke`,
    introspection_endpoint: `${ISSUER}/oauth2/introspect`,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['refresh_token', 'client_credentials', 'authorization_code', 'password'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    prompt_values_supported: ['none', 'login', 'consent', 'select_account'],
    token_endpoint_auth_methods_supported: methods,
    token_endpoint_auth_signing_alg_values_supported: algorithms,
    revocation_endpoint_auth_methods_supported: methods,
    revocation_endpoint_auth_signing_alg_values_supported: algorithms,
    introspection_endpoint_auth_methods_supported: methods.slice(0, -1),
    introspection_endpoint_auth_signing_alg_values_supported: algorithms,
  })
})

test('where there is a page for developers, the metadata names it', async (t) => {
  const documentation = 'https://docs.example/tokens'
  const { send } = await startLedger(t, { settings: { SERVICE_DOCUMENTATION: documentation } })
  const { body } = await send(WELL_KNOWN)
  t.is(body['service_documentation'], documentation)
})

/** A client, and how it posts a form with what it proves itself with. */
type Caller = Pick<Credentials, 'client_id'> & {
  post: (path: string, form: Record<string, string>) => Promise<Answer>
}

type Over = Parameters<TestLedger['client']>[0]

const callerOf = (ledger: TestLedger, as: Credentials): Caller => ({
  client_id: as.client_id,
  post: (path, form) => ledger.post(path, form, { as }),
})

async function signingCaller(ledger: TestLedger, over?: Over, alg?: string): Promise<Caller> {
  const { client_id, proof } = await signer(ledger, over, await newKey(alg))
  return { client_id, post: async (path, form) => ledger.post(path, { ...form, ...(await proof()) }) }
}

/** A client of each method of authentication. What is listed and not here fails the test: add how it is tried. */
const METHODS: Record<string, (ledger: TestLedger, over?: Over) => Promise<Caller>> = {
  client_secret_basic: async (ledger, over) => callerOf(ledger, await ledger.client(over)),
  client_secret_post: async (ledger, over) =>
    callerOf(ledger, await ledger.client({ ...over, token_endpoint_auth_method: 'client_secret_post' })),
  private_key_jwt: signingCaller,
  none: async (ledger, over) => callerOf(ledger, await ledger.publicClient(over)),
}

const grantOf = (ledger: TestLedger, { client_id }: Caller) => ledger.grant({ to: { client_id, client_secret: null } })

/** A success of each grant type, as this client. */
const GRANT_TYPES: Record<string, (ledger: TestLedger, as: Caller, path: string) => Promise<Answer>> = {
  refresh_token: async (ledger, as, path) => {
    const { refresh_token } = await grantOf(ledger, as)
    return as.post(path, { grant_type: 'refresh_token', refresh_token })
  },
  client_credentials: (_ledger, as, path) => as.post(path, { grant_type: 'client_credentials' }),
  authorization_code: async (ledger, _as, path) => {
    const as = await ledger.client(CODE_CLIENT)
    return ledger.post(path, (await authorize(ledger, { to: as })).form, { as })
  },
  password: async (ledger, _as, path) => {
    const form = await seededLogin(ledger)
    return ledger.post(path, form, { as: await ledger.client(LOGS_IN) })
  },
}

/** A success at each endpoint, as this client. */
const ENDPOINTS: Record<string, (ledger: TestLedger, as: Caller, path: string) => Promise<Answer>> = {
  token: (ledger, as, path) => driver(GRANT_TYPES, 'refresh_token')(ledger, as, path),
  revocation: async (ledger, as, path) => as.post(path, { token: (await grantOf(ledger, as)).access_token }),
  introspection: (_ledger, as, path) => as.post(path, { token: 'x' }),
}

/** So that a client may do what each endpoint is for. */
const ANYWHERE: Over = { resource_server_folders: ['orders'] }

/** Lists of strings that are driven below, those of the authorization endpoint in a test of their own. */
const LISTS =
  /^(response_types|response_modes|code_challenge_methods|prompt_values|grant_types|\w+_endpoint_auth_methods|\w+_endpoint_auth_signing_alg_values)_supported$/

function driver<T>(drivers: Record<string, T>, value: string): T {
  const found = drivers[value]
  if (found === undefined) throw new Error(`the metadata lists ${value}, and this test does not know how to try it`)
  return found
}

test('checklist 54, 55: every value that the metadata lists works, at the endpoint that it is listed for', async (t) => {
  const ledger = await ledgerOfAll()
  const { body } = await ledger.send(WELL_KNOWN)
  const listed = (name: string) => body[name] as string[]
  for (const [name, value] of Object.entries(body)) {
    if (!Array.isArray(value)) continue
    t.true(value.length > 0 && new Set(value).size === value.length, name)
    t.regex(name, LISTS, 'is not tried')
  }

  const all = Object.keys(body).filter((name) => name.endsWith('_endpoint'))
  t.deepEqual(all, ['authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'introspection_endpoint'])
  const [, ...endpoints] = all
  for (const name of endpoints) {
    const url = new URL(String(body[name]))
    t.is(url.origin, ISSUER)
    const works = driver(ENDPOINTS, name.replace('_endpoint', ''))
    for (const method of listed(`${name}_auth_methods_supported`)) {
      const answer = await works(ledger, await driver(METHODS, method)(ledger, ANYWHERE), url.pathname)
      t.is(answer.status, 200, `${method} at ${name}`)
    }
    for (const alg of listed(`${name}_auth_signing_alg_values_supported`)) {
      const answer = await works(ledger, await signingCaller(ledger, ANYWHERE, alg), url.pathname)
      t.is(answer.status, 200, `${alg} at ${name}`)
    }
  }
  const { pathname } = new URL(String(body['token_endpoint']))
  for (const grant_type of listed('grant_types_supported')) {
    const as = callerOf(ledger, await ledger.client())
    const answer = await driver(GRANT_TYPES, grant_type)(ledger, as, pathname)
    t.deepEqual([answer.status, answer.body['token_type']], [200, 'Bearer'], grant_type)
  }
})

/** Where a request of this client leads that begins as the metadata says. */
async function begun(ledger: TestLedger, as: Credentials, over: Record<string, string> = {}) {
  const { body } = await ledger.send(WELL_KNOWN)
  const { pathname } = new URL(String(body['authorization_endpoint']))
  const [response_type = ''] = body['response_types_supported'] as string[]
  const [code_challenge_method = ''] = body['code_challenge_methods_supported'] as string[]
  const pkce = { code_challenge: 'x'.repeat(43), code_challenge_method }
  const query = new URLSearchParams({ client_id: as.client_id, response_type, ...pkce, ...over })
  const answer = await fetch(`${ledger.url}${pathname}?${query}`, { redirect: 'manual' })
  const location = answer.headers.get('location')
  return { status: answer.status, error: location === null ? null : new URL(location).searchParams.get('error') }
}

test('traps-people 7, checklist 54: what the metadata lists of the authorization endpoint works there, and plain only where it is switched on', async (t) => {
  for (const plain of [false, true]) {
    const ledger = plain ? await startLedger(t, { settings: { ALLOW_PLAIN_PKCE: 'true' } }) : await ledgerOfAll()
    const { body } = await ledger.send(WELL_KNOWN)
    const methods = plain ? ['S256', 'plain'] : ['S256']
    t.deepEqual(body['code_challenge_methods_supported'], methods)
    const as = await ledger.publicClient(CODE_CLIENT)
    for (const code_challenge_method of ['S256', 'plain']) {
      const { status, error } = await begun(ledger, as, { code_challenge_method })
      const works = methods.includes(code_challenge_method)
      t.deepEqual([status, error], works ? [200, null] : [303, 'invalid_request'], code_challenge_method)
    }
    for (const response_mode of body['response_modes_supported'] as string[])
      t.deepEqual(await begun(ledger, as, { response_mode }), { status: 200, error: null })
    for (const prompt of body['prompt_values_supported'] as string[]) {
      const error = prompt === 'none' ? 'login_required' : null
      t.deepEqual(await begun(ledger, as, { prompt }), { status: error === null ? 200 : 303, error }, prompt)
    }
  }
})

test('what is not listed does not work', async (t) => {
  const ledger = await ledgerOfAll()
  const { body } = await ledger.send(WELL_KNOWN)
  const as = await ledger.client()
  const listed = body['grant_types_supported'] as string[]
  const coded = await ledger.client(CODE_CLIENT)
  for (const response_type of ['token', 'id_token', 'code token', 'none'])
    t.is((await begun(ledger, coded, { response_type })).error, 'unsupported_response_type', response_type)
  for (const response_mode of ['fragment', 'form_post', 'web_message'])
    t.is((await begun(ledger, coded, { response_mode })).error, 'invalid_request', response_mode)

  const device = 'urn:ietf:params:oauth:grant-type:device_code'
  const exchanging = 'urn:ietf:params:oauth:grant-type:token-exchange'
  for (const grant_type of ['implicit', device, exchanging, 'urn:ietf:params:oauth:grant-type:jwt-bearer']) {
    t.false(listed.includes(grant_type))
    const answer = await ledger.post('/oauth2/token', { grant_type, code: 'x' }, { as })
    refuses(t, answer, [400, 'unsupported_grant_type'], grant_type)
  }
  t.false((body['introspection_endpoint_auth_methods_supported'] as string[]).includes('none'))
  const introspected = await ledger.post('/oauth2/introspect', { token: 'x' }, { as: await ledger.publicClient() })
  refuses(t, introspected, [403, 'access_denied'])
})

test('HEAD gives the headers of the metadata without its body, OPTIONS the methods', async (t) => {
  const { url } = await ledgerOfAll()
  const path = `${url}${WELL_KNOWN}`
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
    refuses(t, await send(WELL_KNOWN, { method }), [405, 'invalid_request'], method)
  refuses(t, await send('/.well-known/openid-configuration'), [404, 'not_found'])
})
