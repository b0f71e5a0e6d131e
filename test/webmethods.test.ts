// Features of the OAuth services of webMethods Integration Server, one test a row; its number and rule are the title.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ava, { type ExecutionContext } from 'ava'
import { s256 } from '../shared/tokens/pkce.ts'
import { approve, ask as openIn, exchangeOf, logIn, queryOf, scene, type Scene } from './authorize/authorizing.ts'
import { refuses } from './support/asserting.ts'
import { authorize, CALLBACK, CODE_CLIENT, untilExpired } from './support/codes.ts'
import { answerIn, titleOf } from './support/cookie-jar.ts'
import { seeded } from './support/kept-logs.ts'
import { ISSUER, sharedLedger, startLedger, type TestLedger } from './support/ledger.ts'
import { LOGS_IN, seededLogin } from './support/passwords.ts'
import { realTest } from './support/real-parts.ts'
import { basic } from './support/requests.ts'
import { LIVES_S, startPastLedger } from './support/past-grants.ts'
import { isRemainderOf } from './support/refreshing.ts'
import { startLedger as startAdministered } from './admin/ledger.ts'
import { guardedFolder } from './token-check/orders.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
const REFRESH = '/invoke/pub.oauth/refreshAccessToken'

/** A service by its names, and the standard path. */
const named = (name: string) => [`/invoke/pub.oauth/${name}`, `/invoke/pub.oauth:${name}`]
const TOKEN_PATHS = ['/oauth2/token', ...named('getToken')]
const REFRESH_PATHS = [...TOKEN_PATHS, ...named('refreshAccessToken')]
const OWN_PATHS = [...TOKEN_PATHS, ...named('getAccessToken')]
const REVOKE_PATHS = ['/oauth2/revoke', ...named('revokeToken')]
const INTROSPECT_PATHS = ['/oauth2/introspect', ...named('introspectToken')]
const OWN = { grant_type: 'client_credentials' }

test('W1. refreshAccessToken: grant_type=refresh_token, refresh_token, scope (optional; equal or subset of the original, never wider) gives access_token, token_type=Bearer, expires_in (seconds), refresh_token, scope (conditional)', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ access_token_lifetime: 900 })
  let { refresh_token } = await ledger.grant({ to: app })
  for (const [asked, given] of [
    [undefined, 'read write'],
    ['read write', 'read write'],
    ['read', 'read'],
  ] as const)
    for (const path of [REFRESH, REFRESH.replace('pub.oauth/', 'pub.oauth:')]) {
      const form = { grant_type: 'refresh_token', refresh_token, ...(asked !== undefined && { scope: asked }) }
      const { status, body } = await ledger.post(path, form, { as: app })
      t.is(status, 200, JSON.stringify(body))
      t.like(body, { token_type: 'Bearer', scope: given })
      t.true(isRemainderOf(900, body['expires_in']))
      t.is((await ledger.introspect(String(body['access_token'])))['scope'], given)
      t.not(body['refresh_token'], refresh_token)
      refresh_token = String(body['refresh_token'])
    }
  const wider = { grant_type: 'refresh_token', refresh_token, scope: 'read write admin' }
  refuses(t, await ledger.post(REFRESH, wider, { as: app }), [400, 'invalid_scope'])
})

test('W2. getToken: grant_type = authorization_code, refresh_token, client_credentials, password; code, client_id (public), redirect_uri, code_verifier, refresh_token, scope gives the same as W1; the token endpoint; refresh_token absent for client_credentials and when the client’s refresh limit is 0', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const phone = await ledger.publicClient()
  for (const path of TOKEN_PATHS) {
    const own = await ledger.post(path, { ...OWN, scope: 'read' }, { as: app })
    t.is(own.status, 200, path)
    t.deepEqual(Object.keys(own.body), ['access_token', 'token_type', 'expires_in', 'scope'])
    t.like(own.body, { token_type: 'Bearer', scope: 'read' })
    const { refresh_token } = await ledger.grant({ to: app })
    const form = { grant_type: 'refresh_token', refresh_token }
    const { body } = await ledger.post(path, { ...form, scope: 'read' }, { as: app })
    t.deepEqual(Object.keys(body), ['access_token', 'token_type', 'expires_in', 'refresh_token', 'scope'])
    const last = await ledger.client({ refresh_token_limit: 1 })
    const pair = await ledger.grant({ to: last })
    const spent = await ledger.post(path, { ...form, refresh_token: pair.refresh_token }, { as: last })
    t.deepEqual([spent.status, 'refresh_token' in spent.body], [200, false], 'the limit')
    const theirs = await ledger.grant({ to: phone })
    const sent = { ...form, refresh_token: theirs.refresh_token, client_id: phone.client_id }
    t.is((await ledger.post(path, sent)).status, 200, 'a public client sends client_id')
    await pairsByCodeAndPassword(t, ledger, path)
    refuses(t, await ledger.post(path, { ...form, grant_type: 'implicit' }, { as: app }), [
      400,
      'unsupported_grant_type',
    ])
  }
})

