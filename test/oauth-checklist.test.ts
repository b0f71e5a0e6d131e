// The standards, one test an item: 6749 = RFC 6749 and so on, 2.1 = draft-ietf-oauth-v2-1-16, FAPI2 = its Security
// Profile. M = MUST-level, S = SHOULD, P = profile or derived.
import ava from 'ava'
import * as oauth from 'oauth4webapi'
import { v7 as uuidv7 } from 'uuid'
import { formatToken } from '../shared/tokens/token-string.ts'
import { signer } from './support/assertions.ts'
import { refuses } from './support/asserting.ts'
import { authorize, CODE_CLIENT, exchange } from './support/codes.ts'
import { ISSUER, sharedLedger, startLedger, type TestLedger } from './support/ledger.ts'
import { until } from './support/waiting.ts'
import { realTest } from './support/real-parts.ts'
import { sendRaw } from './support/raw-requests.ts'
import { basic, type Credentials } from './support/requests.ts'
import { refresh, refuseSpent, untilOlder, untilPast } from './support/refreshing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
const second = sharedLedger(async () => ({ beside: await ledgerOfAll(), services: ['token-endpoint', 'token-check'] }))
const ledgerAtPath = sharedLedger(() => Promise.resolve({ settings: { ISSUER: `${ISSUER}/path` } }))
const TOKEN = '/oauth2/token'

const token = ({ post }: TestLedger, as: Credentials | undefined, form: Record<string, string> | string) =>
  post(TOKEN, form, { as })

/** A grant of a new client, refreshed once. */
async function refreshedGrant(ledger: TestLedger, over: Parameters<TestLedger['client']>[0] = {}) {
  const app = await ledger.client(over)
  const first = await ledger.grant({ to: app })
  const { body } = await refresh(ledger, app, first.refresh_token)
  return {
    app,
    first,
    live: { access_token: String(body['access_token']), refresh_token: String(body['refresh_token']) },
  }
}

/** oauth4webapi at this ledger: the issuer's host is not in the DNS, so its requests go to the listener. */
function realClient(ledger: TestLedger, { client_id, client_secret }: Credentials) {
  const options = {
    [oauth.customFetch]: (url: string, { method, headers, body }: oauth.CustomFetchOptions<string, unknown>) =>
      fetch(url.replace(ISSUER, ledger.url), { method, headers, body: body as URLSearchParams | null }),
  }
  const client: oauth.Client = { client_id }
  const auth = client_secret === null ? oauth.None() : oauth.ClientSecretBasic(client_secret)
  const discover = async () => {
    const url = new URL(ISSUER)
    const response = await oauth.discoveryRequest(url, { ...options, algorithm: 'oauth2' })
    return oauth.processDiscoveryResponse(url, response)
  }
  return { client, auth, options, discover }
}

/** Sends these header lines and gives the answer's text. */
const raw = (url: string, lines: string[]) =>
  sendRaw(Number(new URL(url).port), [...lines, 'Host: x', 'Connection: close', '', ''].join('\r\n'))

// ── Token request ──

test('1. M GET /token is refused (never 200). 6749 §3.2', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const authorization = basic(`${app.client_id}:${app.client_secret}`)
  for (const query of ['', '?grant_type=client_credentials'])
    refuses(t, await ledger.send(TOKEN + query, { headers: { authorization } }), [405, 'invalid_request'])
})

test('2. M unknown parameter `foo=bar` is ignored. 6749 §3.2', async (t) => {
  const ledger = await ledgerOfAll()
  t.is((await token(ledger, await ledger.client(), 'grant_type=client_credentials&foo=bar')).status, 200)
})

test('3. M `scope=` (no value) acts as omitted; `refresh_token=` -> invalid_request. 6749 §3.2', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  t.is((await token(ledger, app, 'grant_type=client_credentials&scope=')).body['scope'], 'read write')
  refuses(t, await token(ledger, app, 'grant_type=refresh_token&refresh_token='), [400, 'invalid_request'])
})

test('4. M repeated parameter -> 400 invalid_request. 6749 §3.2, §5.2', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  for (const form of ['grant_type=client_credentials&scope=read&scope=read', 'grant_type=client_credentials&a=1&a=2'])
    refuses(t, await token(ledger, app, form), [400, 'invalid_request'])
})

test('5. M no grant_type -> invalid_request; unknown one -> unsupported_grant_type. 6749 §5.2', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  refuses(t, await token(ledger, app, { refresh_token: 'x' }), [400, 'invalid_request'])
  refuses(t, await token(ledger, app, { grant_type: 'x' }), [400, 'unsupported_grant_type'])
})

test('6. M refresh without refresh_token -> invalid_request; JSON instead of form body is not accepted as a token request. 6749 §6', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  refuses(t, await token(ledger, app, { grant_type: 'refresh_token' }), [400, 'invalid_request'])
  const json = await ledger.postJson(TOKEN, { grant_type: 'refresh_token', refresh_token }, { as: app })
  refuses(t, json, [400, 'invalid_request'])
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})

test('7. M errors: 400, JSON, `error`; no bytes outside %x20-21/23-5B/5D-7E in error_description. 6749 §5.2', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  for (const grant_type of ['é', '"', '\\', '\n', '\u2028'])
    refuses(t, await token(ledger, app, { grant_type }), [400, 'unsupported_grant_type'])
  refuses(
    t,
    await token(ledger, app, 'é"\\=1&é"\\=2'),
    [400, 'invalid_request'],
    'a name of the sender in the description',
  )
})

