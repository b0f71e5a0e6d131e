import { formatToken } from '../../shared/tokens/token-string.ts'
import { realTest } from '../support/real-parts.ts'
import { sharedLedger } from '../support/ledger.ts'
import { until } from '../support/waiting.ts'
import { isRemainderOf, refresh, refuseSpent, typesOf, untilOlder } from '../support/refreshing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
/** Another process of it, without a projector. */
const second = sharedLedger(async () => ({ beside: await ledgerOfAll(), services: ['token-endpoint', 'token-check'] }))

test('the current refresh token gives a new pair, recorded as one event with its reason', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ refresh_grace_seconds: 7, access_token_lifetime: 900 })
  const first = await ledger.grant({ to: app })
  const { status, headers, body } = await ledger.post(
    '/oauth2/token',
    { grant_type: 'refresh_token', refresh_token: first.refresh_token },
    { as: app, headers: { 'x-request-id': 'refresh-1', traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } },
  )
  t.is(status, 200)
  t.is(headers.get('content-type'), 'application/json; charset=utf-8')
  t.is(headers.get('cache-control'), 'no-store')
  t.is(headers.get('pragma'), 'no-cache')
  t.true(isRemainderOf(900, body['expires_in']))
  t.deepEqual(body, {
    access_token: formatToken(ledger.keys, 'at', { kid: 1, grant_id: first.grant_id, generation: 2 }),
    token_type: 'Bearer',
    expires_in: body['expires_in'],
    refresh_token: formatToken(ledger.keys, 'rt', { kid: 1, grant_id: first.grant_id, generation: 2 }),
    scope: 'read write',
  })
  const [issued, refreshed, ...more] = await ledger.eventsOf(first.grant_id)
  t.is(issued?.type, 'TokenIssued')
  t.deepEqual(refreshed, {
    type: 'TokenRefreshed',
    verdict: 'valid',
    requestid: 'refresh-1',
    data: {
      grant_id: first.grant_id,
      client_id: app.client_id,
      access_generation: 2,
      refresh_generation: 2,
      kid: 1,
      scope: 'read write',
      access_token_lifetime: 900,
      refresh_grace_seconds: 7,
    },
  })
  t.deepEqual(more, [])
})

test('both access tokens live on after a refresh, each to its own expiry', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const first = await ledger.grant({ to: app })
  const { body } = await refresh(ledger, app, first.refresh_token)
  t.true(await ledger.isActive(first.access_token))
  t.true(await ledger.isActive(String(body['access_token'])))
})

test('a retry after a lost answer gets the same pair with the time that remains, and writes nothing', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const { body: lost } = await refresh(ledger, app, refresh_token)
  let retried = await refresh(ledger, app, refresh_token)
  await until(async () => {
    retried = await refresh(ledger, app, refresh_token)
    return Number(retried.body['expires_in']) < Number(lost['expires_in'])
  }, 'less time left')
  t.is(retried.status, 200)
  t.deepEqual({ ...retried.body, expires_in: lost['expires_in'] }, lost)
  t.is((await refresh(ledger, app, lost['refresh_token'])).status, 200)
  t.deepEqual(await typesOf(ledger, grant_id), ['TokenIssued valid', 'TokenRefreshed valid', 'TokenRefreshed valid'])
})

test('within the grace a token that was spent two refreshes ago still gets the pair that it got first', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const { body: second } = await refresh(ledger, app, refresh_token)
  const { body: third } = await refresh(ledger, app, second['refresh_token'])
  t.is((await refresh(ledger, app, refresh_token)).body['refresh_token'], second['refresh_token'])
  t.is((await refresh(ledger, app, second['refresh_token'])).body['refresh_token'], third['refresh_token'])
  t.is((await ledger.eventsOf(grant_id)).length, 3)
})

test('ten equal refreshes at once over two processes: one event counts and all get the same pair, which works', async (t) => {
  const ledger = await ledgerOfAll()
  const other = await second()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => refresh(n % 2 ? ledger : other, app, refresh_token)),
  )
  t.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  const pairs = new Set(answers.map(({ body }) => `${String(body['access_token'])} ${String(body['refresh_token'])}`))
  t.is(pairs.size, 1)
  const events = (await ledger.eventsOf(grant_id)).filter(({ type }) => type === 'TokenRefreshed')
  t.is(events.filter(({ verdict }) => verdict === 'valid').length, 1)
  t.true(events.every(({ verdict }) => verdict === 'valid' || verdict === 'generation_taken'))
  t.is((await refresh(other, app, answers[0]?.body['refresh_token'])).status, 200)
})