/** A pair for a code, of a confidential client and of a public one, and for a password; narrowed by scope. */
async function pairsByCodeAndPassword(t: ExecutionContext, ledger: TestLedger, path: string) {
  const coded = [await ledger.client(CODE_CLIENT), await ledger.publicClient(CODE_CLIENT)]
  const codes = await Promise.all(
    coded.map(async (as) => ({ as, scope: 'read write', ...(await authorize(ledger, { to: as })) })),
  )
  const login = {
    as: await ledger.client(LOGS_IN),
    scope: 'read',
    form: { ...(await seededLogin(ledger)), scope: 'read' },
  }
  for (const { as, scope, form } of [...codes, login]) {
    if ('code_verifier' in form) {
      refuses(
        t,
        await ledger.post(path, { ...form, code_verifier: 'x'.repeat(43) }, { as }),
        [400, 'invalid_grant'],
        path,
      )
      refuses(
        t,
        await ledger.post(path, { ...form, redirect_uri: `${CALLBACK}/x` }, { as }),
        [400, 'invalid_grant'],
        path,
      )
    }
    const { status, body } = await ledger.post(path, form, { as })
    t.is(status, 200, `${path}, ${as.client_id}`)
    t.deepEqual(Object.keys(body), ['access_token', 'token_type', 'expires_in', 'refresh_token', 'scope'])
    t.like(body, { token_type: 'Bearer', scope })
    t.true(isRemainderOf(3600, body['expires_in']))
    const told = await ledger.introspect(String(body['access_token']))
    t.like(told, { active: true, client_id: as.client_id, username: `${String(told['sub'])}.name` })
    const refreshing = { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) }
    t.is((await ledger.post('/oauth2/token', refreshing, { as })).status, 200)
  }
}

test('W3. getAccessToken: grant_type = authorization_code, client_credentials, password; client_id, code, redirect_uri, scope gives access_token, token_type, expires_in, refresh_token; deprecated alias; no refresh here', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  for (const path of named('getAccessToken')) {
    const { status, body } = await ledger.post(path, OWN, { as: app })
    t.is(status, 200, path)
    t.like(body, { token_type: 'Bearer', scope: 'read write' })
    t.true(isRemainderOf(3600, body['expires_in']))
    t.like(await ledger.introspect(String(body['access_token'])), { active: true, sub: app.client_id })
    const form = { grant_type: 'refresh_token', refresh_token }
    refuses(t, await ledger.post(path, form, { as: app }), [400, 'unsupported_grant_type'], path)
    await pairsByCodeAndPassword(t, ledger, path)
  }
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})

test('W4. authorize: approval page, then redirect with code, state and iss; redirect_uri is a must if more than one is registered; response_type=token is unsupported_response_type', async (t) => {
  const ledger = await ledgerOfAll()
  const one = await scene(ledger)
  const several = await scene(ledger, { redirect_uris: [CALLBACK, `${CALLBACK}/2`] })
  for (const path of named('authorize')) {
    const get = (on: Scene, over: Record<string, string | undefined> = {}) =>
      on.browser.open(`${path}?${queryOf(on, { redirect_uri: undefined, ...over })}`)
    const login = await get(one, { prompt: 'login' })
    t.is(login.headers.get('content-type'), 'text/html; charset=utf-8')
    const approval = await logIn(one, login)
    t.is(titleOf(approval.text), 'Allow access?', path)
    const sent = answerIn(await approve(one, approval))
    t.deepEqual([sent.get('state'), sent.get('iss')], ['the state', ISSUER])
    t.is((await exchangeOf(one, sent.get('code'), null)).status, 200)
    t.is(answerIn(await get(one, { response_type: 'token' })).get('error'), 'unsupported_response_type')
    t.is((await get(several)).status, 400)
    t.is((await get(several, { redirect_uri: CALLBACK })).status, 200)
    const posted = await one.browser.post(path, queryOf(one, { prompt: 'login' }))
    t.is(titleOf((await one.browser.follow(posted)).text), 'Log in', path)
    await ledger.revokeAllOfUser(one.username.replace('.name', ''))
  }
})