// ── Client authentication ──

test('8. M HTTP Basic with form-urlencoded id and secret (`%3A`, `+`) works. 6749 §2.3.1 (2.1 §2.4.1: MAY)', async (t) => {
  const ledger = await ledgerOfAll()
  const { client_id, client_secret } = await ledger.client({ client_id: `a:b c+d-${uuidv7()}` })
  const encoded = new URLSearchParams([[client_id, String(client_secret)]]).toString().replace('=', ':')
  t.regex(encoded, /%3A.*\+.*%2B/)
  const headers = { authorization: basic(encoded) }
  t.is((await ledger.post(TOKEN, { grant_type: 'client_credentials' }, { headers })).status, 200)
})

test('9. M client_secret_post works. 2.1 §2.4.1 (6749: MAY)', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ token_endpoint_auth_method: 'client_secret_post' })
  t.is((await token(ledger, app, { grant_type: 'client_credentials' })).status, 200)
})

test('10. M secret in the query string is refused. 6749 §2.3.1', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ token_endpoint_auth_method: 'client_secret_post' })
  const query = new URLSearchParams({ client_id: app.client_id, client_secret: String(app.client_secret) })
  for (const as of [undefined, app]) {
    const answer = await ledger.post(`${TOKEN}?${query.toString()}`, { grant_type: 'client_credentials' }, { as })
    refuses(t, answer, [400, 'invalid_request'])
  }
})

test('11. M two methods at once -> invalid_request. 6749 §2.3, §5.2', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const form = { grant_type: 'client_credentials', client_secret: String(app.client_secret) }
  refuses(t, await token(ledger, app, form), [400, 'invalid_request'])
})

test('12. M bad Basic secret -> 401 invalid_client + `WWW-Authenticate: Basic`. 6749 §5.2', async (t) => {
  const ledger = await ledgerOfAll()
  const app = { ...(await ledger.client()), client_secret: 'wrong' }
  const answer = await token(ledger, app, { grant_type: 'client_credentials' })
  refuses(t, answer, [401, 'invalid_client'])
  t.regex(answer.headers.get('www-authenticate') ?? '', /^Basic realm=/)
})

test('13. M confidential client without auth -> invalid_client. 6749 §3.2.1, §6', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const unproved = { ...app, client_secret: null }
  refuses(t, await refresh(ledger, unproved, refresh_token), [401, 'invalid_client'])
  refuses(t, await token(ledger, unproved, { grant_type: 'client_credentials' }), [401, 'invalid_client'])
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})

test('14. M client not registered for the grant -> unauthorized_client. 6749 §5.2 (also: guard against brute force, §2.3.1 M, needs a loop)', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ grant_types: [] })
  refuses(t, await token(ledger, app, { grant_type: 'client_credentials' }), [400, 'unauthorized_client'])
  refuses(t, await refresh(ledger, app, 'x'), [400, 'unauthorized_client'])
  const guessed: number[] = []
  for (let n = 0; n < 22; n++)
    guessed.push((await refresh(ledger, { ...app, client_secret: `guess-${n}` }, 'x')).status)
  t.deepEqual([guessed.indexOf(429), guessed.lastIndexOf(401)], [20, 19])
})

// ── Success response ──

test('15. M 200 application/json with access_token and token_type (case-insensitive). 6749 §5.1', async (t) => {
  const ledger = await ledgerOfAll()
  const { status, headers, body } = await token(ledger, await ledger.client(), { grant_type: 'client_credentials' })
  t.is(status, 200)
  t.regex(headers.get('content-type') ?? '', /^application\/json(;|$)/)
  t.is(typeof body['access_token'], 'string')
  t.is(String(body['token_type']).toLowerCase(), 'bearer')
})

test('16. M `Cache-Control: no-store` (and `Pragma: no-cache` for 6749). 6749 §5.1, 2.1 §3.2.3', async (t) => {
  const ledger = await ledgerOfAll()
  const { headers } = await token(ledger, await ledger.client(), { grant_type: 'client_credentials' })
  t.deepEqual([headers.get('cache-control'), headers.get('pragma')], ['no-store', 'no-cache'])
})

test('17. S expires_in is a JSON number matching introspection `exp`. 6749 §5.1', async (t) => {
  const ledger = await ledgerOfAll()
  const before = Math.floor(Date.now() / 1000)
  const { body } = await token(ledger, await ledger.client(), { grant_type: 'client_credentials' })
  const after = Math.floor(Date.now() / 1000)
  const { exp } = await ledger.introspect(String(body['access_token']))
  t.is(typeof body['expires_in'], 'number')
  const issuedAt = Number(exp) - Number(body['expires_in'])
  t.true(before <= issuedAt && issuedAt <= after)
})

test('18. M `scope` returned whenever it differs from the request. 6749 §3.3, §5.1', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  for (const [scope, given] of [
    ['', 'read write'],
    ['write write', 'write'],
    ['read', 'read'],
  ] as const)
    t.is((await token(ledger, app, { grant_type: 'client_credentials', scope })).body['scope'], given)
})

