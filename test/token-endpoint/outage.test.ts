import { realTest } from '../support/real-parts.ts'
import { startLedger, until, type TestLedger } from '../support/ledger.ts'
import { refresh, typesOf } from './refreshing.ts'

const test = realTest('postgres')

/** A ledger whose projector runs apart, so that it can stop; the endpoints bear a lag of a second. */
async function startApart(t: Parameters<typeof startLedger>[0]) {
  const projecting = await startLedger(t, { settings: { MAX_LAG: '1', APPEND_TIMEOUT: '1' } })
  const ledger = await startLedger(t, { beside: projecting, services: ['token-endpoint', 'token-check'] })
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
  const app = await projecting.client({ refresh_grace_seconds: 0 })
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
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
  t.deepEqual(await typesOf(again, grant_id), ['TokenIssued valid', 'TokenRefreshed valid'])
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
  t.is((await ledger.post('/oauth2/revoke', { token: refresh_token }, { as: app })).status, 200)
  t.false(await again.isActive(access_token))
  t.deepEqual(await typesOf(again, grant_id), ['TokenIssued valid', 'TokenRevoked valid'])
})
