import { type Ledger, startLedger as startAdministered } from '../admin/ledger.ts'
import { refuses } from '../support/asserting.ts'
import { authorize, CALLBACK, CODE_CLIENT, exchange } from '../support/codes.ts'
import { startLedger } from '../support/ledger.ts'
import { mustSet } from '../support/passwords.ts'
import { realTest } from '../support/real-parts.ts'
import { isRemainderOf, refresh, typesOf, untilOlder } from '../support/refreshing.ts'
import type { Credentials } from '../support/requests.ts'
import { until } from '../support/waiting.ts'
import { onceForFile } from '../system/once-for-file.ts'

const test = realTest('postgres')
const ledgerOfAll = onceForFile((t) =>
  startAdministered(t, { services: ['token-endpoint', 'projector', 'token-check', 'admin'] }),
)
const REFUSED: [number, string] = [400, 'invalid_grant']

const AUTHORIZED = 'AuthorizationGranted valid'
const EXCHANGED = 'CodeExchanged valid'

test('a code gives the first tokens of its grant, which are refreshed as any', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client(CODE_CLIENT)
  const code = await authorize(ledger, { to: app })
  const { status, headers, body } = await exchange(ledger, app, code)
  t.is(status, 200, JSON.stringify(body))
  t.is(headers.get('cache-control'), 'no-store')
  const { access_token, refresh_token, expires_in, ...rest } = body
  t.deepEqual(rest, { token_type: 'Bearer', scope: 'read write' })
  t.true(isRemainderOf(3600, expires_in))
  const told = await ledger.introspect(String(access_token))
  t.like(told, { active: true, sub: code.sub, principal_type: 'user', client_id: app.client_id })
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
  t.deepEqual(await typesOf(ledger, code.grant_id), [AUTHORIZED, EXCHANGED, 'TokenRefreshed valid'])
})

test('a public client exchanges its code with nothing but its name and the code_verifier', async (t) => {
  const ledger = await ledgerOfAll()
  const phone = await ledger.publicClient(CODE_CLIENT)
  t.is((await exchange(ledger, phone, await authorize(ledger, { to: phone }))).status, 200)
})

test('a client that is not registered for codes exchanges none', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client(CODE_CLIENT)
  const code = await authorize(ledger, { to: app })
  await ledger.changeClient(app, { grant_types: ['refresh_token'] })
  refuses(t, await exchange(ledger, app, code), [400, 'unauthorized_client'])
  t.deepEqual(await typesOf(ledger, code.grant_id), [AUTHORIZED])
})

test('a request with anything wrong gets nothing and harms nothing: the right one is answered afterwards', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, thief] = [await ledger.client(CODE_CLIENT), await ledger.client(CODE_CLIENT)]
  const code = await authorize(ledger, { to: app })
  const { access_token, refresh_token } = await ledger.grant({ to: app })
  refuses(t, await exchange(ledger, thief, code), REFUSED, 'another client')
  const wrong = [
    { redirect_uri: undefined },
    { redirect_uri: `${CALLBACK}/` },
    { redirect_uri: 'https://app.example:443/callback' },
    { code_verifier: undefined },
    { code_verifier: 'x'.repeat(43) },
    { code_verifier: 'x' },
    ...[access_token, refresh_token, 'x', code.form['code']?.slice(0, -1), `${code.form['code']}=`].map((one) => ({
      code: one,
    })),
  ]
  for (const over of wrong) refuses(t, await exchange(ledger, app, code, over), REFUSED, JSON.stringify(over))
  refuses(t, await exchange(ledger, app, code, { code: undefined }), [400, 'invalid_request'])
  refuses(t, await exchange(ledger, { ...app, client_secret: 'x'.repeat(43) }, code), [401, 'invalid_client'])
  t.deepEqual(await typesOf(ledger, code.grant_id), [AUTHORIZED])
  t.is((await exchange(ledger, app, code)).status, 200)
  for (const over of wrong) refuses(t, await exchange(ledger, app, code, over), REFUSED, JSON.stringify(over))
  t.deepEqual(await typesOf(ledger, code.grant_id), [AUTHORIZED, EXCHANGED])
})

test('a code that comes again within the grace gets nothing and ends nothing, and the client can begin anew', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client(CODE_CLIENT)
  const code = await authorize(ledger, { to: app })
  const { body } = await exchange(ledger, app, code)
  refuses(t, await exchange(ledger, app, code), REFUSED)
  t.true(await ledger.isActive(String(body['access_token'])))
  t.deepEqual(await typesOf(ledger, code.grant_id), [AUTHORIZED, EXCHANGED])
  t.is((await exchange(ledger, app, await authorize(ledger, { to: app, sub: code.sub }))).status, 200)
})

test('a code that comes again after the grace ends its grant with all tokens, once', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ ...CODE_CLIENT, refresh_grace_seconds: 0 })
  const code = await authorize(ledger, { to: app })
  const { body } = await exchange(ledger, app, code)
  const second = await refresh(ledger, app, body['refresh_token'])
  await untilOlder(ledger, code.grant_id, 1, 0)
  refuses(t, await exchange(ledger, app, code), REFUSED)
  for (const token of [body['access_token'], second.body['access_token']]) t.false(await ledger.isActive(String(token)))
  refuses(t, await refresh(ledger, app, second.body['refresh_token']), REFUSED)
  refuses(t, await exchange(ledger, app, code), REFUSED)
  const events = await ledger.eventsOf(code.grant_id)
  t.deepEqual(
    events.map(({ type }) => type),
    ['AuthorizationGranted', 'CodeExchanged', 'TokenRefreshed', 'TokenRevoked'],
  )
  t.like(events[3]?.data, { reason: 'code_reuse', revoked_by: { type: 'client', id: app.client_id } })
})

