import type { VerifySource } from '../../shared/read-model/read-model.ts'
import { rebuiltBeside } from '../support/written-ledger.ts'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import { loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import {
  isSamePlace,
  placeOf,
  registryPlace,
  shapeOf,
  topicsOf,
  type TopicPartition,
} from '../../shared/event-log/places.ts'
import { replay } from '../../services/audit/replay/replay.ts'
import type { ReplayEntry } from '../../services/audit/replay/replay-entry.ts'
import { verify } from '../../services/audit/verify/verify.ts'
import { issued } from '../ledger/given.ts'
import { ISSUER, startLedger, type LedgerOptions, type TestLedger } from '../support/ledger.ts'
import { kafkaBrokers, realTest } from '../support/real-parts.ts'
import { refresh } from '../support/refreshing.ts'
import { until } from '../support/waiting.ts'
import { appendRaw, appendSkip, UNREADABLE } from '../support/skipping.ts'

const test = realTest('postgres')

async function checkpointOf({ runtime }: TestLedger, place: TopicPartition) {
  const checkpoints = await loadCheckpoints(runtime, [place.topic])
  return checkpoints.find((one) => isSamePlace(one, place)) ?? { status: 'none', status_reason: '', next: -1 }
}

const isStopped = (ledger: TestLedger, place: TopicPartition) =>
  until(async () => (await checkpointOf(ledger, place)).status === 'stopped', 'a stopped partition')

const isPast = (ledger: TestLedger, { offset, ...place }: TopicPartition & { offset: number }) =>
  until(async () => {
    const { next, status } = await checkpointOf(ledger, place)
    return next > offset && status === 'ok'
  }, 'the projector past the record')

async function skippedOf({ runtime }: TestLedger): Promise<ReplayEntry[]> {
  const entries: ReplayEntry[] = []
  for await (const entry of replay(runtime, {})) if (entry.verdict === 'skipped') entries.push(entry)
  return entries
}

const stops = ({ lines }: TestLedger) =>
  lines.filter(({ msg }) => msg === 'partition is not projected any further').length

/** What every fold makes of the log is the same: of the projector, of verify, and of a rebuild. */
async function foldsAgree(ledger: TestLedger): Promise<{ equal: boolean; skipped: number }[]> {
  const told = async (one: VerifySource) => {
    const { equal, partitions } = await verify(one)
    return { equal, skipped: partitions.reduce((sum, { skipped }) => sum + skipped, 0) }
  }
  const live = await told(ledger.runtime)
  await ledger.stop()
  const still = await startLedger({ teardown: () => undefined }, { beside: ledger, services: ['audit'] })
  const rebuilt = await told(await rebuiltBeside(still.runtime))
  await still.stop()
  return [live, rebuilt]
}

const LOGS: [string, typeof test, () => LedgerOptions][] = [
  ['a table', test, () => ({})],
  ['Kafka', realTest('postgres', 'kafka'), () => ({ brokers: kafkaBrokers() })],
]

for (const [log, onLog, options] of LOGS) {
  onLog(
    `${log}: a stopped partition goes on by itself once its record is skipped, and only for that record`,
    async (t) => {
      const ledger = await startLedger(t, options())
      const app = await ledger.client()
      const { grant_id, refresh_token } = await ledger.grant({ to: app })
      const place = placeOf(ledger.runtime.topics, grant_id)
      const broken = await appendRaw(ledger.runtime, place, UNREADABLE['broken JSON'])
      const unknown = await appendRaw(ledger.runtime, place, UNREADABLE['an unknown type'], grant_id)
      await isStopped(ledger, place)
      t.is((await refresh(ledger, app, refresh_token)).status, 503)

      const before = stops(ledger)
      const wrong = await appendSkip(ledger.runtime, broken, 'ab'.repeat(32))
      await until(() => stops(ledger) > before, 'another stop at the same record')
      await isPast(ledger, wrong)
      // It is logged a moment before it is marked.
      await isStopped(ledger, place)
      t.like(await checkpointOf(ledger, place), { status: 'stopped', next: broken.offset })

      await appendSkip(ledger.runtime, broken)
      await until(async () => (await checkpointOf(ledger, place)).next === unknown.offset, 'the next stop')
      await isStopped(ledger, place)
      await appendSkip(ledger.runtime, unknown)
      await isPast(ledger, await appendSkip(ledger.runtime, unknown))
      await isPast(ledger, unknown)
      await until(async () => (await refresh(ledger, app, refresh_token)).status === 200, 'a refresh')

      const skipped = await skippedOf(ledger)
      t.deepEqual(
        skipped.map(({ position, reason, actor }) => ({ position, reason, actor })),
        [broken, unknown].map((position) => ({ position, reason: 'written by hand', actor: 'system/operator' })),
      )
      t.deepEqual(await foldsAgree(ledger), [
        { equal: true, skipped: 2 },
        { equal: true, skipped: 2 },
      ])
    },
  )

  onLog(
    `${log}: a record of the registry itself is skipped by one behind it, for who runs and who starts`,
    async (t) => {
      const ledger = await startLedger(t, options())
      const { topics } = ledger.runtime
      const place = registryPlace(topics)
      const broken = await appendRaw(ledger.runtime, place, UNREADABLE['broken JSON'])
      const unknown = await appendRaw(ledger.runtime, place, UNREADABLE['an unknown type'], 'client/x')
      await isStopped(ledger, place)
      const message = new RegExp(`^${place.topic}/0: the record at offset ${broken.offset} cannot be read: not JSON`)
      await t.throwsAsync(startLedger(t, { beside: ledger }), { name: 'OperatorError', message })

      await appendSkip(ledger.runtime, broken)
      await isPast(ledger, await appendSkip(ledger.runtime, unknown))
      const app = await ledger.client()
      const { refresh_token } = await ledger.grant({ to: app })
      t.is((await refresh(ledger, app, refresh_token)).status, 200)
      const beside = await startLedger(t, { beside: ledger, services: ['token-endpoint'] })
      t.is((await beside.send('/health/ready')).status, 200)
      await beside.stop()
      t.deepEqual(await foldsAgree(ledger), [
        { equal: true, skipped: 2 },
        { equal: true, skipped: 2 },
      ])
    },
  )
}

test('a record that PostgreSQL refuses is skipped where it is named, and never by itself', async (t) => {
  const ledger = await startLedger(t)
  const { knex, schema, log, topics } = ledger.runtime
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  await knex.raw(`ALTER TABLE ${schema}.grants ADD CONSTRAINT strange CHECK (client_id <> 'odd')`)
  const place = placeOf(topics, grant_id)
  // Another grant of the same partition.
  const odd = issued({ grant_id: grant_id.replace(/^.{8}/, 'ffffffff'), client_id: 'odd' })
  const { offset } = await log.append(outgoing(envelop(odd, ISSUER, { actor: 'client/odd' }, Date.now()), topics))
  await isStopped(ledger, place)
  t.like(await checkpointOf(ledger, place), { next: offset })
  t.is((await refresh(ledger, app, refresh_token)).status, 503)
  await appendSkip(ledger.runtime, { ...place, offset })
  await isPast(ledger, { ...place, offset })
  await until(async () => (await refresh(ledger, app, refresh_token)).status === 200, 'a refresh')
  t.deepEqual(await foldsAgree(ledger), [
    { equal: true, skipped: 1 },
    { equal: true, skipped: 1 },
  ])
})

test('a ledger can begin behind a stray first record of its registry', async (t) => {
  const first = await startLedger(t)
  const { runtime } = first
  // Another prefix in the same database, which belongs to nobody then: a log that nobody has migrated yet.
  const topics = topicsOf('stray')
  await runtime.log.create(shapeOf(topics))
  const stray = await appendRaw(runtime, registryPlace(topics), 'hello')
  await runtime.knex.raw('DELETE FROM ledger.ledger')
  const options = { settings: { ...first.settings, KAFKA_TOPIC_PREFIX: 'stray', READ_MODEL: 'ledger_stray' } }
  await t.throwsAsync(startLedger(t, options), { name: 'OperatorError', message: /cannot be read: not JSON/ })
  await appendSkip({ log: runtime.log, topics }, stray)
  const ledger = await startLedger(t, options)
  const beside = await startLedger(t, { beside: ledger })
  const app = await beside.client()
  t.is((await refresh(beside, app, (await beside.grant({ to: app })).refresh_token)).status, 200)
  await beside.stop()
  t.deepEqual(await foldsAgree(ledger), [
    { equal: true, skipped: 1 },
    { equal: true, skipped: 1 },
  ])
})