// ── Refresh ──

test("19. M another client's RT -> invalid_grant; P the owner's family is untouched. 6749 §6", async (t) => {
  const ledger = await ledgerOfAll()
  const { app, first, live } = await refreshedGrant(ledger)
  const other = await ledger.client()
  for (const stolen of [first.refresh_token, live.refresh_token])
    refuses(t, await refresh(ledger, other, stolen), [400, 'invalid_grant'])
  t.true(await ledger.isActive(live.access_token))
  t.is((await refresh(ledger, app, live.refresh_token)).status, 200)
})

test('20. M scope wider than granted -> invalid_scope; P the RT is not consumed. 6749 §6', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ refresh_grace_seconds: 0 })
  const { refresh_token } = await ledger.grant({ to: app, scope: 'read' })
  refuses(t, await refresh(ledger, app, refresh_token, { scope: 'read write' }), [400, 'invalid_scope'])
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
})

test("21. M narrower scope -> AT has only it; the new RT keeps the old RT's scope. 6749 §6, 2.1 §4.3.3", async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { refresh_token } = await ledger.grant({ to: app })
  const { body } = await refresh(ledger, app, refresh_token, { scope: 'read' })
  t.is((await ledger.introspect(String(body['access_token'])))['scope'], 'read')
  t.is((await refresh(ledger, app, body['refresh_token'], { scope: 'write' })).body['scope'], 'write')
})

test('22. M scope omitted = scope originally granted. 6749 §6', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { refresh_token } = await ledger.grant({ to: app, scope: 'write' })
  const { body } = await refresh(ledger, app, refresh_token)
  t.is((await ledger.introspect(String(body['access_token'])))['scope'], 'write')
})

test('23. M unknown, expired or revoked RT -> 400 invalid_grant. 6749 §5.2', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ refresh_token_lifetime: 1 })
  const expired = await ledger.grant({ to: app })
  await untilPast(ledger, expired.grant_id, 'refresh_exp')
  refuses(t, await refresh(ledger, app, expired.refresh_token), [400, 'invalid_grant'], 'expired')
  const unknown = formatToken(ledger.keys, 'rt', { kid: 1, grant_id: uuidv7(), generation: 1 })
  refuses(t, await refresh(ledger, app, unknown), [400, 'invalid_grant'], 'unknown')
  const revoked = await ledger.grant({ to: app })
  await ledger.post('/oauth2/revoke', { token: revoked.refresh_token }, { as: app })
  refuses(t, await refresh(ledger, app, revoked.refresh_token), [400, 'invalid_grant'], 'revoked')
})

test('24. M one changed character -> invalid_grant; tokens >= 128 bits of entropy. 6749 §10.4, §10.10', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { refresh_token } = await ledger.grant({ to: app })
  for (const at of [6, 8, 30, 34, 40, 60]) {
    const changed = refresh_token.slice(0, at) + (refresh_token[at] === 'A' ? 'B' : 'A') + refresh_token.slice(at + 1)
    refuses(t, await refresh(ledger, app, changed), [400, 'invalid_grant'], `character ${at}`)
  }
  // kid, grant and generation can be known; what cannot is the MAC behind them: 160 bits.
  t.is(Buffer.from(refresh_token.slice('tl_rt_'.length), 'base64url').length - (1 + 16 + 4), 20)
})

test('25. M public client: RT rotates or is sender-constrained. 9700 §2.2.2, §4.14.2', async (t) => {
  const ledger = await ledgerOfAll()
  const phone = await ledger.publicClient()
  const { refresh_token } = await ledger.grant({ to: phone })
  const { status, body } = await refresh(ledger, phone, refresh_token)
  t.is(status, 200)
  t.not(body['refresh_token'], refresh_token)
})

test('26. M (if rotating) replay of a rotated RT -> invalid_grant, and the live RT and its grant die. 9700 §4.14.2, 2.1 §4.3.1', async (t) => {
  const ledger = await ledgerOfAll()
  const { app, first, live } = await refreshedGrant(ledger, { refresh_grace_seconds: 0 })
  refuses(t, await refuseSpent(ledger, app, first.refresh_token), [400, 'invalid_grant'])
  refuses(t, await refresh(ledger, app, live.refresh_token), [400, 'invalid_grant'])
  t.false(await ledger.isActive(live.access_token))
})

test('27. M the lineage is kept: RT1 replayed after three rotations is still seen as reuse. 9700 §4.14.2', async (t) => {
  const ledger = await ledgerOfAll()
  const { app, first, live } = await refreshedGrant(ledger, { refresh_grace_seconds: 1 })
  await untilOlder(ledger, first.grant_id, 2, 1)
  const { body: third } = await refresh(ledger, app, live.refresh_token)
  const { body: fourth } = await refresh(ledger, app, third['refresh_token'])
  refuses(t, await refuseSpent(ledger, app, first.refresh_token), [400, 'invalid_grant'])
  refuses(t, await refresh(ledger, app, fourth['refresh_token']), [400, 'invalid_grant'])
  t.is((await ledger.eventsOf(first.grant_id)).at(-1)?.type, 'TokenReuseDetected')
})

