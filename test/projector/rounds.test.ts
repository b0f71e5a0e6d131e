import { verify } from '../../services/audit/verify/verify.ts'
import type { EventLog, LogBatch } from '../../shared/event-log/event-log.ts'
import { registryPlace } from '../../shared/event-log/places.ts'
import { loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import { user } from '../ledger/given.ts'
import { realTest } from '../support/real-parts.ts'
import { postgresLedger, type WrittenLedger } from '../support/written-ledger.ts'

const test = realTest('postgres')

const MANY = 1_200

async function putMany(ledger: WrittenLedger, from: number, to: number): Promise<void> {
  const puts = Array.from({ length: to - from + 1 }, (_, n) => {
    const nth = from + n
    const sub = `user-${nth % 3}`
    const put = user({ sub, personal: { username: `${sub}.${nth}`, name: null, email: null } })
    return ledger.append({ type: 'UserPut', data: { revision: Math.ceil(nth / 3), user: put } })
  })
  await Promise.all(puts)
}

/** Delivers all there is of the registry as one batch, from its first record on. */
function atOnce({ log, topics }: WrittenLedger): EventLog & { delivered: () => number } {
  let delivered = 0
  const place = registryPlace(topics)
  const whole = async (): Promise<LogBatch> => {
    const [bound] = await log.bounds([topics.registry])
    const batch: LogBatch = { ...place, start: 0, next: bound?.end ?? 0, records: [] }
    for await (const { records } of log.read({ ...place, from: 0, to: batch.next })) batch.records.push(...records)
    return batch
  }
  return {
    ...log,
    follow: (group, names, follower) =>
      log.follow(group, names, {
        ...follower,
        take: async (batch) => {
          const all = batch.topic === topics.registry ? await whole() : batch
          delivered = Math.max(delivered, all.records.length)
          return follower.take(all)
        },
      }),
    delivered: () => delivered,
  }
}

test('a batch of many records is folded part by part, also from amidst of it, to what one fold makes of it', async (t) => {
  const ledger = await postgresLedger(t)
  await putMany(ledger, 1, 600)
  await ledger.project()
  await putMany(ledger, 601, MANY)
  const log = atOnce(ledger)
  const stop = await ledger.startProjector(log)
  await ledger.shown()
  await stop()
  t.is(log.delivered(), MANY)
  const [checkpoint] = await loadCheckpoints(ledger, [ledger.topics.registry])
  t.like(checkpoint, { next: MANY, last_offset: MANY - 1, status: 'ok', void_count: 0 })
  t.is((await verify(ledger)).difference, null)
})

test('a record amidst of such a batch that cannot be read stops the partition before it, after all that is before', async (t) => {
  const ledger = await postgresLedger(t)
  await putMany(ledger, 1, 700)
  await ledger.log.append({ ...registryPlace(ledger.topics), key: 'user/user-0', value: '{}' })
  await putMany(ledger, 701, MANY)
  const stop = await ledger.startProjector(atOnce(ledger))
  await ledger.shown()
  await stop()
  const [checkpoint] = await loadCheckpoints(ledger, [ledger.topics.registry])
  t.like(checkpoint, { next: 700, last_offset: 699, status: 'stopped' })
  const { rows } = await ledger.knex.raw<{ rows: unknown[] }>(
    `SELECT sub, revision FROM ${ledger.schema}.users ORDER BY sub`,
  )
  t.deepEqual(rows, [
    { sub: 'user-0', revision: 233 },
    { sub: 'user-1', revision: 234 },
    { sub: 'user-2', revision: 233 },
  ])
})