test('W5. introspectToken: token, token_type_hint gives active; if active: token_type, scope, client_id, owner (`sub`, `username`), exp; RFC 7662', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, server] = [await ledger.client(), await ledger.resourceServer('orders')]
  const { sub, access_token, refresh_token } = await ledger.user().then(async (one) => ({
    sub: one,
    ...(await ledger.grant({ to: app, sub: one })),
  }))
  t.true(await ledger.isActive(access_token))
  for (const path of INTROSPECT_PATHS) {
    const ask = (token: string, more = {}) => ledger.post(path, { token, ...more }, { as: server })
    const { body } = await ask(access_token, { token_type_hint: 'access_token' })
    t.like(body, { active: true, token_type: 'Bearer', scope: 'read write', client_id: app.client_id, sub })
    t.like(body, { username: `${sub}.name` })
    t.is(Number(body['exp']) - Number(body['iat']), 3600)
    for (const token of [refresh_token, 'x']) t.deepEqual((await ask(token)).body, { active: false })
    refuses(t, await ask(''), [400, 'invalid_request'])
    refuses(t, await ledger.post(path, { token: access_token }), [401, 'invalid_client'])
    refuses(t, await ledger.post(path, { token: access_token }, { as: app }), [403, 'access_denied'])
  }
})

test('W6. revokeToken: token, token_type_hint; removes access and refresh token of the grant; unknown token = success; confidential clients their own, IS forbids public clients: we allow a public client its own token (RFC 7009)', async (t) => {
  const ledger = await ledgerOfAll()
  const other = await ledger.client()
  for (const app of [await ledger.client(), await ledger.publicClient()])
    for (const path of REVOKE_PATHS)
      for (const hint of ['access_token', 'refresh_token'] as const) {
        const pair = await ledger.grant({ to: app })
        const form = { token: pair[hint], token_type_hint: hint }
        refuses(t, await ledger.post(path, form, { as: other }), [400, 'unauthorized_client'], path)
        refuses(t, await ledger.post(path, form), [401, 'invalid_client'], path)
        t.true(await ledger.isActive(pair.access_token))
        for (const token of [form.token, form.token, 'x']) {
          const { status, body } = await ledger.post(path, { ...form, token }, { as: app })
          t.deepEqual([status, body], [200, {}], path)
        }
        t.false(await ledger.isActive(pair.access_token))
        const refreshing = { grant_type: 'refresh_token', refresh_token: pair.refresh_token }
        refuses(t, await ledger.post('/oauth2/token', refreshing, { as: app }), [400, 'invalid_grant'])
      }
})

test('W7. removeExpiredAccessTokens: maxRows (0 = all) gives removedTokensCount; administrators; also runs by itself on an interval, in batches of a set size', async (t) => {
  const root = { client_id: 'root', client_secret: randomBytes(32).toString('base64url'), method: 'basic' as const }
  seeded(root.client_secret)
  const ledger = await startPastLedger(t, {
    settings: {
      BOOTSTRAP_CLIENT_ID: root.client_id,
      BOOTSTRAP_CLIENT_SECRET: root.client_secret,
      SWEEP_INTERVAL: '0',
    },
  })
  const app = await ledger.client()
  const tokenOf = async (as: typeof app) =>
    String((await ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as })).body['access_token'])
  const bearer = `Bearer ${await tokenOf(root)}`
  const paths = ['/invoke/pub.oauth/', '/invoke/pub.oauth:'].map((start) => `${start}removeExpiredAccessTokens`)
  const send = (path: string | undefined, type: string | null, body?: string, authorization = bearer) =>
    ledger.admin.send(path ?? '', {
      method: 'POST',
      headers: { authorization, ...(type !== null && { 'content-type': type }) },
      ...(body !== undefined && { body }),
    })
  const [form, json] = ['application/x-www-form-urlencoded', 'application/json']
  const twoHoursDead = (LIVES_S + 7_200) * 1000
  const live = await ledger.grant({ to: app })
  for (let count = 0; count < 5; count++) await ledger.issuedAgo(app, twoHoursDead)
  const counts: unknown[] = []
  for (const [path, type, body] of [
    [paths[0], form, 'maxRows=1'],
    [paths[1], json, '{"maxRows":2}'],
    [paths[1], form, 'maxRows=0'],
    [paths[0], null, undefined],
    [paths[0], json, '{}'],
  ] as const) {
    const { status, body: answer } = await send(path, type, body)
    t.is(status, 200, JSON.stringify(answer))
    counts.push(answer)
  }
  t.deepEqual(
    counts,
    [1, 2, 2, 0, 0].map((removedTokensCount) => ({ removedTokensCount })),
  )
  t.true(await ledger.isActive(live.access_token))
  for (const [type, body] of [
    [form, 'maxRows=-1'],
    [form, 'maxRows=1.5'],
    [form, 'maxRows=all'],
    [form, 'maxRows=12345678901'],
    [json, '{"maxRows":-1}'],
    [json, '{"maxRows":1.5}'],
    [json, '{"maxRows":null}'],
    [json, '[]'],
    ['text/plain', '1'],
  ] as const)
    refuses(t, await send(paths[0], type, body), [400, 'invalid_request'], body)
  t.is((await send(paths[0], form, '', 'Bearer nobody')).status, 401)
  t.is((await send(paths[0], form, '', `Bearer ${await tokenOf(app)}`)).status, 403)
  for (const path of paths) t.is((await ledger.post(path, {}, { headers: { authorization: bearer } })).status, 404)
})

