import pino from 'pino'
import { projectionStatus } from '../../services/audit/status/projection-status.ts'
import { openParts } from '../../shared/process/open-parts.ts'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { partitionOf } from '../../shared/event-log/places.ts'
import { tokenLedger, type Env } from '../support/ledger-process.ts'
import { databaseUrl, realTest } from '../support/real-parts.ts'
import { startKafka } from '../support/start-kafka.ts'
import { configure, KEEPS_HISTORY } from '../support/topic-settings.ts'
import { until as untilWithin } from '../support/waiting.ts'
import { assertNobodyWasHurt } from './aftermath.ts'
import { answers, isIn, operator, problemsOf, replicasOf, settingsOf, strand } from './cluster.ts'
import { startLoad, type Load } from './load.ts'
import { onceForFile } from './once-for-file.ts'
import { summaryOf } from './outage.ts'
import { startSystem } from './system.ts'

// Kafka as it is in production: three brokers, TLS with certificates on both sides, a password.
const real = realTest('kafka', 'postgres')
const MAX_LAG = 2
const GRACE = 2
/** How long a cluster may take to find itself again where much else runs; on a quiet machine it is 4 s. */
const PATIENCE_MS = 60_000
const until = (condition: () => boolean | Promise<boolean>, what: string) => untilWithin(condition, what, PATIENCE_MS)
/** What `migrate` gives a topic on three brokers. */
const ON_THREE_BROKERS = { ...KEEPS_HISTORY, 'min.insync.replicas': '2' }
const parts = onceForFile(async (t) => {
  const kafka = await startKafka({ brokers: 3, secure: true })
  t.teardown(() => kafka.stop())
  const settings = { LEDGER_MAX_LAG: String(MAX_LAG), ...kafka.settings }
  return {
    kafka,
    ledger: await startSystem(t, { databaseUrl: await databaseUrl(t), brokers: kafka.brokers, settings }),
  }
})

real.serial(
  'on three brokers the topics have three replicas, two of them in sync; with less nothing serves',
  async (t) => {
    const { kafka, ledger } = await parts()
    const admin = await operator(t, kafka)
    const { grants, registry } = ledger.runtime.topics
    for (const topic of [grants, registry])
      t.deepEqual(await settingsOf(admin, topic, Object.keys(ON_THREE_BROKERS)), ON_THREE_BROKERS)
    t.deepEqual(await replicasOf(admin, grants), Array<number>(12).fill(3))
    t.deepEqual(await replicasOf(admin, registry), [3])

    await configure(admin, grants, { ...KEEPS_HISTORY, 'min.insync.replicas': '1' })
    const problem = `${grants}: min.insync.replicas is 1, must be 2 or more with 3 replicas`
    const refused = await t.throwsAsync(tokenLedger(ledger.env, 'serve', 'projector'))
    t.true(refused.message.includes(problem), refused.message)
    await configure(admin, grants, ON_THREE_BROKERS)
  },
)

