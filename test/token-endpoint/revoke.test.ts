import { v7 as uuidv7 } from 'uuid'
import { formatToken } from '../../shared/tokens/token-string.ts'
import { refuses } from '../support/asserting.ts'
import { sharedLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import type { Answer, Credentials } from '../support/requests.ts'
import { refresh, typesOf } from '../support/refreshing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
/** Another process of it, without a projector. */
const second = sharedLedger(async () => ({ beside: await ledgerOfAll(), services: ['token-endpoint', 'token-check'] }))

const revoke = (
  { post }: Pick<TestLedger, 'post'>,
  as: Credentials,
  token: unknown,
  more: Record<string, string> = {},
): Promise<Answer> => post('/oauth2/revoke', { token: String(token), ...more }, { as })

test('a refresh token is revoked with its grant, and the event says who did it', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const first = await ledger.grant({ to: app })
  const { body: live } = await refresh(ledger, app, first.refresh_token)
  const { status, headers, body } = await revoke(ledger, app, live['refresh_token'])
  t.is(status, 200)
  t.is(headers.get('content-type'), 'application/json; charset=utf-8')
  t.is(headers.get('cache-control'), 'no-store')
  t.deepEqual(body, {})
  const last = (await ledger.eventsOf(first.grant_id)).at(-1)
  t.is(last?.verdict, 'valid')
  t.deepEqual(last?.data, {
    grant_id: first.grant_id,
    client_id: app.client_id,
    reason: 'client_request',
    revoked_by: { type: 'client', id: app.client_id },
  })
  for (const token of [first.access_token, live['access_token']]) t.false(await ledger.isActive(String(token)))
  for (const token of [first.refresh_token, live['refresh_token']])
    refuses(t, await refresh(ledger, app, token), [400, 'invalid_grant'])
})

test('an access token, or a token of any generation, ends the whole grant as well', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  for (const name of ['access_token', 'refresh_token'] as const) {
    const first = await ledger.grant({ to: app })
    const { body: live } = await refresh(ledger, app, first.refresh_token)
    t.is((await revoke(ledger, app, first[name])).status, 200)
    t.false(await ledger.isActive(String(live['access_token'])), name)
    t.is((await refresh(ledger, app, live['refresh_token'])).status, 400, name)
  }
})

test('an unknown, a damaged and an already revoked token are a success that changes nothing', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  t.is((await revoke(ledger, app, refresh_token)).status, 200)
  const unknownGrant = uuidv7()
  const unknown = formatToken(ledger.keys, 'rt', { kid: 1, grant_id: unknownGrant, generation: 1 })
  for (const token of [refresh_token, unknown, 'x', 'é', `${refresh_token}x`, 'x'.repeat(10_000)]) {
    const { status, body } = await revoke(ledger, app, token)
    t.is(status, 200, token.slice(0, 70))
    t.deepEqual(body, {})
  }
  t.is((await ledger.eventsOf(grant_id)).length, 2)
  t.deepEqual(await ledger.eventsOf(unknownGrant), [])
})

test("another client's token is refused and stays active", async (t) => {
  const ledger = await ledgerOfAll()
  const [owner, other] = [await ledger.client(), await ledger.client()]
  const { grant_id, access_token, refresh_token } = await ledger.grant({ to: owner })
  for (const token of [access_token, refresh_token])
    refuses(t, await revoke(ledger, other, token), [400, 'unauthorized_client'])
  t.true(await ledger.isActive(access_token))
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})

test('a public client may revoke its own tokens, also when it may no longer refresh', async (t) => {
  const ledger = await ledgerOfAll()
  const phone = await ledger.publicClient()
  const { access_token, refresh_token } = await ledger.grant({ to: phone })
  await ledger.changeClient(phone, { grant_types: [] })
  t.is((await revoke(ledger, phone, refresh_token)).status, 200)
  t.false(await ledger.isActive(access_token))
})

test('a wrong or odd hint still finds the token', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  for (const token_type_hint of ['access_token', 'accessToken', 'x', '']) {
    const { access_token, refresh_token } = await ledger.grant({ to: app })
    t.is((await revoke(ledger, app, refresh_token, { token_type_hint })).status, 200)
    t.false(await ledger.isActive(access_token), token_type_hint)
  }
})