test('W8. HTTPS required unless turned off: 400 and a log line', async (t) => {
  const strict = await startLedger(t, { settings: { REQUIRE_HTTPS: 'true', TRUSTED_PROXIES: '127.0.0.1' } })
  const app = await strict.client()
  const { grant_id, refresh_token } = await strict.grant({ to: app })
  const form = { grant_type: 'refresh_token', refresh_token, token: refresh_token }
  const paths = [REFRESH, '/oauth2/token', '/oauth2/revoke', '/oauth2/introspect']
  for (const path of paths) {
    const answer = await strict.post(path, form, {
      as: app,
      headers: { 'x-request-id': `plain-${path.replaceAll('/', '.')}` },
    })
    refuses(t, answer, [400, 'invalid_request'], path)
    t.is(answer.body['error_description'], 'HTTPS is required')
  }
  const logged = strict.lines.filter(({ msg }) => msg === 'plain HTTP request refused')
  t.is(logged.length, paths.length)
  t.true(logged.every(({ level, request_id, address }) => Number(level) >= 40 && request_id && address))
  t.is((await strict.eventsOf(grant_id)).length, 1)
  const https = { 'x-forwarded-proto': 'https' }
  t.is((await strict.post(REFRESH, form, { as: app, headers: https })).status, 200, 'behind a trusted proxy')

  const lax = await ledgerOfAll()
  t.is((await lax.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: await lax.client() })).status, 200)
})

test('W9. POST required unless `REQUIRE_POST=false`, then GET too', async (t) => {
  const strict = await ledgerOfAll()
  const lax = await startLedger(t, { settings: { REQUIRE_POST: 'false' } })
  for (const ledger of [strict, lax]) {
    const app = await ledger.client({ resource_server_folders: ['orders'] })
    const headers = { authorization: basic(`${app.client_id}:${app.client_secret}`) }
    const get = (path: string, form: Record<string, string>) =>
      ledger.send(`${path}?${new URLSearchParams(form).toString()}`, { headers })
    for (const [name, form] of [
      ['getToken', OWN],
      ['getAccessToken', OWN],
      ['revokeToken', { token: 'x' }],
      ['introspectToken', { token: 'x' }],
    ] as const)
      for (const path of named(name)) {
        t.is((await get(path, form)).status, ledger === lax ? 200 : 405, path)
        t.is((await ledger.post(path, form, { as: app })).status, 200, path)
      }
    for (const path of named('refreshAccessToken')) {
      const { refresh_token } = await ledger.grant({ to: app })
      const form = { grant_type: 'refresh_token', refresh_token }
      t.is((await get(path, form)).status, ledger === lax ? 200 : 405, path)
      t.is((await ledger.post(path, form, { as: app })).status, 200, path)
    }
    for (const path of ['/oauth2/token', '/oauth2/revoke', '/oauth2/introspect'])
      refuses(t, await get(path, { ...OWN, token: 'x' }), [405, 'invalid_request'], path)
  }
})

test('W10. a confidential client authenticates in the Authorization header; a public one sends client_id', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, phone] = [await ledger.client(), await ledger.publicClient()]
  const formOf = async (to: typeof app) => {
    const { refresh_token } = await ledger.grant({ to })
    return { grant_type: 'refresh_token', refresh_token }
  }
  const headers = { authorization: basic(`${app.client_id}:${app.client_secret}`) }
  const REVOKE = REVOKE_PATHS.map((path) => [path, 'token'] as const)
  for (const [path, name] of [...REFRESH_PATHS.map((path) => [path, 'refresh_token'] as const), ...REVOKE]) {
    const sent = async (to: typeof app) => ({ ...(await formOf(to)), [name]: (await formOf(to)).refresh_token })
    const mine = await sent(app)
    refuses(t, await ledger.post(path, mine), [401, 'invalid_client'], path)
    refuses(t, await ledger.post(path, { ...mine, client_id: app.client_id }), [401, 'invalid_client'], path)
    t.is((await ledger.post(path, mine, { headers })).status, 200, path)
    const theirs = await sent(phone)
    refuses(t, await ledger.post(path, theirs), [401, 'invalid_client'], path)
    t.is((await ledger.post(path, { ...theirs, client_id: phone.client_id })).status, 200, path)
  }
  for (const path of INTROSPECT_PATHS) {
    refuses(t, await ledger.post(path, { token: 'x', client_id: app.client_id }), [401, 'invalid_client'], path)
    refuses(t, await ledger.post(path, { token: 'x' }, { headers }), [403, 'access_denied'], path)
  }
})

