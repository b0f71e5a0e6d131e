import { createHash, randomBytes } from 'node:crypto'
import { refuses } from '../../support/asserting.ts'
import { realTest } from '../../support/real-parts.ts'
import { startLedger, type Ledger } from '../ledger.ts'

const test = realTest('postgres')

const CALLBACK = 'https://shop.example/callback'
const SHOP = { client_name: 'Shop', scope: 'orders stock', grant_types: ['authorization_code', 'refresh_token'] }

async function withShop(t: Parameters<typeof startLedger>[0], over: object = {}, settings = {}) {
  const ledger = await startLedger(t, { settings })
  await ledger.make('/admin/scopes/orders', { includes: ['orders'] })
  await ledger.make('/admin/scopes/stock', { includes: ['stock'] })
  await ledger.make('/admin/users/ada', { username: 'ada' })
  const shop = await ledger.register({ ...SHOP, redirect_uris: [CALLBACK], ...over })
  const code_verifier = randomBytes(32).toString('base64url')
  const code_challenge = createHash('sha256').update(code_verifier).digest('base64url')
  const pkce = { code_challenge, code_challenge_method: 'S256' }
  const body = { client_id: shop.client_id, sub: 'ada', redirect_uri: CALLBACK, ...pkce }
  return { ledger, shop, code_verifier, body, ask: authorizing(ledger) }
}

const authorizing =
  ({ send, root }: Ledger) =>
  (body: object, { token = root, key }: { token?: string; key?: string } = {}) =>
    send('POST', '/admin/authorizations', { token, body, headers: key ? { 'idempotency-key': `"${key}"` } : {} })

const exchange = (
  { post }: Ledger,
  as: { client_id: string; client_secret: string },
  form: Record<string, string>,
  path = '/oauth2/token',
) => post(path, { grant_type: 'authorization_code', ...form }, { as })

/** Where codes are exchanged: the standard path, and both services of webMethods, by both spellings. */
const PATHS = [
  '/oauth2/token',
  ...['getToken', 'getAccessToken'].flatMap((name) => [`/invoke/pub.oauth/${name}`, `/invoke/pub.oauth:${name}`]),
]

test('an administrator authorizes a client for a user, and the client exchanges the code', async (t) => {
  const { ledger, shop, code_verifier, body, ask } = await withShop(t, {}, { AUTHORIZATION_CODE_LIFETIME: '90' })
  const answer = await ask({ ...body, scope: 'orders' })
  t.is(answer.status, 200, JSON.stringify(answer.body))
  const { code, expires_in, grant_id, ...rest } = answer.body
  t.deepEqual(rest, { redirect_uri: CALLBACK, scope: 'orders' })
  t.true(Number(expires_in) > 75 && Number(expires_in) <= 90)
  const tokens = await exchange(ledger, shop, { code: String(code), redirect_uri: CALLBACK, code_verifier })
  t.is(tokens.status, 200, JSON.stringify(tokens.body))
  t.is(tokens.body['scope'], 'orders')
  const told = (await ledger.events()).find(({ subject }) => subject === grant_id)
  t.is(told?.actor, 'client/root')
  t.like(told?.data, { principal: { type: 'user', id: 'ada' }, redirect_uri: CALLBACK, code_lifetime: 90 })
})

test('W13. redirect_uri at the token service: required iff sent to authorize, exact match; 400 if sent when authorize had none', async (t) => {
  const { ledger, shop, code_verifier, body, ask } = await withShop(t)
  const coded = async (over: object) => String((await ask({ ...body, ...over })).body['code'])
  for (const path of PATHS) {
    const ask = (form: Record<string, string>) => exchange(ledger, shop, { code_verifier, ...form }, path)
    const sent = await coded({})
    for (const redirect_uri of ['', `${CALLBACK}?`, 'https://shop.example/', CALLBACK.toUpperCase()])
      refuses(t, await ask({ code: sent, redirect_uri }), [400, 'invalid_grant'], path)
    refuses(t, await ask({ code: sent }), [400, 'invalid_grant'], path)
    t.is((await ask({ code: sent, redirect_uri: CALLBACK })).status, 200, path)
    const omitted = await coded({ redirect_uri: undefined })
    refuses(t, await ask({ code: omitted, redirect_uri: CALLBACK }), [400, 'invalid_grant'], path)
    t.is((await ask({ code: omitted })).status, 200, path)
  }
})

test('W16. PKCE: S256 and plain; once a challenge was sent the verifier is a must', async (t) => {
  const { ledger, shop, code_verifier, body, ask } = await withShop(t, {}, { ALLOW_PLAIN_PKCE: 'true' })
  const challenges = [{}, { code_challenge: code_verifier, code_challenge_method: 'plain' }]
  for (const path of PATHS)
    for (const challenge of challenges) {
      const { code } = (await ask({ ...body, ...challenge })).body
      const send = (proof: Record<string, string>) =>
        exchange(ledger, shop, { code: String(code), redirect_uri: CALLBACK, ...proof }, path)
      refuses(t, await send({}), [400, 'invalid_grant'], path)
      for (const other of ['x'.repeat(43), body.code_challenge])
        refuses(t, await send({ code_verifier: other }), [400, 'invalid_grant'], path)
      t.is((await send({ code_verifier })).status, 200, path)
    }
})

