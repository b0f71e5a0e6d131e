import { startKafka } from '../support/start-kafka.ts'
import { databaseUrl, realTest } from '../support/real-parts.ts'
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