test('W11. token_type is always Bearer; the server keeps the user with each token', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, sub] = [await ledger.client(), await ledger.user()]
  const server = await ledger.resourceServer('orders')
  t.false(await ledger.isActive('x'))
  for (const path of REFRESH_PATHS) {
    const { access_token, refresh_token } = await ledger.grant({ to: app, sub })
    const form = { grant_type: 'refresh_token', refresh_token }
    const { body } = await ledger.post(path, form, { as: app })
    t.is(body['token_type'], 'Bearer')
    for (const token of [access_token, String(body['access_token'])])
      for (const introspect of INTROSPECT_PATHS) {
        const { body: told } = await ledger.post(introspect, { token }, { as: server })
        t.like(told, { sub, username: `${sub}.name`, token_type: 'Bearer' }, introspect)
      }
  }
  for (const path of OWN_PATHS) {
    const { body } = await ledger.post(path, OWN, { as: app })
    t.is(body['token_type'], 'Bearer')
    t.like(await ledger.introspect(String(body['access_token'])), { sub: app.client_id, token_type: 'Bearer' })
  }
})

test('W12. the resource server asks whether the user may use the folder or service: scope covers it, and the ACL lets the user in; for client_credentials the client itself', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, ownToken, check, clerks, managers } = await guardedFolder(ledger, 'shop')
  const allowed = async (token: string, resource: string) => (await check(token, resource)).body['allowed']
  const clerk = await tokenFor([clerks])
  const manager = await tokenFor([managers], 'shop.approve')
  const stranger = await tokenFor([])
  t.true(await allowed(clerk.access_token, 'shop'))
  t.true(await allowed(clerk.access_token, 'shop:list'))
  t.false(await allowed(clerk.access_token, 'shop.internal:approve'), 'the ACL does not let the user in')
  t.true(await allowed(manager.access_token, 'shop.internal:approve'))
  t.false(await allowed(manager.access_token, 'shop:list'), 'the scope does not cover it')
  t.false(await allowed(stranger.access_token, 'shop:list'))
  t.true(await allowed(await ownToken(), 'shop:list'), "the client's own group")
  t.false(await allowed(await ownToken(), 'shop.internal:approve'))
})

test('W14. a grant type not allowed for the client → `unauthorized_client`', async (t) => {
  const ledger = await ledgerOfAll()
  const caller = await ledger.client({ grant_types: ['client_credentials'] })
  const refresher = await ledger.client({ grant_types: ['refresh_token'] })
  const { grant_id, refresh_token } = await ledger.grant({ to: refresher })
  const form = { grant_type: 'refresh_token', refresh_token }
  for (const path of REFRESH_PATHS)
    refuses(t, await ledger.post(path, form, { as: caller }), [400, 'unauthorized_client'], path)
  const phone = await ledger.publicClient({ grant_types: ['refresh_token', 'client_credentials'] })
  for (const path of OWN_PATHS)
    for (const as of [refresher, phone])
      refuses(t, await ledger.post(path, OWN, { as }), [400, 'unauthorized_client'], path)
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})

test('W15. a scope not defined for the client → `invalid_scope`', async (t) => {
  const ledger = await ledgerOfAll()
  await ledger.scope('elsewhere', 'elsewhere')
  const app = await ledger.client({ scope: 'read' })
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  for (const scope of ['elsewhere', 'read elsewhere', 'write']) {
    for (const path of OWN_PATHS)
      refuses(t, await ledger.post(path, { ...OWN, scope }, { as: app }), [400, 'invalid_scope'], `${path} ${scope}`)
    const form = { grant_type: 'refresh_token', refresh_token, scope }
    for (const path of REFRESH_PATHS)
      refuses(t, await ledger.post(path, form, { as: app }), [400, 'invalid_scope'], `${path} ${scope}`)
  }
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})