test('28. M after the grant is revoked, refresh fails. 2.1 §4.3.1', async (t) => {
  const ledger = await ledgerOfAll()
  const { app, first, live } = await refreshedGrant(ledger)
  await ledger.post('/oauth2/revoke', { token: first.access_token }, { as: app })
  refuses(t, await refresh(ledger, app, live.refresh_token), [400, 'invalid_grant'])
})

test('29. S RT expires after inactivity; P an absolute cap holds across rotations. 9700 §4.14.2, 2.1 §4.3.3', async (t) => {
  const ledger = await ledgerOfAll()
  const lazy = await refreshedGrant(ledger, { refresh_token_lifetime: 8 })
  const busy = await refreshedGrant(ledger, { refresh_token_absolute_lifetime: 8, refresh_token_lifetime: 60 })
  await Promise.all([
    untilPast(ledger, lazy.first.grant_id, 'refresh_exp'),
    untilPast(ledger, busy.first.grant_id, 'absolute_exp'),
  ])
  for (const { app, live } of [lazy, busy])
    refuses(t, await refresh(ledger, app, live.refresh_token), [400, 'invalid_grant'])
})

test('30. P (FAPI2 item 9, note 1: shall not rotate except in extraordinary circumstances; if so, time-limited retry with the old RT must work) retry in the window -> 200. Conflicts with a strict 26: make the window a per-client setting, 0 and "no rotation" included', async (t) => {
  const ledger = await ledgerOfAll()
  const { app, first, live } = await refreshedGrant(ledger, { refresh_grace_seconds: 60 })
  const { status, body } = await refresh(ledger, app, first.refresh_token)
  t.is(status, 200)
  t.is(body['refresh_token'], live.refresh_token)
  const strict = await refreshedGrant(ledger, { refresh_grace_seconds: 0 })
  refuses(t, await refuseSpent(ledger, strict.app, strict.first.refresh_token), [400, 'invalid_grant'])
})

test('31. P two simultaneous refreshes leave exactly one live RT and never a 500. 9700 §4.14.2; CVE-2026-1035', async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const both = await Promise.all([refresh(ledger, app, refresh_token), refresh(other, app, refresh_token)])
  t.deepEqual(
    both.map(({ status }) => status),
    [200, 200],
  )
  t.is(new Set(both.map(({ body }) => body['refresh_token'])).size, 1)
  const refreshed = (await ledger.eventsOf(grant_id)).filter(({ type }) => type === 'TokenRefreshed')
  t.is(refreshed.filter(({ verdict }) => verdict === 'valid').length, 1)
})

test("32. P refresh racing /revoke: after revoke's 200 nothing of the family is active. 7009 §2.1; keycloak#51312", async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const { app, first, live } = await refreshedGrant(ledger)
  const refreshing = refresh(other, app, live.refresh_token)
  t.is((await ledger.post('/oauth2/revoke', { token: live.refresh_token }, { as: app })).status, 200)
  for (const process of [ledger, other])
    for (const one of [first.access_token, live.access_token]) t.false(await process.isActive(one))
  const { status, body } = await refreshing
  t.true(status === 200 || body['error'] === 'invalid_grant')
  if (status === 200) t.false(await other.isActive(String(body['access_token'])))
})

// ── Code + PKCE ──

test('33. M code works once; second use denied, S tokens from it revoked. 6749 §4.1.2', async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const app = await ledger.client({ ...CODE_CLIENT, refresh_grace_seconds: 0 })
  const code = await authorize(ledger, { to: app })
  const { status, body } = await exchange(ledger, app, code)
  t.is(status, 200)
  await untilOlder(ledger, code.grant_id, 1, 0)
  refuses(t, await exchange(other, app, code), [400, 'invalid_grant'])
  t.false(await ledger.isActive(String(body['access_token'])))
  refuses(t, await refresh(ledger, app, body['refresh_token']), [400, 'invalid_grant'])
})

test('34. M wrong or missing code_verifier -> invalid_grant. 7636 §4.6, 9700 §2.1.1', async (t) => {
  const ledger = await ledgerOfAll()
  for (const app of [await ledger.client(CODE_CLIENT), await ledger.publicClient(CODE_CLIENT)]) {
    const code = await authorize(ledger, { to: app })
    for (const code_verifier of [undefined, '', 'x'.repeat(43), code.form['code_verifier']?.toLowerCase()])
      refuses(t, await exchange(ledger, app, code, { code_verifier }), [400, 'invalid_grant'])
    t.is((await exchange(ledger, app, code)).status, 200)
  }
})

test('35. M code_verifier without a stored challenge is rejected. 9700 §2.1.1 (2.1 §3.2.4: invalid_request)', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client(CODE_CLIENT)
  const code = await authorize(ledger, { to: app, pkce: 'none' })
  refuses(t, await exchange(ledger, app, code, { code_verifier: 'x'.repeat(43) }), [400, 'invalid_request'])
  t.is((await exchange(ledger, app, code)).status, 200)
})

// ── Bearer, asked at the admin API: a resource server of its own ledger ──

/** A token that may read clients there, and one request with these headers. */
async function adminBearer(ledger: TestLedger) {
  const admin = await ledger.client({ scope: 'read ledger.admin', groups: ['Administrators'] })
  const { body } = await token(ledger, admin, { grant_type: 'client_credentials' })
  const ask = (authorization: string | undefined, query = '') =>
    ledger.admin.send(`/admin/clients/${admin.client_id}${query}`, {
      headers: { ...(authorization && { authorization }) },
    })
  return { admin, access_token: String(body['access_token']), ask }
}

