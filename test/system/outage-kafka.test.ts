import { inTime } from '../support/in-time.ts'
import { databaseUrl, realTest } from '../support/real-parts.ts'
import { createRequests } from '../support/requests.ts'
import { startKafka } from '../support/start-kafka.ts'
import { until } from '../support/waiting.ts'
import { onceForFile } from './once-for-file.ts'
import { assertSurvives } from './outage.ts'
import { startSystem } from './system.ts'

const real = realTest('kafka', 'postgres')
const parts = onceForFile(async (t) => {
  const kafka = await startKafka()
  t.teardown(() => kafka.stop())
  const options = { databaseUrl: await databaseUrl(t), brokers: kafka.brokers, settings: { LEDGER_MAX_LAG: '2' } }
  return { kafka, ledger: await startSystem(t, options) }
})

real.serial('Kafka frozen under load: 503 in time, and nobody is logged out', async (t) => {
  const { kafka, ledger } = await parts()
  await assertSurvives(t, ledger, { begin: () => kafka.pause(), end: () => kafka.resume() })
})

real.serial('the broker killed under load and started again: the same', async (t) => {
  const { kafka, ledger } = await parts()
  await assertSurvives(t, ledger, { begin: () => kafka.kill(), end: () => kafka.restart() })
})

real.serial('a fresh process beside a broker that pauses around its first append: the next one succeeds', async (t) => {
  const { kafka, ledger } = await parts()
  const as = await ledger.client()
  const [pair] = await ledger.grants(as, 1)
  const fresh = await ledger.start('token-endpoint')
  await kafka.pause()
  const paused = performance.now()
  const { post } = createRequests(fresh.url)
  const refresh = () =>
    post('/oauth2/token', { grant_type: 'refresh_token', refresh_token: pair?.refresh_token ?? '' }, { as })
  t.is((await refresh()).status, 503)
  await until(() => performance.now() - paused > 3_500, 'a pause longer than any request may take')
  await kafka.resume()
  await until(async () => (await refresh()).status === 200, 'a refresh', inTime(10_000))
})