test('a code that has expired is exchanged no more', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client(CODE_CLIENT)
  const code = await authorize(ledger, { to: app, code_lifetime: 0 })
  refuses(t, await exchange(ledger, app, code), REFUSED)
  t.deepEqual(await typesOf(ledger, code.grant_id), [AUTHORIZED])
})

type Ending = (ledger: Ledger, app: Credentials, sub: string) => Promise<unknown>

const ENDINGS: [string, Ending][] = [
  ['all grants of the user are revoked', (ledger, _, sub) => ledger.revokeAllOfUser(sub)],
  ['the user is deleted', (ledger, _, sub) => ledger.deleteUser(sub)],
  [
    'the user is deleted and put again',
    async (ledger, _, sub) => {
      await ledger.deleteUser(sub)
      await ledger.user({ sub })
    },
  ],
  ['the user is disabled', (ledger, _, sub) => ledger.user({ sub, enabled: false })],
  ['the user has another password', (ledger, _, sub) => mustSet(ledger, sub, 'set after the consent')],
]

for (const [what, end] of ENDINGS) {
  test(`a code is exchanged no more when ${what} after the consent`, async (t) => {
    const ledger = await ledgerOfAll()
    const app = await ledger.client(CODE_CLIENT)
    const code = await authorize(ledger, { to: app })
    await end(ledger, app, code.sub)
    refuses(t, await exchange(ledger, app, code), REFUSED)
    t.deepEqual(await typesOf(ledger, code.grant_id), [AUTHORIZED])
  })
}

test('whoever exchanges a code while the password is changed gets no tokens that live', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client(CODE_CLIENT)
  const sub = await ledger.user()
  const codes = await Promise.all(Array.from({ length: 8 }, () => authorize(ledger, { to: app, sub })))
  const answers = codes.map((code) => exchange(ledger, app, code))
  await mustSet(ledger, sub, 'set while codes come')
  for (const answer of await Promise.all(answers)) {
    if (answer.status !== 200) refuses(t, answer, REFUSED)
    else t.false(await ledger.isActive(String(answer.body['access_token'])))
  }
})

test('a code of a client that is deleted after the consent is exchanged by nobody', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client(CODE_CLIENT)
  const code = await authorize(ledger, { to: app })
  await ledger.deleteClient(app)
  refuses(t, await exchange(ledger, app, code), [401, 'invalid_client'])
  t.deepEqual(await typesOf(ledger, code.grant_id), [AUTHORIZED])
})

test('a code can be revoked before it is exchanged', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client(CODE_CLIENT)
  const code = await authorize(ledger, { to: app })
  t.is((await ledger.post('/oauth2/revoke', { token: code.form['code'] ?? '' }, { as: app })).status, 200)
  refuses(t, await exchange(ledger, app, code), REFUSED)
})

test('traps-people 6: `resource` has no effect on a request for tokens, however often it is sent', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ ...CODE_CLIENT, grant_types: [...CODE_CLIENT.grant_types, 'client_credentials'] })
  const resource = 'resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example'
  const { form } = await authorize(ledger, { to: app })
  const ask = (params: Record<string, string>) =>
    ledger.post('/oauth2/token', `${new URLSearchParams(params).toString()}&${resource}`, { as: app })
  const exchanged = await ask(form)
  t.is(exchanged.status, 200)
  const answers = [
    exchanged,
    await ask({ grant_type: 'refresh_token', refresh_token: String(exchanged.body['refresh_token']) }),
    await ask({ grant_type: 'client_credentials' }),
  ]
  for (const { status, body } of answers) {
    t.is(status, 200)
    t.is(body['scope'], 'read write')
    t.is((await ledger.introspect(String(body['access_token'])))['aud'], undefined)
  }
})

test('an exchange of unknown outcome gets 503; the grant lives, and the client can begin anew', async (t) => {
  const projecting = await startLedger(t)
  const settings = { MAX_LAG: '10', APPEND_TIMEOUT: '1' }
  const ledger = await startLedger(t, { beside: projecting, services: ['token-endpoint'], settings })
  const app = await projecting.client(CODE_CLIENT)
  const code = await authorize(projecting, { to: app })
  await ledger.runtime.knex.transaction(async (blocking) => {
    await blocking.raw(`LOCK ${ledger.runtime.schema}.bearer_tokens IN SHARE ROW EXCLUSIVE MODE`)
    const { status, headers } = await exchange(ledger, app, code)
    t.is(status, 503)
    t.is(headers.get('retry-after'), '1')
  })
  await until(async () => (await exchange(ledger, app, code)).status === 400, 'the exchange to be folded')
  t.is((await typesOf(ledger, code.grant_id)).at(1), EXCHANGED)
  t.false((await typesOf(ledger, code.grant_id)).includes('TokenRevoked valid'))
  t.is((await exchange(ledger, app, await authorize(projecting, { to: app, sub: code.sub }))).status, 200)
})