test('36. M `Authorization: bearer|Bearer|BEARER` accepted. 6750 §2.1, 2.1 §5.1.1', async (t) => {
  const { access_token, ask } = await adminBearer(await ledgerOfAll())
  for (const scheme of ['bearer', 'Bearer', 'BEARER'])
    t.is((await ask(`${scheme} ${access_token}`)).status, 200, scheme)
})

test('37. M no credentials -> 401 `WWW-Authenticate: Bearer ...`, S without an error code. 6750 §3, §3.1', async (t) => {
  const { ask } = await adminBearer(await ledgerOfAll())
  const { status, headers } = await ask(undefined)
  t.is(status, 401)
  t.is(headers.get('www-authenticate'), 'Bearer realm="token-ledger"')
})

test('38. M expired/revoked/garbled -> 401 `error="invalid_token"`. 6750 §3.1', async (t) => {
  const ledger = await ledgerOfAll()
  const { admin, access_token, ask } = await adminBearer(ledger)
  await ledger.changeClient(admin, { access_token_lifetime: 1 })
  const { body } = await token(ledger, admin, { grant_type: 'client_credentials' })
  await until(async () => (await ask(`Bearer ${String(body['access_token'])}`)).status !== 200, 'an expired token')
  await ledger.post('/oauth2/revoke', { token: access_token }, { as: admin })
  for (const bad of [String(body['access_token']), access_token, `${access_token}x`, 'x', 'two words', '']) {
    const answer = await ask(`Bearer ${bad}`)
    refuses(t, answer, [401, 'invalid_token'])
    t.regex(answer.headers.get('www-authenticate') ?? '', /^Bearer .*error="invalid_token"/)
  }
})

test('39. M valid but not for this folder/service -> 403 insufficient_scope. 6750 §3.1', async (t) => {
  const ledger = await ledgerOfAll()
  const { admin, ask } = await adminBearer(ledger)
  const { body } = await token(ledger, admin, { grant_type: 'client_credentials', scope: 'read' })
  const { status, headers, body: error } = await ask(`Bearer ${String(body['access_token'])}`)
  t.deepEqual([status, error['error']], [403, 'insufficient_scope'])
  t.regex(headers.get('www-authenticate') ?? '', /^Bearer .*error="insufficient_scope", scope="ledger.admin"/)
})

test('40. M `?access_token=` ignored; two methods -> 400 invalid_request. 2.1 §5.1, 6750 §2', async (t) => {
  const ledger = await ledgerOfAll()
  const { admin, access_token, ask } = await adminBearer(ledger)
  const query = `?access_token=${access_token}`
  t.is((await ask(undefined, query)).status, 401)
  t.is((await ask(`Bearer ${access_token}`, query)).status, 200, 'ignored, not counted as a second method')
  const header = `Authorization: Bearer ${access_token}`
  const request = [`GET /admin/clients/${admin.client_id} HTTP/1.1`, header, header]
  t.regex(await raw(ledger.adminUrl, request), /^HTTP\/1\.1 400 [\s\S]*"error":"invalid_request"/)
})

// ── Introspection ──

test('41. M no/invalid caller credentials -> 401. 7662 §2.1, §2.3', async (t) => {
  const ledger = await ledgerOfAll()
  const server = await ledger.resourceServer('orders')
  for (const as of [undefined, { ...server, client_secret: 'x' }, { ...server, client_secret: null }])
    refuses(t, await ledger.post('/oauth2/introspect', { token: 'x' }, { as }), [401, 'invalid_client'])
})

test('42. M active token -> 200 JSON, `active` boolean true. 7662 §2.2', async (t) => {
  const ledger = await ledgerOfAll()
  const { access_token } = await ledger.grant({ to: await ledger.client() })
  t.is((await ledger.introspect(access_token))['active'], true)
})

test('43. M unknown, or not for this caller -> 200 `{"active":false}`, S nothing else in it. 7662 §2.2, §2.3', async (t) => {
  const ledger = await ledgerOfAll()
  const { access_token } = await ledger.grant({ to: await ledger.client() })
  const stranger = await ledger.resourceServer('billing')
  t.is((await ledger.introspect(access_token))['active'], true)
  t.deepEqual(await ledger.introspect('x'), { active: false })
  const { status, body } = await ledger.post('/oauth2/introspect', { token: access_token }, { as: stranger })
  t.deepEqual([status, body], [200, { active: false }])
})

test('44. M expired -> false; revoked -> false. 7662 §4', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, brief] = [await ledger.client(), await ledger.client({ access_token_lifetime: 1 })]
  const [expiring, revoked] = [await ledger.grant({ to: brief }), await ledger.grant({ to: app })]
  t.true(await ledger.isActive(revoked.access_token))
  await ledger.post('/oauth2/revoke', { token: revoked.access_token }, { as: app })
  t.deepEqual(await ledger.introspect(revoked.access_token), { active: false })
  await until(async () => !(await ledger.isActive(expiring.access_token)), 'an expired token')
  t.deepEqual(await ledger.introspect(expiring.access_token), { active: false })
})