test('bad input and bad clients are refused, and the grant lives', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token: token } = await ledger.grant({ to: app })
  const malformed = ['', 'token=', `token=${token}&token=${token}`, `token[]=${token}`, `token=${token}&x=%zz`]
  for (const form of malformed)
    refuses(t, await ledger.post('/oauth2/revoke', form, { as: app }), [400, 'invalid_request'], form.slice(0, 10))
  refuses(t, await ledger.postJson('/oauth2/revoke', { token }, { as: app }), [400, 'invalid_request'])
  refuses(t, await ledger.post(`/oauth2/revoke?token=${token}`, {}, { as: app }), [400, 'invalid_request'])
  refuses(t, await ledger.post('/oauth2/revoke', { token, x: 'x'.repeat(70_000) }, { as: app }), [
    413,
    'invalid_request',
  ])
  refuses(t, await ledger.post('/oauth2/revoke', { token }), [401, 'invalid_client'])
  refuses(t, await revoke(ledger, { ...app, client_secret: 'x' }, token), [401, 'invalid_client'])
  refuses(t, await revoke(ledger, { ...app, client_secret: null }, token), [401, 'invalid_client'])
  await ledger.changeClient(app, { enabled: false })
  refuses(t, await revoke(ledger, app, token), [401, 'invalid_client'])
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})

test("after revoke's 200 nothing of the grant is active on any process", async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const app = await ledger.client()
  const server = await ledger.resourceServer('orders')
  const first = await ledger.grant({ to: app })
  await ledger.isActive(first.access_token)
  const { body: live } = await refresh(other, app, first.refresh_token)
  const tokens = [first.access_token, String(live['access_token'])]
  for (const token of tokens) t.true(await other.isActive(token))
  t.is((await revoke(ledger, app, first.refresh_token)).status, 200)
  const asked = [ledger, other].flatMap((process) =>
    tokens.map(async (token) => {
      const introspected = await process.post('/oauth2/introspect', { token }, { as: server })
      const checked = await process.postJson('/check', { token, resource: 'orders' }, { as: server })
      return [introspected.body['active'], checked.body['active'], checked.body['allowed']]
    }),
  )
  for (const answers of await Promise.all(asked)) t.deepEqual(answers, [false, false, false])
  for (const process of [ledger, other])
    for (const token of [first.refresh_token, live['refresh_token']])
      refuses(t, await refresh(process, app, token), [400, 'invalid_grant'])
})

test("a refresh that races a revocation on another process leaves nothing active after revoke's 200", async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const app = await ledger.client()
  const outcomes = new Set<string>()
  for (let round = 0; round < 12; round++) {
    const { grant_id, access_token, refresh_token } = await ledger.grant({ to: app })
    const refreshing = refresh(other, app, refresh_token)
    // Later in each round, so that every order of the two is met.
    for (let turn = 0; turn < round; turn++) await new Promise(setImmediate)
    t.is((await revoke(ledger, app, access_token)).status, 200)
    t.false(await other.isActive(access_token))
    const { status, body } = await refreshing
    t.true(status === 200 || body['error'] === 'invalid_grant', `${status}`)
    if (status === 200) {
      t.false(await ledger.isActive(String(body['access_token'])))
      refuses(t, await refresh(other, app, body['refresh_token']), [400, 'invalid_grant'])
    }
    outcomes.add((await typesOf(ledger, grant_id)).slice(1).join(', '))
  }
  t.true([...outcomes].every((events) => events.split(', ').filter((one) => one === 'TokenRevoked valid').length === 1))
})

test('two revocations at once are both a success, and one of them counts', async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const answers = await Promise.all([ledger, other, ledger, other].map((one) => revoke(one, app, refresh_token)))
  t.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  const events = (await typesOf(ledger, grant_id)).slice(1)
  t.is(events.filter((event) => event === 'TokenRevoked valid').length, 1)
  t.true(events.every((event) => event === 'TokenRevoked valid' || event === 'TokenRevoked grant_revoked'))
})

test('a revocation that the log turned out to hold as void is 503: the grant lives', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, other] = [await ledger.client(), await ledger.client()]
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  // A read model that is wrong about whose grant this is, which the projector, who folded it, is not.
  const { knex, schema } = ledger.runtime
  await knex.raw(`UPDATE ${schema}.grants SET client_id = ? WHERE grant_id = ?`, [other.client_id, grant_id])
  refuses(t, await revoke(ledger, other, refresh_token), [503, 'temporarily_unavailable'])
  t.deepEqual(await typesOf(ledger, grant_id), ['TokenIssued valid', 'TokenRevoked client_mismatch'])
})