test('W17. odd hints (`accessToken`) are tolerated; the other kind is looked up too', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const server = await ledger.resourceServer('orders')
  for (const token_type_hint of ['accessToken', 'refreshToken', 'access_token', 'refresh_token', 'x'])
    for (const [at, path] of REVOKE_PATHS.entries()) {
      const { access_token, refresh_token } = await ledger.grant({ to: app })
      t.true(await ledger.isActive(access_token))
      const form = { token: access_token, token_type_hint }
      const ask = async () => (await ledger.post(INTROSPECT_PATHS[at] ?? '', form, { as: server })).body['active']
      t.true(await ask(), token_type_hint)
      const revoking = { token: refresh_token, token_type_hint }
      t.is((await ledger.post(path, revoking, { as: app })).status, 200)
      t.false(await ask(), token_type_hint)
    }
})

const withAdministration = (t: Parameters<typeof startAdministered>[0]) =>
  startAdministered(t, { services: ['token-endpoint', 'token-check', 'projector', 'admin'] })
const ANY = { 'if-match': '*' }

test('W20. client: name + version unique; confidential (secret generated, shown once, can be renewed) or public; description; redirect URIs; allowed grants (client_credentials and password for confidential only); token lifetime: global, never, N seconds; refresh limit; enabled / disabled (denies all its tokens while off); deleting it ends all its tokens', async (t) => {
  const ledger = await withAdministration(t)
  const { register, send, root: token, make, post, tokenOf } = ledger
  const metadata = {
    client_name: 'Shop',
    client_version: '2',
    description: 'At the counter.',
    redirect_uris: ['https://shop.example/back'],
    grant_types: ['client_credentials', 'refresh_token'],
    refresh_token_limit: 1,
    scope: 'read',
  }
  await ledger.scope('read', 'orders')
  const shop = await register(metadata)
  t.like(shop, metadata)
  t.is((await send('POST', '/admin/clients', { token, body: metadata })).status, 409)
  const path = `/admin/clients/${shop.client_id}`
  t.false('client_secret' in (await send('GET', path, { token })).body)
  const phone = { client_name: 'Phone', client_type: 'public' }
  const barred = { ...phone, grant_types: ['client_credentials'] }
  t.is((await send('POST', '/admin/clients', { token, body: barred })).status, 400)
  t.false('client_secret' in (await register(phone)))
  const renewed = await send('POST', `${path}/secret`, { token, body: { overlap_seconds: 0 } })
  const now = { ...shop, client_secret: String(renewed.body['client_secret']) }
  seeded(now.client_secret)
  t.is((await post('/oauth2/token', { grant_type: 'client_credentials' }, { as: shop })).status, 401)

  const patch = (body: object) => send('PATCH', path, { token, body, headers: ANY })
  const lives = async () => (await post('/oauth2/token', { grant_type: 'client_credentials' }, { as: now })).body
  t.true(isRemainderOf(3600, (await lives())['expires_in']), 'global')
  await patch({ access_token_lifetime: 60 })
  t.true(isRemainderOf(60, (await lives())['expires_in']))
  await patch({ access_token_lifetime: null })
  t.false('expires_in' in (await lives()), 'never')

  await make('/admin/users/ada', { username: 'ada' })
  const { body: pair } = await send('POST', '/admin/grants', { token, body: { client_id: shop.client_id, sub: 'ada' } })
  const refresh = (refresh_token: unknown) =>
    post(REFRESH, { grant_type: 'refresh_token', refresh_token: String(refresh_token) }, { as: now })
  await patch({ enabled: false })
  const own = await ledger.introspect(String(pair['access_token']))
  t.false(own['active'])
  t.is((await refresh(pair['refresh_token'])).status, 401)
  await patch({ enabled: true })
  t.true(await ledger.isActive(String(pair['access_token'])))
  const next = await refresh(pair['refresh_token'])
  t.deepEqual([next.status, 'refresh_token' in next.body], [200, false], 'the limit is one refresh')
  const last = await tokenOf(now)
  t.is((await send('DELETE', path, { token, headers: ANY })).status, 200)
  for (const access of [next.body['access_token'], last]) t.false(await ledger.isActive(String(access)))
})