test('45. M token not usable at the calling resource server -> false. 7662 §4', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ scope: 'read other' })
  await ledger.scope('other', 'elsewhere')
  const { access_token } = await ledger.grant({ to: app, scope: 'other' })
  t.deepEqual(await ledger.introspect(access_token), { active: false })
  t.true(await ledger.isActive((await ledger.grant({ to: app })).access_token))
})

test('46. M wrong token_type_hint still finds the token. 7662 §2.1', async (t) => {
  const ledger = await ledgerOfAll()
  const { access_token } = await ledger.grant({ to: await ledger.client() })
  t.true(await ledger.isActive(access_token))
  const as = await ledger.resourceServer('orders')
  const form = { token: access_token, token_type_hint: 'refresh_token' }
  t.is((await ledger.post('/oauth2/introspect', form, { as })).body['active'], true)
})

test('47. M `exp` given and true (a cache must not outlive it); P no-store on the response. 7662 §4', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ access_token_lifetime: 8 })
  const as = await ledger.resourceServer('orders')
  t.false(await ledger.isActive('x'))
  const { access_token } = await ledger.grant({ to: app })
  const { headers, body } = await ledger.post('/oauth2/introspect', { token: access_token }, { as })
  t.is(headers.get('cache-control'), 'no-store')
  t.is(body['exp'], Number(body['iat']) + 8)
  await until(async () => {
    const active = await ledger.isActive(access_token)
    if (active) t.true(Math.floor(Date.now() / 1000) <= Number(body['exp']))
    return !active
  }, 'an expired token')
  t.true(Date.now() >= Number(body['exp']) * 1000)
})

// ── Revocation ──

test('48. M revoke RT -> 200, RT dead at once. 7009 §2, §2.1', async (t) => {
  const ledger = await ledgerOfAll()
  const { app, live } = await refreshedGrant(ledger)
  t.is((await ledger.post('/oauth2/revoke', { token: live.refresh_token }, { as: app })).status, 200)
  refuses(t, await refresh(ledger, app, live.refresh_token), [400, 'invalid_grant'])
})

test('49. S its ATs inactive too. 7009 §2.1', async (t) => {
  const ledger = await ledgerOfAll()
  const { app, first, live } = await refreshedGrant(ledger)
  for (const one of [first.access_token, live.access_token]) t.true(await ledger.isActive(one))
  await ledger.post('/oauth2/revoke', { token: live.refresh_token }, { as: app })
  for (const one of [first.access_token, live.access_token]) t.false(await ledger.isActive(one))
})

test('50. M unknown or already revoked token -> 200. 7009 §2.2', async (t) => {
  const ledger = await ledgerOfAll()
  const { app, live } = await refreshedGrant(ledger)
  for (const one of ['x', live.refresh_token, live.refresh_token, live.access_token])
    t.is((await ledger.post('/oauth2/revoke', { token: one }, { as: app })).status, 200)
})

test("51. M another client's token: refused, stays active. 7009 §2.1", async (t) => {
  const ledger = await ledgerOfAll()
  const { live } = await refreshedGrant(ledger)
  const as = await ledger.client()
  for (const one of [live.refresh_token, live.access_token])
    refuses(t, await ledger.post('/oauth2/revoke', { token: one }, { as }), [400, 'unauthorized_client'])
  t.true(await ledger.isActive(live.access_token))
})

test('52. M wrong hint still revokes; missing token -> invalid_request; store down -> 503 (Retry-After). 7009 §2.1, §2.2.1. P body `{}` as application/json (simple-oauth2)', async (t) => {
  const ledger = await startLedger(t)
  const settings = { APPEND_TIMEOUT: '0.5' }
  const hasty = await startLedger(t, { beside: ledger, services: ['token-endpoint'], settings })
  const { app, live } = await refreshedGrant(ledger)
  refuses(t, await ledger.post('/oauth2/revoke', {}, { as: app }), [400, 'invalid_request'])
  await ledger.runtime.knex.transaction(async (blocking) => {
    await blocking.raw(`LOCK ${ledger.runtime.schema}.checkpoints IN EXCLUSIVE MODE`)
    const late = await hasty.post('/oauth2/revoke', { token: live.refresh_token }, { as: app })
    refuses(t, late, [503, 'temporarily_unavailable'])
    t.is(late.headers.get('retry-after'), '1')
  })
  await until(async () => !(await ledger.isActive(live.access_token)), 'the revocation that was written')
  const other = await ledger.grant({ to: app })
  const hinted = { token: other.refresh_token, token_type_hint: 'access_token' }
  const { status, headers, body } = await ledger.post('/oauth2/revoke', hinted, { as: app })
  t.is(status, 200)
  t.regex(headers.get('content-type') ?? '', /^application\/json/)
  t.deepEqual(body, {})
  t.false(await ledger.isActive(other.access_token))
})

// ── Metadata ──

test("53. M `/.well-known/oauth-authorization-server` inserted before the issuer's path, 200 application/json. 8414 §3.1, §3.2", async (t) => {
  const { send, post } = await ledgerAtPath()
  const { status, headers, body } = await send('/.well-known/oauth-authorization-server/path')
  t.regex(headers.get('content-type') ?? '', /^application\/json/)
  t.deepEqual([status, body['issuer']], [200, `${ISSUER}/path`])
  for (const name of ['token_endpoint', 'revocation_endpoint', 'introspection_endpoint']) {
    const { pathname } = new URL(String(body[name]))
    t.true(pathname.startsWith('/path/oauth2/'))
    refuses(t, await post(pathname, { token: 'x', grant_type: 'client_credentials' }), [401, 'invalid_client'], name)
  }
})

