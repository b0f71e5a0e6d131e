import { refuses } from '../support/asserting.ts'
import { signer } from '../support/assertions.ts'
import { sharedLedger, startLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { isRemainderOf } from '../support/refreshing.ts'
import { basic, type Credentials } from '../support/requests.ts'

const test = realTest('postgres')
const strictLedger = sharedLedger()
const laxLedger = sharedLedger(async () => ({ settings: { REQUIRE_POST: 'false' } }))

const NAMES = ['getToken', 'getAccessToken', 'refreshAccessToken', 'revokeToken', 'introspectToken']
const SEPARATORS = ['/', ':', '%3A', '%3a']
const STANDARD = ['/oauth2/token', '/oauth2/revoke', '/oauth2/introspect', '/check']
const pathsOf = (name: string) => SEPARATORS.map((separator) => `/invoke/pub.oauth${separator}${name}`)

const query = (path: string, form: Record<string, string>) => `${path}?${new URLSearchParams(form).toString()}`
const as = ({ client_id, client_secret }: Credentials) => ({
  headers: { authorization: basic(`${client_id}:${client_secret}`) },
})

test('without REQUIRE_POST the parameters of each service may come by GET, in the query', async (t) => {
  const ledger = await laxLedger()
  const [app, phone] = [await ledger.client({ resource_server_folders: ['orders'] }), await ledger.publicClient()]
  await ledger.introspect('x')
  for (const separator of SEPARATORS) {
    const get = (name: string, form: Record<string, string>, init = as(app)) =>
      ledger.send(query(`/invoke/pub.oauth${separator}${name}`, form), init)
    const own = await get('getAccessToken', { grant_type: 'client_credentials', scope: 'read' })
    t.is(own.status, 200, separator)
    t.is(own.headers.get('cache-control'), 'no-store')
    t.true(isRemainderOf(3600, own.body['expires_in']))
    t.is((await get('getToken', { grant_type: 'client_credentials' })).status, 200)
    const { refresh_token } = await ledger.grant({ to: app })
    const refreshed = await get('refreshAccessToken', { grant_type: 'refresh_token', refresh_token })
    t.is(refreshed.status, 200)
    const token = String(refreshed.body['access_token'])
    t.true((await get('introspectToken', { token })).body['active'])
    t.deepEqual((await get('revokeToken', { token })).body, {})
    t.deepEqual((await get('introspectToken', { token })).body, { active: false })
    const theirs = await ledger.grant({ to: phone })
    const form = { grant_type: 'refresh_token', refresh_token: theirs.refresh_token, client_id: phone.client_id }
    t.is((await get('getToken', form, { headers: { authorization: '' } })).status, 200, 'a public client')
    refuses(t, await get('getToken', { grant_type: 'x' }), [400, 'unsupported_grant_type'])
    refuses(t, await get('getToken', form, as({ ...app, client_secret: 'x' })), [400, 'invalid_request'])
    refuses(t, await get('getAccessToken', form), [400, 'unsupported_grant_type'])
    refuses(t, await ledger.send(`/invoke/pub.oauth${separator}getToken?a=1&a=2`, as(app)), [400, 'invalid_request'])
  }
})

test('a secret in a query is refused whatever is set, and the same request without it is answered', async (t) => {
  for (const ledger of [await laxLedger(), await strictLedger()]) {
    const app = await ledger.client({ token_endpoint_auth_method: 'client_secret_post' })
    const signing = await signer(ledger)
    const { client_assertion = '', client_assertion_type = '' } = await signing.proof()
    const form = { grant_type: 'client_credentials', token: 'x', refresh_token: 'x' }
    const secrets: Record<string, string>[] = [
      { client_id: app.client_id, client_secret: String(app.client_secret) },
      { client_secret: '' },
      { client_assertion, client_assertion_type },
      { password: 'x' },
      { assertion: 'x' },
    ]
    for (const path of [...NAMES.flatMap(pathsOf), ...STANDARD])
      for (const secret of secrets) {
        const isGot = ledger === (await laxLedger()) && path.startsWith('/invoke')
        if (isGot) refuses(t, await ledger.send(query(path, { ...form, ...secret })), [400, 'invalid_request'], path)
        if (path === '/check') continue
        const posted = await ledger.post(query(path, secret), form, { as: app })
        refuses(t, posted, [400, 'invalid_request'], `POST ${path}`)
      }
    t.is((await ledger.post('/oauth2/token', form, { as: app })).status, 200)
    const encoded = `${pathsOf('getToken')[0]}?grant_type=client_credentials&client%5Fsecret=x&client_id=${app.client_id}`
    t.true((await ledger.send(encoded)).status >= 400)
  }
})

test('no other way in: GET only at these names, never HEAD, and POST takes no token from the query', async (t) => {
  const [lax, strict] = [await laxLedger(), await strictLedger()]
  for (const ledger of [lax, strict]) {
    const app = await ledger.client()
    const { grant_id, refresh_token, access_token } = await ledger.grant({ to: app })
    const form = { grant_type: 'refresh_token', refresh_token, token: access_token }
    for (const path of STANDARD)
      refuses(t, await ledger.send(query(path, form), as(app)), [405, 'invalid_request'], `GET ${path}`)
    for (const path of NAMES.flatMap(pathsOf)) {
      const head = await fetch(ledger.url + query(path, form), { method: 'HEAD', ...as(app) })
      t.is(head.status, 405, `HEAD ${path}`)
      const allowed = ledger === lax ? 'POST, GET' : 'POST'
      t.is(head.headers.get('allow'), allowed, `HEAD ${path}`)
      const options = await fetch(ledger.url + path, { method: 'OPTIONS' })
      t.deepEqual([options.status, options.headers.get('allow')], [200, allowed], `OPTIONS ${path}`)
      refuses(t, await ledger.post(query(path, form), {}, { as: app }), [400, 'invalid_request'], path)
      for (const method of ['PUT', 'DELETE', 'PATCH']) {
        const refused = await ledger.send(query(path, form), { method, ...as(app) })
        refuses(t, refused, [405, 'invalid_request'], path)
        t.is(refused.headers.get('allow'), allowed, `${method} ${path}`)
      }
      if (ledger === strict) {
        const got = await ledger.send(query(path, form), as(app))
        refuses(t, got, [405, 'invalid_request'], `GET ${path}`)
        t.is(got.headers.get('allow'), 'POST')
      }
    }
    t.is((await ledger.eventsOf(grant_id)).length, 1)
  }
})

test('no query is ever logged', async (t) => {
  const ledger = await startLedger(t, { settings: { REQUIRE_POST: 'false', LOG_LEVEL: 'trace' } })
  const app = await ledger.client()
  const { refresh_token } = await ledger.grant({ to: app })
  const [marked, told] = ['MARK7marked', 'client_secret=MARK7secret&password=MARK7password&code=MARK7code']
  for (const path of [...NAMES.flatMap(pathsOf), ...STANDARD, '/nowhere', '/docs'])
    for (const method of ['GET', 'POST', 'HEAD'])
      for (const more of [`refresh_token=${refresh_token}&grant_type=refresh_token`, told, 'x=%', 'x=1&x=2']) {
        const init = { method, ...as(app), ...(method === 'POST' && { body: 'a=1' }) }
        await fetch(`${ledger.url}${path}?state=${marked}&${more}`, init)
      }
  t.true(ledger.lines.length > 100)
  const text = JSON.stringify(ledger.lines)
  for (const part of ['MARK7', refresh_token, 'state=', '?']) t.false(text.includes(part), part)
})

test('/openapi.json tells of GET where it is taken', async (t) => {
  const pathsAt = async (ledger: Awaited<ReturnType<typeof laxLedger>>) =>
    (await ledger.send('/openapi.json')).body['paths'] as Record<string, Record<string, Record<string, unknown>>>
  const [lax, strict] = [await pathsAt(await laxLedger()), await pathsAt(await strictLedger())]
  for (const name of NAMES)
    for (const separator of ['/', ':']) {
      const path = `/invoke/pub.oauth${separator}${name}`
      t.deepEqual(Object.keys(strict[path] ?? {}), ['post'])
      t.deepEqual(Object.keys(lax[path] ?? {}).sort(), ['get', 'post'])
      const names = (lax[path]?.['get']?.['parameters'] as { name: string }[]).map((parameter) => parameter.name)
      t.true(names.includes(/Token$/.test(name) && /revoke|introspect/.test(name) ? 'token' : 'grant_type'))
      for (const secret of ['client_secret', 'client_assertion', 'password']) t.false(names.includes(secret))
    }
})
