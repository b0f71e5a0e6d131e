import { v7 as uuidv7 } from 'uuid'
import { createUseAssertion } from '../../shared/accounts/used-assertions.ts'
import { signer } from '../support/assertions.ts'
import { refuses } from '../support/asserting.ts'
import { sharedLedger, startLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
const second = sharedLedger(async () => ({ beside: await ledgerOfAll(), services: ['token-endpoint', 'token-check'] }))
const TOKEN = '/oauth2/token'

test('the same request with the same assertion is a retry and is answered, on any instance', async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const app = await signer(ledger)
  const { refresh_token } = await ledger.grant({ to: { client_id: app.client_id, client_secret: null } })
  const form = { grant_type: 'refresh_token', refresh_token, ...(await app.proof()) }
  const reversed = Object.fromEntries(Object.entries(form).reverse())
  const answers = [
    await ledger.post(TOKEN, form),
    await ledger.post(TOKEN, form),
    await other.post(TOKEN, form),
    await other.post(TOKEN, reversed),
  ]
  t.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200],
  )
  t.is(new Set(answers.map(({ body }) => body['refresh_token'])).size, 1)
})

test('an assertion that was used is refused with any other request, on any instance', async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const app = await signer(ledger, { resource_server_folders: ['orders'] })
  const jti = uuidv7()
  const proof = await app.proof({ jti })
  const form = { grant_type: 'client_credentials', ...proof }
  t.is((await ledger.post(TOKEN, form)).status, 200)
  for (const one of [ledger, other]) {
    refuses(t, await one.post(TOKEN, { ...form, scope: 'read' }), [401, 'invalid_client'], 'another scope')
    refuses(
      t,
      await one.post(TOKEN, { ...form, ...(await app.proof({ jti })) }),
      [401, 'invalid_client'],
      'signed again',
    )
    refuses(t, await one.post('/oauth2/introspect', { ...form, token: 'x' }), [401, 'invalid_client'])
    refuses(t, await one.post('/oauth2/introspect', form), [400, 'invalid_request'], 'no token: not looked at')
    refuses(t, await one.post('/invoke/pub.oauth/getToken', form), [401, 'invalid_client'], 'another path')
    refuses(t, await one.postJson('/check', { ...form, token: 'x', resource: 'orders' }), [400, 'invalid_request'])
    const asked = await one.postJson('/check', { ...proof, token: 'x', resource: 'orders' })
    refuses(t, asked, [401, 'invalid_client'])
  }
  t.is((await other.post(TOKEN, form)).status, 200, 'the request that it was for')
  const same = await signer(ledger)
  const theirs = { grant_type: 'client_credentials', ...(await same.proof({ jti })) }
  t.is((await ledger.post(TOKEN, theirs)).status, 200, 'a jti is of one client')
})

test('a question with an assertion may be asked again, and another may not', async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const server = await signer(ledger, { resource_server_folders: ['orders'] })
  const question = { token: 'x', resource: 'orders', ...(await server.proof()) }
  t.is((await ledger.postJson('/check', question)).status, 200)
  t.is((await other.postJson('/check', { ...question, consistency: 'minimize_latency' })).status, 200, 'the same')
  refuses(t, await other.postJson('/check', { ...question, resource: 'orders:list' }), [401, 'invalid_client'])
  refuses(t, await other.postJson('/check', { ...question, token: 'y' }), [401, 'invalid_client'])
})

test('of twenty requests at once with one assertion, on two instances, one kind is answered', async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const app = await signer(ledger)
  const proof = await app.proof()
  const scopes = Array.from({ length: 20 }, (_, n) => (n % 2 ? 'read' : 'write'))
  const answers = await Promise.all(
    scopes.map((scope, n) =>
      (n % 3 ? ledger : other).post(TOKEN, { grant_type: 'client_credentials', scope, ...proof }),
    ),
  )
  const answered = answers.flatMap(({ status }, n) => (status === 200 ? [scopes[n]] : []))
  t.is(answered.length, 10)
  t.is(new Set(answered).size, 1)
})

test('what was used is kept while it is good and a minute more, and goes then', async (t) => {
  const { knex } = (await startLedger(t)).runtime
  const use = createUseAssertion(knex)
  const client_id = `client-${uuidv7()}`
  const now = Date.now() / 1000
  const count = async () => {
    const { rows } = await knex.raw<{ rows: { n: number }[] }>(
      'SELECT count(*)::int AS n FROM ledger.assertions WHERE client_id = ?',
      [client_id],
    )
    return rows[0]?.n
  }
  for (let n = 0; n < 150; n++)
    await knex.raw('INSERT INTO ledger.assertions VALUES (?, ?, ?, to_timestamp(?))', [
      client_id,
      Buffer.from(`old ${n}`),
      Buffer.from('x'),
      now - 61,
    ])
  t.true(await use({ client_id, jti: 'a', exp: now - 30, request: 'one' }))
  t.is(await count(), 51, 'a hundred go with each that comes')
  t.false(await use({ client_id, jti: 'a', exp: now - 30, request: 'two' }), 'not yet')
  t.true(await use({ client_id, jti: 'a'.repeat(10_000), exp: now + 60, request: 'one' }), 'of any length')
  t.is(await count(), 2)
  await knex.raw('UPDATE ledger.assertions SET expires_at = to_timestamp(?) WHERE client_id = ?', [now - 61, client_id])
  t.true(await use({ client_id, jti: 'a', exp: now + 60, request: 'two' }), 'a jti of long ago')
  t.is(await count(), 1)
})
