import { refuses } from '../support/asserting.ts'
import { ISSUER, sharedLedger } from '../support/ledger.ts'
import { until } from '../support/waiting.ts'
import { realTest } from '../support/real-parts.ts'
import { guardedFolder } from './orders.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()

test('an active token is told with the names of RFC 7662', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, app, server } = await guardedFolder(ledger, 'a')
  const { sub, grant_id, access_token } = await tokenFor([])
  const { status, headers, body } = await ledger.post('/oauth2/introspect', { token: access_token }, { as: server })
  t.is(status, 200)
  t.is(headers.get('content-type'), 'application/json; charset=utf-8')
  t.is(headers.get('cache-control'), 'no-store')
  t.is(Number(body['exp']) - Number(body['iat']), 3600)
  t.deepEqual(body, {
    active: true,
    scope: 'a.read a.approve',
    client_id: app.client_id,
    sub,
    principal_type: 'user',
    username: `${sub}.name`,
    token_type: 'Bearer',
    jti: `${grant_id}.1`,
    iat: body['iat'],
    exp: body['exp'],
    iss: ISSUER,
  })
})

test('a resource server sees only tokens with a scope that reaches one of its folders', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor } = await guardedFolder(ledger, 'b')
  const { access_token } = await tokenFor([], 'b.approve')
  const asked = async (...folders: string[]) => {
    const as = await ledger.resourceServer(...folders)
    return (await ledger.post('/oauth2/introspect', { token: access_token }, { as })).body
  }
  for (const folders of [['b'], ['b.internal'], ['b.internal:approve'], ['x', 'b']])
    t.is((await asked(...folders))['active'], true, folders.join())
  for (const folders of [[], ['x'], ['bb'], ['b.intern'], ['b.other'], ['b.internal:delete']])
    t.deepEqual(await asked(...folders), { active: false }, folders.join())
})

test('whatever is not an active access token is inactive, and nothing else is said', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, server, app } = await guardedFolder(ledger, 'c')
  const ask = async (token: string) => {
    const { status, body } = await ledger.post('/oauth2/introspect', { token }, { as: server })
    t.is(status, 200)
    return body
  }
  const { sub, access_token, refresh_token } = await tokenFor([])
  for (const token of [refresh_token, `${access_token}x`, access_token.slice(0, -1), 'x', 'é', 'x'.repeat(10_000)])
    t.deepEqual(await ask(token), { active: false }, token.slice(0, 70))
  t.is((await ask(access_token))['active'], true)
  await ledger.user({ sub, enabled: false })
  t.deepEqual(await ask(access_token), { active: false }, 'a disabled user')
  await ledger.user({ sub, enabled: true })
  await ledger.deleteClient(app)
  t.deepEqual(await ask(access_token), { active: false }, 'a deleted client')
})

test('a token is active until its exp and not from then on', async (t) => {
  const ledger = await ledgerOfAll()
  const { app, server, tokenFor } = await guardedFolder(ledger, 'd')
  await ledger.changeClient(app, { access_token_lifetime: 8 })
  const { access_token } = await tokenFor([])
  const ask = async () => {
    const { body, headers } = await ledger.post('/oauth2/introspect', { token: access_token }, { as: server })
    return { body, second: Date.parse(headers.get('date') ?? '') / 1000 }
  }
  const { body } = await ask()
  t.is(body['active'], true)
  const exp = Number(body['exp'])
  // The Date header is taken after the decision, and is cut to seconds as exp is.
  await until(async () => {
    const { body, second } = await ask()
    if (body['active'] === true) t.true(second <= exp)
    return body['active'] === false && second >= exp
  }, 'an expired token')
})

test('the hint, right, wrong or odd, changes nothing', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, server } = await guardedFolder(ledger, 'e')
  const { access_token: token } = await tokenFor([])
  for (const token_type_hint of ['access_token', 'refresh_token', 'accessToken', 'x', '']) {
    const { body } = await ledger.post('/oauth2/introspect', { token, token_type_hint }, { as: server })
    t.is(body['active'], true, token_type_hint)
  }
})

test('a caller that does not prove itself gets 401, one that is no resource server 403', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, server, app } = await guardedFolder(ledger, 'f')
  const { access_token: token } = await tokenFor([])
  const ask = (as?: typeof app, headers: Record<string, string> = {}) =>
    ledger.post('/oauth2/introspect', { token }, { as, headers })
  refuses(t, await ask(), [401, 'invalid_client'])
  refuses(t, await ask({ ...server, client_secret: 'x' }), [401, 'invalid_client'])
  refuses(t, await ask({ ...server, client_secret: null }), [401, 'invalid_client'])
  refuses(t, await ask({ client_id: 'nobody', client_secret: 'x' }), [401, 'invalid_client'])
  refuses(t, await ask(undefined, { authorization: `Bearer ${token}` }), [401, 'invalid_client'])
  refuses(t, await ask(app), [403, 'access_denied'])
  refuses(t, await ask(await ledger.publicClient()), [403, 'access_denied'])
})

test('bad input is refused', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, server: as } = await guardedFolder(ledger, 'g')
  const { access_token: token } = await tokenFor([])
  const malformed = [
    '',
    'token=',
    'token',
    `token=${token}&token=${token}`,
    `token[]=${token}`,
    `token=${token}&x[y]=1`,
  ]
  for (const form of [...malformed, `token=${token}&x=%`])
    refuses(t, await ledger.post('/oauth2/introspect', form, { as }), [400, 'invalid_request'], form.slice(0, 10))
  refuses(t, await ledger.postJson('/oauth2/introspect', { token }, { as }), [400, 'invalid_request'])
  refuses(t, await ledger.post(`/oauth2/introspect?token=${token}`, {}, { as }), [400, 'invalid_request'])
  refuses(t, await ledger.post('/oauth2/introspect', `token=${'x'.repeat(70_000)}`, { as }), [413, 'invalid_request'])
  for (const method of ['GET', 'PUT', 'DELETE'])
    refuses(t, await ledger.send('/oauth2/introspect', { method }), [405, 'invalid_request'], method)
})
