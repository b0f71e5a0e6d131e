import { readdir, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import kafkajs from 'kafkajs'
import { projectionStatus } from '../../services/audit/status/projection-status.ts'
import { isSamePlace, partitionOf, shapeOf } from '../../shared/event-log/places.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import type { Seeds } from '../support/ledger-seeds.ts'
import { startLedger } from '../support/ledger.ts'
import { databaseUrl, realTest } from '../support/real-parts.ts'
import { type KafkaCluster, startKafka } from '../support/start-kafka.ts'
import { until as within } from '../support/waiting.ts'
import { answers } from './cluster.ts'
import { type HonestClient, startLoad } from './load.ts'
import { onceForFile } from './once-for-file.ts'
import { summaryOf } from './outage.ts'
import { startSystem } from './system.ts'

// A log that lost what it had acknowledged, under honest clients: an outage until somebody looks, and nobody's fault.
const real = realTest('kafka', 'postgres')
const CHAINS = 16
const LOST_BYTES = 3_000
/** How long a broker may take to come back where much else runs; on a quiet machine it is 10 s. */
const PATIENCE_MS = 90_000

const kafka = onceForFile(async (t) => {
  const cluster = await startKafka()
  t.teardown(() => cluster.stop())
  return cluster
})

/** What is looked at, wherever its processes are. */
type Ledger = Seeds & { runtime: Runtime; url: string; lines: () => Record<string, unknown>[] }

/** Chains of refreshes that go on and on, each of which got this many pairs already. */
async function underLoad(t: ExecutionContext, ledger: Ledger, acknowledged: number) {
  const as = await ledger.client({ refresh_grace_seconds: 30 })
  const sub = await ledger.user()
  const pairs = await Promise.all(Array.from({ length: CHAINS }, () => ledger.grant({ to: as, sub })))
  const load = startLoad({ as, urls: () => [ledger.url], pairs })
  t.teardown(() => load.stop())
  await until(() => load.clients.every((client) => client.acknowledged.length >= acknowledged), 'chains of refreshes')
  return { ledger, load, partitions: [...new Set(pairs.map(({ grant_id }) => partitionOf(grant_id)))] }
}

/** What a disk may lose in a power cut: the last bytes of each of these partitions. */
async function cutTails({ dataOf }: KafkaCluster, topic: string, partitions: number[]): Promise<void> {
  for (const partition of partitions) {
    const folder = join(dataOf(1), `${topic}-${partition}`)
    for (const name of (await readdir(folder)).filter((one) => one.endsWith('.log'))) {
      const { size } = await stat(join(folder, name))
      await truncate(join(folder, name), Math.max(0, size - LOST_BYTES))
    }
  }
}

async function makeAgain({ log, topics }: Runtime, topic: string): Promise<void> {
  const { brokers } = await kafka()
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.deleteTopics({ topics: [topic] })
  await until(async () => !(await admin.listTopics()).includes(topic), 'a deleted topic')
  await admin.disconnect()
  await log.create(shapeOf(topics))
}

/** Whether the log has grown past what was folded of these partitions, so that its ends tell nothing any more. */
async function hasGrownPast(runtime: Runtime, partitions: number[]): Promise<boolean> {
  const { log, topics } = runtime
  const checkpoints = await loadCheckpoints(runtime, [topics.grants])
  const { bounds } = await log.boundsNow([topics.grants])
  return partitions.every((partition) => {
    const bound = bounds.find((one) => one.partition === partition)
    const checkpoint = checkpoints.find((one) => bound && isSamePlace(one, bound))
    return bound && checkpoint && bound.end > checkpoint.next
  })
}

/** The clients of these partitions get 503 and nothing else, others go on, and whoever looks is told which and why. */
async function assertLeft(
  t: ExecutionContext,
  { ledger, load }: Awaited<ReturnType<typeof underLoad>>,
  partitions: number[],
  reason: RegExp,
): Promise<void> {
  const { runtime, url, lines } = ledger
  const { grants } = runtime.topics
  const left = async () => {
    const status = await projectionStatus(runtime, 60_000)
    return status.partitions.filter((one) => one.status === 'diverged')
  }
  await until(async () => (await left()).length >= partitions.length, 'diverged partitions')
  const since = performance.now()
  const isHurt = ({ grant_id }: HonestClient) => partitions.includes(partitionOf(grant_id))
  const hasAnswers = (client: HonestClient) => answers(client, isHurt(client) ? 503 : 200, since) >= 3
  await until(() => load.clients.every(hasAnswers), `answers afterwards: ${summaryOf(load)}`)
  await load.stop()
  t.log(summaryOf(load))
  const strange = load.clients.flatMap(({ seen }) => seen).filter(({ status }) => status !== 200 && status !== 503)
  t.deepEqual(strange, [])
  for (const client of load.clients.filter(isHurt)) t.is(answers(client, 200, since), 0, client.grant_id)
  const found = await left()
  const places = partitions.toSorted((a, b) => a - b).map((partition) => `${grants}/${partition}`)
  t.deepEqual(
    found.map((one) => `${one.topic}/${one.partition}`),
    places,
  )
  for (const { problem } of found) t.regex(problem ?? '', reason)
  const told = await (await fetch(`${url}/health/ready`)).text()
  for (const place of places) t.true(told.includes(`${place} is diverged`), told)
  const alarms = lines().filter((line) => line['alarm'] === 'diverged')
  t.deepEqual(
    [...new Set(alarms.map((line) => `${grants}/${Number(line['partition'])}`))].toSorted(),
    places.toSorted(),
  )
}

real.serial(
  'a broker that lost its last records: 503 where they lay until somebody looks, and no refusal',
  async (t) => {
    t.timeout(300_000)
    const cluster = await kafka()
    const started = await startLedger(t, { brokers: cluster.brokers, settings: { APPEND_TIMEOUT: '2' } })
    const ledger = { ...started, lines: () => started.lines }
    const loaded = await underLoad(t, ledger, 4)
    const [spared, ...cut] = loaded.partitions
    t.true(spared !== undefined && cut.length > 3)
    await cluster.kill()
    await cutTails(cluster, ledger.runtime.topics.grants, cut)
    await cluster.restart()
    await assertLeft(t, loaded, cut, /the log ends at \d+, \d+ was folded|is not the one that was folded/)
  },
)

real.serial('a young topic that was made again grows past what was folded: 503 all the same, no refusal', async (t) => {
  t.timeout(300_000)
  const { brokers } = await kafka()
  const settings = { LEDGER_MAX_LAG: '60' }
  const system = await startSystem(t, { databaseUrl: await databaseUrl(t), brokers, endpoints: 1, settings })
  const [endpoint, projector] = [system.endpoints[0], system.projectors[0]]
  if (!endpoint || !projector) return t.fail()
  const ledger = { ...system, url: endpoint.url, lines: () => projector.logs }
  const loaded = await underLoad(t, ledger, 1)
  const { runtime } = ledger
  // While it looks away: when it looks again the ends, the leader epochs and the settings are what they should be.
  projector.signal('SIGSTOP')
  try {
    await makeAgain(runtime, runtime.topics.grants)
    await until(() => hasGrownPast(runtime, loaded.partitions), 'a topic as long as the old one')
  } finally {
    projector.signal('SIGCONT')
  }
  await assertLeft(t, loaded, loaded.partitions, /it was deleted and made again|is not the one that was folded/)
})

function until(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  return within(condition, what, PATIENCE_MS)
}
