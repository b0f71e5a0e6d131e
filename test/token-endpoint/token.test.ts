import { refuses } from '../support/asserting.ts'
import { sharedLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { isRemainderOf } from '../support/refreshing.ts'
import { basic, type Credentials } from '../support/requests.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
const FORM = { 'content-type': 'application/x-www-form-urlencoded' }
const REFRESH = { grant_type: 'refresh_token', refresh_token: 'x' }

test('client_credentials gives a token for the client itself, without a refresh token', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ access_token_lifetime: 60 })
  const { status, headers, body } = await ledger.post(
    '/oauth2/token',
    { grant_type: 'client_credentials' },
    { as: app },
  )
  t.is(status, 200)
  t.is(headers.get('cache-control'), 'no-store')
  const { access_token, expires_in, ...rest } = body
  t.true(isRemainderOf(60, expires_in))
  t.deepEqual(rest, { token_type: 'Bearer', scope: 'read write' })
  const { active, sub, principal_type, jti } = await ledger.introspect(String(access_token))
  t.deepEqual({ active, sub, principal_type }, { active: true, sub: app.client_id, principal_type: 'client' })
  const [event, ...more] = await ledger.eventsOf(String(jti).split('.')[0] ?? '')
  t.deepEqual(more, [])
  t.is(event?.verdict, 'valid')
  t.like(event?.data, {
    grant_type: 'client_credentials',
    principal: { type: 'client', id: app.client_id },
    refresh: null,
  })
})

test('client_credentials gives the scope that was asked for, each once, and never more than the client has', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const ask = (scope: string) => ledger.post('/oauth2/token', { grant_type: 'client_credentials', scope }, { as: app })
  t.is((await ask('write')).body['scope'], 'write')
  t.is((await ask('write read write')).body['scope'], 'write read')
  t.is((await ask('')).body['scope'], 'read write')
  for (const scope of ['read admin', 'READ', ' ', 'read  write', 'a\\b'])
    refuses(t, await ask(scope), [400, 'invalid_scope'], scope)
})

test('a token without any scope has no scope in its answer, for an empty one would be malformed', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client({ scope: '' })
  const { status, body } = await ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as })
  t.is(status, 200)
  t.deepEqual(Object.keys(body).sort(), ['access_token', 'expires_in', 'token_type'])
})

test('a form with a repeated or nested parameter, or one that is not in a form, is refused', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client()
  const bodies = [
    'grant_type=refresh_token&grant_type=refresh_token&refresh_token=x',
    'grant_type=client_credentials&scope=read&scope=read',
    'grant_type=refresh_token&refresh_token=x&refresh_token=y',
    'grant_type=client_credentials&client_id=a&client_id=a',
    'grant_type=client_credentials&foo=1&foo=2',
    'grant_type=client_credentials&foo=&foo=',
    'grant_type=client_credentials&scope[]=read',
    'grant_type=client_credentials&scope%5Bx%5D=read',
    'grant_type[]=client_credentials',
    'grant_type=client_credentials&scope=%zz',
    'grant_type=client_credentials&scope=%00',
    'grant_type=client_credentials&scope=%ff%fe',
    '',
    '&&&',
    '=',
    'grant_type',
    'grant_type=',
    '{"grant_type":"client_credentials"}',
  ]
  for (const body of bodies)
    refuses(t, await ledger.post('/oauth2/token', body, { as }), [400, 'invalid_request'], body)
})

test('a body of another content type is no token request', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client()
  const form = 'grant_type=client_credentials'
  for (const type of [
    'application/json',
    'text/plain',
    'multipart/form-data; boundary=x',
    'application/xml',
    'nonsense',
    '',
  ])
    refuses(
      t,
      await ledger.post('/oauth2/token', form, { as, headers: { 'content-type': type } }),
      [400, 'invalid_request'],
      type,
    )
  refuses(t, await ledger.postJson('/oauth2/token', { grant_type: 'client_credentials' }, { as }), [
    400,
    'invalid_request',
  ])
  const charset = { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' }
  t.is((await ledger.post('/oauth2/token', form, { as, headers: charset })).status, 200)
})

test('a body over the limit gets 413, whatever is in it', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client()
  for (const filler of ['x', '&', '%41'])
    refuses(
      t,
      await ledger.post('/oauth2/token', `grant_type=client_credentials&a=${filler.repeat(70_000)}`, { as }),
      [413, 'invalid_request'],
      filler,
    )
})

test('a grant_type that is not offered is unsupported', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client()
  const unknown = ['nonsense', 'REFRESH_TOKEN', 'implicit', '__proto__', 'constructor', 'toString']
  for (const grant_type of [...unknown, 'urn:ietf:params:oauth:grant-type:token-exchange', 'refresh_token ', 'é"\\'])
    refuses(t, await ledger.post('/oauth2/token', { grant_type }, { as }), [400, 'unsupported_grant_type'], grant_type)
})

test('a refresh without a token is malformed, one with anything that is no token is invalid', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client()
  for (const form of ['grant_type=refresh_token', 'grant_type=refresh_token&refresh_token='])
    refuses(t, await ledger.post('/oauth2/token', form, { as }), [400, 'invalid_request'], form)
  const { refresh_token } = await ledger.grant({ to: as })
  const broken = [
    ...['x', ' ', 'é'.repeat(61), 'x'.repeat(10_000), 'tl_rt_', `tl_rt_${'A'.repeat(55)}`, `tl_ac_${'_'.repeat(55)}`],
    ...[`${refresh_token} `, ` ${refresh_token}`, `${refresh_token}=`, refresh_token.slice(0, -1), `${refresh_token}A`],
    ...[refresh_token.toUpperCase(), refresh_token.replace('tl_rt_', ''), refresh_token.replace('tl_rt_', 'tl_ac_')],
  ]
  for (const token of broken)
    refuses(
      t,
      await ledger.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token: token }, { as }),
      [400, 'invalid_grant'],
      token.slice(0, 70),
    )
})