real.serial('who Kafka does not let in, or cannot trust it, is told why and does not serve', async (t) => {
  const { ledger } = await parts()
  const noCertificate = { LEDGER_KAFKA_SSL_CERTIFICATE: '', LEDGER_KAFKA_SSL_KEY_FILE: '' }
  const wrong: [Env, RegExp][] = [
    [{ LEDGER_KAFKA_SASL_PASSWORD: 'a-wrong-word' }, /refused the SASL user name, password or mechanism/],
    [{ LEDGER_KAFKA_SSL: 'true' }, /the broker's certificate is not trusted/],
    [noCertificate, /refused our certificate, or wants one/],
    [{ ...noCertificate, LEDGER_KAFKA_SSL: 'false' }, /TLS or SASL is set on one side only/],
  ]
  const secrets = ['a-wrong-word', ledger.env['LEDGER_KAFKA_SASL_PASSWORD'] ?? '']
  const isTold = async ([over, reason]: [Env, RegExp], refused: (env: Env) => Promise<unknown>) => {
    const { message } = await t.throwsAsync(refused({ ...ledger.env, ...over }))
    t.regex(message, reason)
    for (const secret of secrets) t.false(message.includes(secret))
    return message
  }
  const served = wrong.slice(0, 2).map((one) => isTold(one, (env) => tokenLedger(env, 'serve', 'projector')))
  for (const message of await Promise.all(served)) t.regex(message, / ended with 3: /)
  for (const one of wrong.slice(2)) {
    await isTold(one, async (env) => {
      const { log, close } = await openParts(loadSettings(env), pino({ level: 'silent' }))
      await log.problems([]).finally(close)
    })
  }
})

real.serial(
  'one broker killed: everybody goes on. A second: 503 in time. Both started: everybody goes on',
  async (t) => {
    t.timeout(300_000)
    const { kafka, ledger } = await parts()
    const as = await ledger.client({ refresh_grace_seconds: GRACE })
    const load = startLoad({
      as,
      urls: () => ledger.endpoints.map(({ url }) => url),
      pairs: await ledger.grants(as, 12),
    })
    const everybody = (status: number, times: number, since: number) =>
      until(() => load.clients.every((client) => answers(client, status, since) >= times), `${times} × ${status}`)
    await during(load, async () => {
      await everybody(200, 3, 0)
      await kafka.kill(1)
      const one = performance.now()
      await everybody(200, 10, one)
      t.log(`everybody went on ${since(one)} after the first broker died`)
      await kafka.kill(2)
      const two = performance.now()
      await everybody(503, 1, two)
      await until(() => performance.now() - two > (GRACE + 1) * 1000, 'an outage longer than the grace')
      // What was appended before, and answered with 503, may be answered now; nothing new.
      t.true(load.clients.every((client) => answers(client, 200, two) <= 1))
      await kafka.restart()
      const ended = performance.now()
      await everybody(200, 3, ended)
      t.log(`everybody went on ${since(ended)} after both were back`)
      await until(() => performance.now() - ended > GRACE * 1000, 'late events')
    })
    await assertNobodyWasHurt(t, { ledger, load }, { as })
    t.log(summaryOf(load))
  },
)

real.serial('a partition without a leader: 503 for its own grants, and for no others', async (t) => {
  t.timeout(300_000)
  const { kafka, ledger } = await parts()
  const { grants } = ledger.runtime.topics
  const as = await ledger.client({ refresh_grace_seconds: GRACE })
  const pairs = await ledger.grants(as, 8)
  const partition = partitionOf(pairs[0]?.grant_id ?? '')
  const admin = await operator(t, kafka)
  // With two asked for, Kafka would not let a lone replica lead again after a crash.
  await configure(admin, grants, { ...KEEPS_HISTORY, 'min.insync.replicas': '1' })
  await until(await strand(admin, grants, partition, 3), 'a partition on one broker')
  const load = startLoad({ as, urls: () => ledger.endpoints.map(({ url }) => url), pairs })
  const stranded = load.clients.filter(isIn(partition))
  const others = load.clients.filter((client) => !isIn(partition)(client))
  t.true(others.length > 0)
  await during(load, async () => {
    await until(() => load.clients.every((client) => answers(client, 200, 0) >= 3), 'load')
    await kafka.kill(3)
    const killed = performance.now()
    const went = (since: number) => () => others.every((client) => answers(client, 200, since) >= 10)
    await until(went(killed), 'the others going on')
    // It is neither read nor appended to.
    await until(async () => (await problemsOf(ledger)).length === 2 * ledger.endpoints.length, 'two problems each')
    const name = `${grants}/${partition}`
    for (const problem of await problemsOf(ledger))
      t.true(problem.startsWith(`${name}: it was last complete `) || problem === `cannot append to ${name}`, problem)
    const { partitions } = await projectionStatus(ledger.runtime, 60_000)
    const unhealthy = partitions.filter(({ problem }) => problem !== null)
    t.deepEqual(
      unhealthy.map((one) => [one.partition, one.problem]),
      [[partition, 'the log does not answer: it has no leader']],
    )
    // Whoever begins only now goes on where it can, too.
    const [projector] = ledger.projectors
    if (!projector) return t.fail()
    await projector.kill()
    await ledger.replace(ledger.projectors, projector)
    await until(went(performance.now()), 'the others going on with another projector')
    t.true(stranded.every((client) => answers(client, 200, killed) === 0))
    await kafka.restart()
    const ended = performance.now()
    await until(() => load.clients.every((client) => answers(client, 200, ended) >= 3), 'everybody going on')
    await until(() => performance.now() - ended > GRACE * 1000, 'late events')
  })
  await assertNobodyWasHurt(t, { ledger, load }, { as })
  t.log(summaryOf(load))
})

function since(begun: number): string {
  return `${Math.round((performance.now() - begun) / 100) / 10} s`
}

/** What happens under a load; where it fails, the load ends too. */
async function during(load: Load, work: () => Promise<unknown>): Promise<void> {
  try {
    await work()
  } catch (error) {
    await load.stop()
    throw new Error(`${String(error)}: ${summaryOf(load)}`, { cause: error })
  }
}