const ledgerAt = (path: string) => (path === '' ? ledgerOfAll() : ledgerAtPath())

test('54. M issuer identical; response_types_supported present; no empty arrays. 8414 §2, §3.2, §3.3 (9207 §3: `authorization_response_iss_parameter_supported` only with an authorization endpoint, then §2 `iss` in its response)', async (t) => {
  for (const [path, { send }] of [
    ['', await ledgerOfAll()],
    ['/path', await ledgerAtPath()],
  ] as const) {
    const { body } = await send(`/.well-known/oauth-authorization-server${path}`)
    t.is(body['issuer'], `${ISSUER}${path}`)
    t.true(Array.isArray(body['response_types_supported']))
    for (const [name, value] of Object.entries(body)) if (Array.isArray(value)) t.true(value.length > 0, name)
    t.is(body['authorization_endpoint'], `${ISSUER}${path}/oauth2/auth`)
    t.true(body['authorization_response_iss_parameter_supported'])
    const { client_id } = await ledgerAt(path).then((ledger) => ledger.client(CODE_CLIENT))
    const query = new URLSearchParams({ client_id, response_type: 'token' }).toString()
    const answer = await fetch(`${(await ledgerAt(path)).url}${path}/oauth2/auth?${query}`, { redirect: 'manual' })
    t.is(new URL(answer.headers.get('location') ?? '').searchParams.get('iss'), `${ISSUER}${path}`)
  }
})

test('55. M private_key_jwt listed -> token_endpoint_auth_signing_alg_values_supported present, no "none"; every listed method really works. 8414 §2', async (t) => {
  for (const [path, ledger] of [
    ['', await ledgerOfAll()],
    ['/path', await ledgerAtPath()],
  ] as const) {
    const { body } = await ledger.send(`/.well-known/oauth-authorization-server${path}`)
    const at = (name: string) => new URL(String(body[name])).pathname
    const algorithms = body['token_endpoint_auth_signing_alg_values_supported'] as string[]
    t.true(algorithms.length > 0 && !algorithms.includes('none'))
    const signing = await signer(ledger)
    const nothing = () => Promise.resolve({})
    const working: Record<string, { as: Credentials; proof: () => Promise<Record<string, string>> }> = {
      client_secret_basic: { as: await ledger.client(), proof: nothing },
      client_secret_post: {
        as: await ledger.client({ token_endpoint_auth_method: 'client_secret_post' }),
        proof: nothing,
      },
      private_key_jwt: {
        as: { client_id: signing.client_id, client_secret: null },
        proof: () => signing.proof({ aud: `${ISSUER}${path}` }),
      },
      none: { as: await ledger.publicClient(), proof: nothing },
    }
    t.deepEqual(body['token_endpoint_auth_methods_supported'], Object.keys(working))
    for (const [method, { as, proof }] of Object.entries(working)) {
      const { refresh_token } = await ledger.grant({ to: as })
      const form = { grant_type: 'refresh_token', refresh_token, ...(await proof()) }
      t.is((await ledger.post(at('token_endpoint'), form, { as })).status, 200, method)
      const ending = { token: refresh_token, ...(await proof()) }
      t.is((await ledger.post(at('revocation_endpoint'), ending, { as })).status, 200, method)
    }
  }
})

// ── DPoP and resource indicators ──

ava.todo('56. M valid proof -> `token_type: DPoP`, introspection has `cnf.jkt`. 9449 §5, §6.2')
ava.todo("57. M public client's RT with another key or no proof is refused. 9449 §5")
ava.todo(
  '58. M bad typ/alg/htm/htu/iat, two DPoP headers -> invalid_dpop_proof; S replayed jti refused. 9449 §4.3, §11.1',
)
ava.todo(
  '59. M nonce mode: 400 use_dpop_nonce + `DPoP-Nonce`; metadata lists dpop_signing_alg_values_supported; a bound token sent as Bearer is refused. 9449 §8, §5.1, §7.2',
)
ava.todo(
  '60. M `resource` not absolute or with fragment, or outside the grant -> invalid_target; S `aud` restricted to it. 8707 §2, §2.2; 9700 §4.14.2',
)

// ── Learnt from real clients ──

test('a real client, oauth4webapi, discovers, refreshes, introspects and revokes', async (t) => {
  const ledger = await ledgerOfAll()
  for (const app of [await ledger.client(), await ledger.publicClient()]) {
    const { client, auth, options, discover } = realClient(ledger, app)
    const as = await discover()
    const { refresh_token } = await ledger.grant({ to: app })
    const answer = await oauth.refreshTokenGrantRequest(as, client, auth, refresh_token, options)
    const refreshed = await oauth.processRefreshTokenResponse(as, client, answer)
    t.is(refreshed.token_type, 'bearer')
    t.is(refreshed.scope, 'read write')
    t.true(await ledger.isActive(refreshed.access_token))

    const server = realClient(ledger, await ledger.resourceServer('orders'))
    const introspect = async () => {
      const sent = await oauth.introspectionRequest(as, server.client, server.auth, refreshed.access_token, options)
      return oauth.processIntrospectionResponse(as, server.client, sent)
    }
    t.like(await introspect(), { active: true, client_id: app.client_id })
    const token = String(refreshed.refresh_token)
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, auth, token, options))
    t.deepEqual(await introspect(), { active: false })
    const again = await oauth.refreshTokenGrantRequest(as, client, auth, token, options)
    await t.throwsAsync(oauth.processRefreshTokenResponse(as, client, again), { name: 'ResponseBodyError' })
  }
})