test('a token that was spent longer ago than the grace ends its grant, and the event says so', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ refresh_grace_seconds: 1 })
  const first = await ledger.grant({ to: app })
  const { body: live } = await refresh(ledger, app, first.refresh_token)
  await untilOlder(ledger, first.grant_id, 2, 1)
  const { status, headers, body } = await refuseSpent(ledger, app, first.refresh_token)
  t.is(status, 400)
  t.is(headers.get('cache-control'), 'no-store')
  t.is(body['error'], 'invalid_grant')
  const detected = (await ledger.eventsOf(first.grant_id)).at(-1)
  t.is(detected?.type, 'TokenReuseDetected')
  t.is(detected?.verdict, 'valid')
  t.deepEqual(detected?.data, {
    grant_id: first.grant_id,
    client_id: app.client_id,
    presented_generation: 1,
    refresh_grace_seconds: 1,
  })
  t.false(await ledger.isActive(first.access_token))
  t.false(await ledger.isActive(String(live['access_token'])))
  t.is((await refresh(ledger, app, live['refresh_token'])).body['error'], 'invalid_grant')
  t.is((await refresh(ledger, app, first.refresh_token)).body['error'], 'invalid_grant')
  t.is((await ledger.eventsOf(first.grant_id)).length, 3, 'a dead grant gets no further event')
})

test('without a grace the second use of a refresh token is reuse at once', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ refresh_grace_seconds: 0 })
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
  t.is((await refuseSpent(ledger, app, refresh_token)).body['error'], 'invalid_grant')
  t.deepEqual((await typesOf(ledger, grant_id)).slice(1), ['TokenRefreshed valid', 'TokenReuseDetected valid'])
})

test("another client's refresh token is refused, and nothing happens to the owner's grant", async (t) => {
  const ledger = await ledgerOfAll()
  const [owner, thief, phone] = [await ledger.client(), await ledger.client(), await ledger.publicClient()]
  const { grant_id, refresh_token } = await ledger.grant({ to: owner })
  for (const other of [thief, phone]) {
    const { status, body } = await refresh(ledger, other, refresh_token)
    t.is(status, 400)
    t.is(body['error'], 'invalid_grant')
  }
  t.is((await ledger.eventsOf(grant_id)).length, 1)
  const { status, body } = await refresh(ledger, owner, refresh_token)
  t.is(status, 200)
  await ledger.changeClient(owner, { refresh_grace_seconds: 0 })
  t.is((await refresh(ledger, thief, refresh_token)).body['error'], 'invalid_grant')
  t.is((await refresh(ledger, owner, body['refresh_token'])).status, 200, 'a spent token in wrong hands is no reuse')
})

test('a scope wider than granted is refused, and the token is not consumed', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ refresh_grace_seconds: 0 })
  const { grant_id, refresh_token } = await ledger.grant({ to: app, scope: 'read' })
  for (const scope of ['read write', 'write', 'read\ttab', 'a"b']) {
    const { status, body } = await refresh(ledger, app, refresh_token, { scope })
    t.is(status, 400, scope)
    t.is(body['error'], 'invalid_scope', scope)
  }
  t.is((await ledger.eventsOf(grant_id)).length, 1)
  t.is((await refresh(ledger, app, refresh_token)).body['scope'], 'read')
})

test('a narrower scope narrows the access token only: the next refresh may have all of it again', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const { body: narrow } = await refresh(ledger, app, refresh_token, { scope: 'write' })
  t.is(narrow['scope'], 'write')
  t.is((await ledger.introspect(String(narrow['access_token'])))['scope'], 'write')
  t.is((await ledger.eventsOf(grant_id)).at(-1)?.data['scope'], 'write')
  const { body: whole } = await refresh(ledger, app, narrow['refresh_token'])
  t.is(whole['scope'], 'read write')
  t.is((await ledger.introspect(String(narrow['access_token'])))['scope'], 'write')
})

test('a repeat that asks for less than the first answer holds is refused, and the grant lives', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const { body: first } = await refresh(ledger, app, refresh_token)
  const { status, body } = await refresh(ledger, app, refresh_token, { scope: 'read' })
  t.is(status, 400)
  t.is(body['error'], 'invalid_grant')
  t.is((await ledger.eventsOf(grant_id)).length, 2)
  t.is((await refresh(ledger, app, first['refresh_token'])).status, 200)
})

test('a repeat that asks for more than the first answer holds gets that answer', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const { body: first } = await refresh(ledger, app, refresh_token, { scope: 'read' })
  const { status, body } = await refresh(ledger, app, refresh_token)
  t.is(status, 200)
  t.is(body['scope'], 'read')
  t.is(body['access_token'], first['access_token'])
  t.is((await ledger.eventsOf(grant_id)).length, 2)
})
