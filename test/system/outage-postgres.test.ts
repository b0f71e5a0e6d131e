import { startPostgres } from '../support/start-postgres.ts'
import { kafkaBrokers, realTest } from '../support/real-parts.ts'
import { onceForFile } from './once-for-file.ts'
import { assertSurvives } from './outage.ts'
import { startSystem } from './system.ts'

const real = realTest('kafka', 'postgres')
const parts = onceForFile(async (t) => {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop())
  const options = { databaseUrl: postgres.url, brokers: kafkaBrokers(), settings: { LEDGER_MAX_LAG: '2' } }
  return { postgres, ledger: await startSystem(t, options) }
})

real.serial('PostgreSQL frozen under load: 503 in time, and nobody is logged out', async (t) => {
  const { postgres, ledger } = await parts()
  await assertSurvives(t, ledger, { begin: () => postgres.pause(), end: () => postgres.resume() })
})

real.serial('PostgreSQL killed under load and started again: the same', async (t) => {
  const { postgres, ledger } = await parts()
  await assertSurvives(t, ledger, { begin: () => postgres.kill(), end: () => postgres.restart() })
})
