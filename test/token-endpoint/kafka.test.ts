import { refuses } from '../support/asserting.ts'
import { startLedger } from '../support/ledger.ts'
import { kafkaBrokers, realTest } from '../support/real-parts.ts'
import { refresh, typesOf } from '../support/refreshing.ts'

const test = realTest('postgres', 'kafka')

test('with the log in Kafka: ten racing refreshes over two processes are one, and a revocation ends all of it', async (t) => {
  const ledger = await startLedger(t, { brokers: kafkaBrokers() })
  const other = await startLedger(t, { beside: ledger, services: ['token-endpoint', 'token-check'] })
  const app = await ledger.client()
  const { grant_id, access_token, refresh_token } = await ledger.grant({ to: app })
  const answers = await Promise.all(
    Array.from({ length: 10 }, (_, n) => refresh(n % 2 ? ledger : other, app, refresh_token)),
  )
  t.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  const [pair, ...others] = new Set(answers.map(({ body }) => String(body['refresh_token'])))
  t.deepEqual(others, [])
  t.is((await refresh(other, app, pair)).status, 200)
  t.true(await ledger.isActive(access_token))
  t.is((await other.post('/oauth2/revoke', { token: refresh_token }, { as: app })).status, 200)
  for (const process of [ledger, other]) t.false(await process.isActive(access_token))
  refuses(t, await refresh(ledger, app, pair), [400, 'invalid_grant'])
  const valid = (await typesOf(ledger, grant_id)).filter((event) => event.endsWith(' valid'))
  t.deepEqual(valid, ['TokenIssued valid', 'TokenRefreshed valid', 'TokenRefreshed valid', 'TokenRevoked valid'])
})