test('a code is refused with a clear word as an authorization endpoint would', async (t) => {
  const { body, ask, ledger } = await withShop(t, { redirect_uris: [CALLBACK, 'http://127.0.0.1/cb'] })
  const phone = await ledger.register({
    ...SHOP,
    client_name: 'Phone',
    client_type: 'public',
    redirect_uris: [CALLBACK],
  })
  const cases: [object, string, RegExp][] = [
    [{ redirect_uri: undefined }, 'invalid_request', /redirect_uri is required/],
    [{ redirect_uri: 'https://evil.example/' }, 'invalid_request', /redirect_uri is not registered/],
    [{ code_challenge_method: undefined }, 'invalid_request', /code_challenge_method is required: S256/],
    [{ code_challenge_method: 'plain' }, 'invalid_request', /must be S256/],
    [{ code_challenge: 'x' }, 'invalid_request', /code_challenge must be made/],
    [{ scope: 'ledger.admin' }, 'invalid_scope', /scope/],
    [{ sub: 'nobody' }, 'invalid_request', /sub: there is no such user/],
    [{ client_id: 'nobody' }, 'invalid_request', /client_id: there is no such client/],
    [{ nonsense: 1 }, 'invalid_request', /nonsense/],
    [
      { client_id: phone.client_id, code_challenge: undefined, code_challenge_method: undefined },
      'invalid_request',
      /code_challenge is required/,
    ],
  ]
  for (const [over, error, description] of cases) {
    const answer = await ask({ ...body, ...over })
    t.is(answer.status, 400, JSON.stringify(over))
    t.is(answer.body['error'], error, JSON.stringify(over))
    t.regex(String(answer.body['error_description']), description)
  }
  const types = (await ledger.events()).map(({ type }) => type)
  t.false(types.includes('AuthorizationGranted'))
})

test('W16. REQUIRE_PKCE: confidential clients must send a code_challenge as well', async (t) => {
  const { body, ask } = await withShop(t, {}, { REQUIRE_PKCE: 'true' })
  const answer = await ask({ ...body, code_challenge: undefined, code_challenge_method: undefined })
  t.is(answer.status, 400)
  t.regex(String(answer.body['error_description']), /code_challenge is required/)
})

test('traps-people 9: an app on the own machine may ask with any port, and exchanges with that same one', async (t) => {
  const { ledger, code_verifier, body, ask } = await withShop(t)
  for (const host of ['127.0.0.1', '[::1]', 'localhost']) {
    const registered = `http://${host}/callback`
    const cli = await ledger.register({ ...SHOP, client_name: `CLI ${host}`, redirect_uris: [registered] })
    const redirect_uri = `http://${host}:51004/callback`
    const asked = { ...body, client_id: cli.client_id, redirect_uri }
    const { code } = (await ask(asked)).body
    const form = { code: String(code), code_verifier }
    refuses(t, await exchange(ledger, cli, { ...form, redirect_uri: registered }), [400, 'invalid_grant'])
    t.is((await exchange(ledger, cli, { ...form, redirect_uri })).status, 200, host)
    const elsewhere = host === 'localhost' ? '127.0.0.1' : 'localhost'
    for (const other of [
      `http://${elsewhere}:51004/callback`,
      `${redirect_uri}/x`,
      `http://${host}:1@evil.example/callback`,
    ])
      t.is((await ask({ ...asked, redirect_uri: other })).status, 400, other)
  }
})

test('a repeated authorization gives the same code until that is exchanged', async (t) => {
  const { ledger, shop, code_verifier, body, ask } = await withShop(t)
  const answers = await Promise.all(Array.from({ length: 4 }, () => ask(body, { key: 'k' })))
  const codes = new Set(answers.map((answer) => answer.body['code']))
  t.deepEqual([[...new Set(answers.map(({ status }) => status))], codes.size], [[200], 1])
  const [code] = codes
  t.is((await exchange(ledger, shop, { code: String(code), redirect_uri: CALLBACK, code_verifier })).status, 200)
  const again = await ask(body, { key: 'k' })
  t.is(again.status, 409)
  t.false('code' in again.body)
  t.is((await ask({ ...body, scope: 'orders' }, { key: 'k' })).status, 422)
})

test('who authorizes needs a right of its own, and that of the guard where the user reaches the ledger', async (t) => {
  const { ledger, body, ask } = await withShop(t)
  await ledger.make('/admin/groups/Desk', {})
  await ledger.make('/admin/acls/Desk', { allowed_groups: ['Desk', 'Administrators'] })
  await ledger.make('/admin/resources/ledger.admin:authorizations', { execute_acl: 'Desk' })
  const desk = { grant_types: ['client_credentials'], scope: 'ledger.admin' }
  const clerk = await ledger.register({ ...desk, client_name: 'Clerk', groups: ['Desk'] })
  const other = await ledger.register({ ...desk, client_name: 'Other' })
  await ledger.make('/admin/users/boss', { username: 'boss', groups: ['Administrators'] })
  const token = await ledger.tokenOf(clerk)
  t.is((await ask(body, { token })).status, 200)
  t.is((await ask({ ...body, sub: 'boss' }, { token })).status, 403)
  t.is((await ask({ ...body, sub: 'boss' })).status, 200)
  t.is((await ask(body, { token: await ledger.tokenOf(other) })).status, 403)
  const grants = { token, body: { client_id: body.client_id, sub: 'ada' } }
  t.is((await ledger.send('POST', '/admin/grants', grants)).status, 403, 'the one right is not the other')
})

test('a revoke-all between authorization and exchange ends the code', async (t) => {
  const { ledger, shop, code_verifier, body, ask } = await withShop(t)
  for (const path of ['/admin/users/ada/revoke-all', `/admin/clients/${shop.client_id}/revoke-all`]) {
    const { code } = (await ask(body)).body
    t.is((await ledger.send('POST', path, { token: ledger.root, body: { reason: 'left' } })).status, 200)
    const form = { code: String(code), redirect_uri: CALLBACK, code_verifier }
    refuses(t, await exchange(ledger, shop, form), [400, 'invalid_grant'], path)
  }
})