test('a real client, oauth4webapi, gets a token with client_credentials', async (t) => {
  const ledger = await ledgerOfAll()
  const { client, auth, options, discover } = realClient(ledger, await ledger.client())
  const as = await discover()
  const response = await oauth.clientCredentialsGrantRequest(as, client, auth, { scope: 'read' }, options)
  const { scope, refresh_token } = await oauth.processClientCredentialsResponse(as, client, response)
  t.deepEqual({ scope, refresh_token }, { scope: 'read', refresh_token: undefined })
})

test('metadata lists client_secret_basic before client_secret_post: some clients take the first', async (t) => {
  const { send } = await ledgerOfAll()
  const { body } = await send('/.well-known/oauth-authorization-server')
  const methods = body['token_endpoint_auth_methods_supported'] as string[]
  t.true(methods.indexOf('client_secret_basic') < methods.indexOf('client_secret_post'))
  t.is(methods[0], 'client_secret_basic')
})

test('/.well-known/openid-configuration is 404: some clients ask there first', async (t) => {
  const { send } = await ledgerOfAll()
  refuses(t, await send('/.well-known/openid-configuration'), [404, 'not_found'])
})

test('an `Upgrade: h2c` header on a request is ignored', async (t) => {
  const { url } = await ledgerOfAll()
  const request = ['GET /.well-known/oauth-authorization-server HTTP/1.1', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']
  t.regex(await raw(url, request), /^HTTP\/1\.1 200 /)
})

test('Basic credentials work form-encoded, even `-` as `%2D`, and raw', async (t) => {
  const ledger = await ledgerOfAll()
  const { client_id, client_secret } = await ledger.client()
  t.regex(`${client_id}${client_secret}`, /^[\w-]+$/)
  const encoded = `${client_id}:${client_secret}`.replaceAll('-', '%2D').replaceAll('_', '%5F')
  for (const pair of [encoded, `${client_id}:${client_secret}`]) {
    const headers = { authorization: basic(pair) }
    t.is((await ledger.post(TOKEN, { grant_type: 'client_credentials' }, { headers })).status, 200)
  }
})

test('an empty `client_secret=` beside Basic counts as omitted, and the same client_id may stand in the body', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const form = { grant_type: 'client_credentials', client_secret: '', client_id: app.client_id }
  t.is((await token(ledger, app, form)).status, 200)
})

test('a client that probes with a method it is not registered for is told invalid_client, then succeeds', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ token_endpoint_auth_method: 'client_secret_post' })
  const form = { grant_type: 'client_credentials' }
  for (let probe = 0; probe < 10; probe++)
    refuses(t, await token(ledger, { ...app, method: 'basic' }, form), [401, 'invalid_client'])
  t.is((await token(ledger, app, form)).status, 200)
})

test('traps-people 6: `resource` (RFC 8707) is no error and has no effect, at any endpoint, and is not in the metadata', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, server] = [await ledger.client(), await ledger.resourceServer('orders')]
  const plain = await token(ledger, app, { grant_type: 'client_credentials' })
  for (const resource of ['https://api.example/orders', 'orders', 'https://api.example/#x']) {
    const { status, body } = await token(ledger, app, { grant_type: 'client_credentials', resource })
    t.deepEqual([status, body['scope'], Object.keys(body)], [200, plain.body['scope'], Object.keys(plain.body)])
    const told = await ledger.introspect(String(body['access_token']))
    t.deepEqual([told['active'], 'aud' in told], [true, false])
    const { refresh_token } = await ledger.grant({ to: app })
    t.is((await refresh(ledger, app, refresh_token, { resource })).body['scope'], 'read write')
    t.is((await ledger.post('/oauth2/revoke', { token: refresh_token, resource }, { as: app })).status, 200)
    t.is((await ledger.post('/oauth2/introspect', { token: 'x', resource }, { as: server })).status, 200)
  }
  const { body } = await ledger.send('/.well-known/oauth-authorization-server')
  t.deepEqual(
    Object.keys(body).filter((name) => name.includes('resource')),
    [],
  )
})

test('401 always with WWW-Authenticate, also when no Authorization header was sent', async (t) => {
  const ledger = await ledgerOfAll()
  const form = { grant_type: 'refresh_token', refresh_token: 'x', token: 'x' }
  for (const path of [TOKEN, '/oauth2/revoke', '/oauth2/introspect'])
    for (const as of [undefined, { client_id: 'nobody', client_secret: 'x', method: 'post' as const }]) {
      const answer = await ledger.post(path, form, { as })
      refuses(t, answer, [401, 'invalid_client'], path)
      t.regex(answer.headers.get('www-authenticate') ?? '', /^Basic realm="[^"]+"/)
    }
})