test('broken Basic credentials get 401 with a challenge', async (t) => {
  const ledger = await ledgerOfAll()
  const { client_id, client_secret } = await ledger.client()
  const headers = [
    ...['Basic', 'Basic ', 'Basic !!!', 'Basic a b', 'Basic ====', basic(''), basic(':'), basic('no-colon')],
    ...[basic(`:${client_secret}`), basic(`${client_id}:`), basic(`${client_id}\0:${client_secret}`)],
    ...[basic(`${client_id}:${client_secret}x`), basic(`${client_id.toUpperCase()}:${client_secret}`)],
    ...[basic(`${client_id}:${client_secret}\n`), basic(`${client_secret}:${client_id}`), basic('\xff\xfe:\xff')],
    ...['Bearer tl_at_x', 'Digest username="a"', 'Negotiate', client_id],
  ]
  for (const authorization of headers)
    refuses(
      t,
      await ledger.post('/oauth2/token', REFRESH, { headers: { authorization } }),
      [401, 'invalid_client'],
      authorization,
    )
})

test('a client must prove itself by the one method that it is registered for', async (t) => {
  const ledger = await ledgerOfAll()
  const secretBasic = await ledger.client()
  const secretPost = await ledger.client({ token_endpoint_auth_method: 'client_secret_post' })
  const phone = await ledger.publicClient()
  const attempts: Credentials[] = [
    { ...secretBasic, method: 'post' },
    { ...secretBasic, client_secret: null },
    { ...secretPost, method: 'basic' },
    { ...secretPost, client_secret: null },
    { ...phone, client_secret: 'x' },
    { ...phone, client_secret: 'x', method: 'post' },
    { ...secretBasic, client_secret: '' },
    { client_id: 'nobody', client_secret: 'x' },
    { client_id: 'nobody', client_secret: null },
  ]
  for (const [index, as] of attempts.entries())
    refuses(t, await ledger.post('/oauth2/token', REFRESH, { as }), [401, 'invalid_client'], `attempt ${index}`)
  for (const as of [secretBasic, secretPost, phone, { ...phone, client_secret: '' }])
    refuses(t, await ledger.post('/oauth2/token', REFRESH, { as }), [400, 'invalid_grant'])
  refuses(t, await ledger.post('/oauth2/token', REFRESH), [401, 'invalid_client'], 'none at all')
})

test('two client authentications in one request are refused, whether right or wrong', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client()
  const twice = [
    { ...REFRESH, client_id: as.client_id, client_secret: String(as.client_secret) },
    { ...REFRESH, client_secret: 'x' },
    { ...REFRESH, client_id: 'another' },
    { ...REFRESH, client_assertion: 'x' },
  ]
  for (const form of twice) refuses(t, await ledger.post('/oauth2/token', form, { as }), [400, 'invalid_request'])
  const authorization = basic(`${as.client_id}:${as.client_secret}`)
  const headers = [
    ['content-type', FORM['content-type']],
    ['authorization', authorization],
    ['authorization', authorization],
  ]
  const body = new URLSearchParams(REFRESH).toString()
  // fetch joins the two into one value; a raw request with two lines is tested with the application.
  const joined = await ledger.send('/oauth2/token', { method: 'POST', headers: headers as [string, string][], body })
  refuses(t, joined, [401, 'invalid_client'])
})

test('credentials and tokens in the query are refused, not even looked at', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client()
  for (const name of ['client_secret', 'refresh_token', 'password', 'client_assertion', 'code', 'token'])
    refuses(
      t,
      await ledger.post(`/oauth2/token?${name}=x`, { grant_type: 'client_credentials' }, { as }),
      [400, 'invalid_request'],
      name,
    )
})

test('other methods are not allowed at the paths of this endpoint', async (t) => {
  const ledger = await ledgerOfAll()
  for (const path of ['/oauth2/token', '/oauth2/revoke', '/invoke/pub.oauth/refreshAccessToken'])
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await ledger.send(path, { method })
      refuses(t, answer, [405, 'invalid_request'], `${method} ${path}`)
      t.is(answer.headers.get('allow'), 'POST')
    }
  refuses(t, await ledger.send('/oauth2/tokens', { method: 'POST' }), [404, 'not_found'])
})

test('nothing that is refused before the decision is written, logged with its secret, or counted as a bug', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: as })
  const attempts = [
    ledger.post('/oauth2/token', { ...REFRESH, refresh_token, scope: 'admin' }, { as }),
    ledger.post('/oauth2/token', { ...REFRESH, refresh_token }, { as: { ...as, client_secret: 'wrong-secret-1' } }),
    ledger.post('/oauth2/token', { grant_type: 'nonsense', refresh_token }, { as }),
    ledger.post(`/oauth2/token?refresh_token=${refresh_token}`, {}, { as }),
    ledger.post(`/oauth2/token/${refresh_token}`, {}, { as }),
  ]
  t.deepEqual(
    (await Promise.all(attempts)).map(({ status }) => status),
    [400, 401, 400, 400, 404],
  )
  t.is((await ledger.eventsOf(grant_id)).length, 1)
  const text = JSON.stringify(ledger.lines)
  t.true(text.includes(as.client_id))
  for (const secret of [refresh_token, as.client_secret ?? '', 'wrong-secret-1', refresh_token.slice(6)])
    t.false(text.includes(secret))
  t.false(ledger.lines.some((line) => line['msg'] === 'bug'))
})
