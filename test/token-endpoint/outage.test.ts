import { realTest } from '../support/real-parts.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { until } from '../support/waiting.ts'
import { refresh, typesOf } from '../support/refreshing.ts'

const test = realTest('postgres')

/** A ledger whose projector runs apart, so that it can stop; the endpoints bear a lag of a second. */
async function startApart(t: Parameters<typeof startLedger>[0]) {
  const projecting = await startLedger(t)
  const settings = { MAX_LAG: '1', APPEND_TIMEOUT: '1' }
  const ledger = await startLedger(t, { beside: projecting, services: ['token-endpoint'], settings })
  return { projecting, ledger }
}

const isBehind = async (ledger: TestLedger): Promise<boolean> => {
  const { rows } = await ledger.runtime.knex.raw<{ rows: { behind: boolean }[] }>(
    `SELECT now() - min(fresh_as_of) > interval '1 s' AS behind FROM ${ledger.runtime.schema}.checkpoints`,
  )
  return rows[0]?.behind === true
}

test('while nothing is projected a refresh gets 503 before anything is written, and afterwards it works', async (t) => {
  const { projecting, ledger } = await startApart(t)
  const app = await projecting.client()
  const { grant_id, refresh_token } = await projecting.grant({ to: app })
  await projecting.stop()
  await until(() => isBehind(ledger), 'a read model that lags')
  const { status, headers, body } = await refresh(ledger, app, refresh_token)
  t.is(status, 503)
  t.is(headers.get('retry-after'), '1')
  t.is(headers.get('cache-control'), 'no-store')
  t.is(body['error'], 'temporarily_unavailable')
  const issuing = await ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: app })
  t.is(issuing.status, 503)
  t.is((await ledger.eventsOf(grant_id)).length, 1)
  const again = await startLedger(t, { beside: projecting })
  await until(async () => (await refresh(ledger, app, refresh_token)).status === 200, 'a refresh')
  const events = (await typesOf(again, grant_id)).filter((event) => event.endsWith(' valid'))
  t.deepEqual(events, ['TokenIssued valid', 'TokenRefreshed valid'])
})

test('a refresh whose event is not projected in time gets 503, and its repetition the pair of that event', async (t) => {
  const { projecting, ledger } = await startApart(t)
  const app = await projecting.client()
  const { grant_id, refresh_token } = await projecting.grant({ to: app })
  await ledger.runtime.knex.transaction(async (blocking) => {
    await blocking.raw(`LOCK ${ledger.runtime.schema}.bearer_tokens IN SHARE ROW EXCLUSIVE MODE`)
    const { status, headers } = await refresh(ledger, app, refresh_token)
    t.is(status, 503)
    t.is(headers.get('retry-after'), '1')
  })
  await until(async () => (await refresh(ledger, app, refresh_token)).status === 200, 'a refresh')
  const events = await typesOf(ledger, grant_id)
  t.is(events.filter((event) => event === 'TokenRefreshed valid').length, 1)
})

test('a revocation is written even while nothing is projected: 503 until its effect is sure', async (t) => {
  const { projecting, ledger } = await startApart(t)
  const app = await projecting.client()
  const { grant_id, access_token, refresh_token } = await projecting.grant({ to: app })
  t.true(await projecting.isActive(access_token))
  await projecting.stop()
  await until(() => isBehind(ledger), 'a read model that lags')
  const { status, headers } = await ledger.post('/oauth2/revoke', { token: refresh_token }, { as: app })
  t.is(status, 503)
  t.is(headers.get('retry-after'), '1')
  const again = await startLedger(t, { beside: projecting })
  const repeat = () => ledger.post('/oauth2/revoke', { token: refresh_token }, { as: app })
  await until(async () => (await repeat()).status === 200, 'a revocation')
  t.false(await again.isActive(access_token))
  const events = (await typesOf(again, grant_id)).filter((event) => event.endsWith(' valid'))
  t.deepEqual(events, ['TokenIssued valid', 'TokenRevoked valid'])
})

test('what the registry does not allow yet is 503 while it is behind, not a refusal that a client would believe', async (t) => {
  const { projecting, ledger } = await startApart(t)
  const app = await projecting.client({ grant_types: [] })
  const requests = [
    { grant_type: 'client_credentials' },
    { grant_type: 'client_credentials', scope: 'granted-a-moment-ago' },
    { grant_type: 'refresh_token', refresh_token: 'x' },
  ]
  const status = async (form: Record<string, string>) => (await ledger.post('/oauth2/token', form, { as: app })).status
  for (const form of requests) await until(async () => (await status(form)) === 400, 'a refusal while nothing lags')
  await projecting.stop()
  await until(() => isBehind(ledger), 'a read model that lags')
  for (const form of requests) t.is(await status(form), 503)
})

test('a client that the read model does not know while it is behind gets 503, not an invalid_client', async (t) => {
  const { projecting, ledger } = await startApart(t)
  const stranger = { client_id: 'registered-a-moment-ago', client_secret: 'x'.repeat(43) }
  const status = async () =>
    (await ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: stranger })).status
  await until(async () => (await status()) === 401, 'a refusal while nothing lags')
  await projecting.stop()
  await until(() => isBehind(ledger), 'a read model that lags')
  for (const [path, form] of [
    ['/oauth2/token', { grant_type: 'client_credentials' }],
    ['/oauth2/token', { grant_type: 'refresh_token', refresh_token: 'x' }],
    ['/oauth2/revoke', { token: 'x' }],
  ] as const) {
    const { status, headers } = await ledger.post(path, form, { as: stranger })
    t.is(status, 503, path)
    t.is(headers.get('retry-after'), '1')
  }
})