test('W21. scope: name (ASCII 33–126, at most 100 characters, no `\\` `,` `"`), description, folders and services; a scope that a client uses cannot be deleted; taking a scope from a client does not touch tokens already issued', async (t) => {
  const { register, send, root: token, make, tokenOf, introspect } = await withAdministration(t)
  const put = (name: string) =>
    send('PUT', `/admin/scopes/${encodeURIComponent(name)}`, { token, body: {}, headers: { 'if-none-match': '*' } })
  for (const name of ['a b', 'a\\b', 'a,b', 'a"b', 'ä', '\u007f', 'x'.repeat(101)]) t.is((await put(name)).status, 400)
  for (const name of ['!', '~', 'a/b', 'x'.repeat(100)]) t.is((await put(name)).status, 201)
  const scope = { description: 'Read orders.', includes: ['orders', 'bills:list'] }
  t.like((await make('/admin/scopes/orders', scope)).body, scope)
  const shop = await register({ client_name: 'Shop', grant_types: ['client_credentials'], scope: 'orders' })
  const issued = await tokenOf(shop)
  const del = () => send('DELETE', '/admin/scopes/orders', { token, headers: ANY })
  t.is((await del()).status, 409)
  await send('PATCH', `/admin/clients/${shop.client_id}`, { token, body: { scope: null }, headers: ANY })
  t.is((await introspect(issued))['scope'], 'orders')
  t.is((await del()).status, 200)
})

ava.todo('W22. URL templates for REST resources, so that a check can be asked by method and path')

test('W23. ACLs: allowed and denied groups; Denied > Allowed > not specified = denied; own ACL, else the nearest parent folder’s, else Default (any authenticated user); predefined ones cannot be deleted', async (t) => {
  const ledger = await withAdministration(t)
  const { tokenFor, check, clerks, managers, banned } = await guardedFolder(ledger, 'shop')
  await ledger.scope('shop.read', 'shop', 'elsewhere')
  const server = await ledger.resourceServer('shop', 'elsewhere')
  const asked = async (groups: string[], resource: string) => {
    const { access_token } = await tokenFor(groups)
    const { body } = await ledger.postJson('/check', { token: access_token, resource }, { as: server })
    return [body['allowed'], body['code']]
  }
  t.deepEqual(await asked([clerks], 'shop:list'), [true, 'allowed'], 'the nearest folder’s')
  t.deepEqual(await asked([clerks, banned], 'shop:list'), [false, 'group_denied'])
  t.deepEqual(await asked([], 'shop:list'), [false, 'group_missing'])
  t.deepEqual(await asked([clerks], 'shop.internal:approve'), [false, 'group_missing'], 'its own')
  t.deepEqual(await asked([managers], 'shop.internal:approve'), [true, 'allowed'])
  t.deepEqual(await asked([], 'elsewhere:list'), [true, 'allowed'], 'Default')
  t.is((await check((await tokenFor([clerks])).access_token, 'shop:list')).status, 200)
  for (const name of ['Default', 'Administrators']) {
    const { status } = await ledger.send('DELETE', `/admin/acls/${name}`, { token: ledger.root, headers: ANY })
    t.is(status, 409, name)
  }
})

test('W24. users and groups; deleting one token ends access and refresh; other owners of the same client are unaffected', async (t) => {
  const ledger = await withAdministration(t)
  const { make, send, root: token, register, post, introspect, isActive } = ledger
  await make('/admin/groups/Staff', { description: 'People who work here.' })
  await ledger.scope('read', 'orders')
  const app = await register({ client_name: 'App', grant_types: ['refresh_token'], scope: 'read' })
  const grantOf = async (sub: string) => {
    await make(`/admin/users/${sub}`, { username: sub, groups: ['Staff'] })
    const { body } = await send('POST', '/admin/grants', { token, body: { client_id: app.client_id, sub } })
    return { access: String(body['access_token']), refresh_token: String(body['refresh_token']) }
  }
  const [eve, ada] = [await grantOf('eve'), await grantOf('ada')]
  const [grant_id] = String((await introspect(eve.access))['jti']).split('.')
  await send('POST', `/admin/grants/${grant_id}/revoke`, { token, body: { reason: 'lost' } })
  const refresh = async ({ refresh_token }: typeof eve) =>
    (await post(REFRESH, { grant_type: 'refresh_token', refresh_token }, { as: app })).status
  t.deepEqual([await isActive(eve.access), await refresh(eve)], [false, 400])
  t.deepEqual([await isActive(ada.access), await refresh(ada)], [true, 200])
})

test('W25. global settings: require HTTPS, access token lifetime (3600 s or never)', async (t) => {
  for (const [given, lives] of [
    [{}, 3600],
    [{ ACCESS_TOKEN_LIFETIME: '60' }, 60],
    [{ ACCESS_TOKEN_LIFETIME: 'never' }, null],
  ] as const) {
    const services = ['token-endpoint', 'projector', 'admin'] as const
    const { register, post } = await startAdministered(t, { settings: given, services: [...services] })
    const app = await register({ client_name: 'App', grant_types: ['client_credentials'] })
    for (const path of OWN_PATHS) {
      const { status, body } = await post(path, OWN, { as: app })
      t.is(status, 200, path)
      if (lives === null) t.false('expires_in' in body, path)
      else t.true(isRemainderOf(lives, body['expires_in']), path)
    }
  }
  const strict = await startLedger(t, { settings: { REQUIRE_HTTPS: 'true' } })
  const as = await strict.client()
  for (const path of [...OWN_PATHS, ...REFRESH_PATHS, ...REVOKE_PATHS, ...INTROSPECT_PATHS])
    refuses(t, await strict.post(path, { ...OWN, token: 'x' }, { as }), [400, 'invalid_request'], path)
})

test('W25. global settings: require PKCE, code lifetime (600 s)', async (t) => {
  for (const [settings, lives, isRequired] of [
    [{}, 600, false],
    [{ REQUIRE_PKCE: 'true', AUTHORIZATION_CODE_LIFETIME: '5' }, 5, true],
  ] as const) {
    const services = ['token-endpoint', 'projector', 'admin'] as const
    const ledger = await startAdministered(t, { settings, services: [...services] })
    const { register, send, make, post, root: token } = ledger
    await make('/admin/users/ada', { username: 'ada' })
    const app = await register({ client_name: 'App', ...CODE_CLIENT })
    const phone = await register({ client_name: 'Phone', client_type: 'public', ...CODE_CLIENT })
    const code_verifier = randomBytes(32).toString('base64url')
    const pkce = { code_challenge: s256(code_verifier), code_challenge_method: 'S256' }
    const ask = ({ client_id }: typeof app, challenge: object) =>
      send('POST', '/admin/authorizations', { token, body: { client_id, sub: 'ada', ...challenge } })
    t.is((await ask(phone, {})).status, 400)
    t.is((await ask(app, {})).status, isRequired ? 400 : 200)
    const { body } = await ask(app, pkce)
    t.true(isRemainderOf(lives, body['expires_in']), JSON.stringify(body))
    const form = { grant_type: 'authorization_code', code: String(body['code']), code_verifier }
    if (lives < 600) await untilExpired(ledger, String(body['grant_id']))
    for (const path of OWN_PATHS) {
      const code = lives < 600 ? form.code : String((await ask(app, pkce)).body['code'])
      const answer = await post(path, { ...form, code }, { as: app })
      if (lives < 600) refuses(t, answer, [400, 'invalid_grant'], path)
      else t.is(answer.status, 200, path)
    }
  }
})

test('W26. login and approval page: title, logo, heading, footer; the user may select which scopes to approve', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'token-ledger-pages-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const logo = join(folder, 'logo.svg')
  await writeFile(logo, '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="9"/></svg>')
  const settings = { PAGES_TITLE: 'Shop', PAGES_HEADING: 'Welcome here', PAGES_FOOTER: 'Ask Ada.', PAGES_LOGO: logo }
  const on = await scene(await startLedger(t, { settings }))
  const login = await openIn(on)
  const consent = await logIn(on, login)
  for (const { text } of [login, consent]) {
    for (const said of ['· Shop</title>', '<p class="service">Shop</p>', '<footer>Ask Ada.</footer>'])
      t.true(text.includes(said), said)
    const picture = await on.browser.ask(/<img src="([^"]*)"/.exec(text)?.[1] ?? '')
    t.deepEqual([picture.status, picture.headers.get('content-type')], [200, 'image/svg+xml'])
  }
  t.true(login.text.includes('Welcome here'))
  const code = answerIn(await approve(on, consent, { scope_0: '' })).get('code')
  const { body } = await exchangeOf(on, code)
  t.is(body['scope'], 'write')
})

test('W27. clustering: several instances, one truth', async (t) => {
  const one = await withAdministration(t)
  const other = await startLedger(t, { beside: one, services: ['token-endpoint', 'token-check', 'admin'] })
  const headers = { authorization: `Bearer ${one.root}` }
  const app = await one.register({ client_name: 'App', grant_types: ['client_credentials'] })
  const path = `/admin/clients/${app.client_id}`
  for (let n = 0; n < 5; n++) {
    t.is((await other.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: app })).status, 200)
    const off = { token: one.root, body: { enabled: false }, headers: ANY }
    await one.send('PATCH', path, off)
    t.is((await other.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: app })).status, 401)
    const { body } = await other.admin.send('/admin/clients?enabled=false', { headers })
    t.deepEqual(
      (body['clients'] as { client_id: string }[]).map(({ client_id }) => client_id),
      [app.client_id],
    )
    await one.send('PATCH', path, { ...off, body: { enabled: true } })
  }
})

ava.todo('W28. external authorization server: introspection of tokens that another server issued')
