import test from 'ava'
import type { EventLog, LogRecord } from '../../shared/event-log/event-log.ts'
import { loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import { issued, refreshed } from '../ledger/given.ts'
import { until } from '../support/waiting.ts'
import { closeEmbedded, embeddedLedger, grantId, type WrittenLedger } from '../support/written-ledger.ts'

test.after.always(closeEmbedded)

const grant_id = grantId(1)

/** The same log with a leader whose epoch, and whose record 0 of the grant's partition, may become another's. */
function createLeaders({ log, topics }: WrittenLedger) {
  const leader = { epoch: 5, replaced: false }
  const led = (topic: string, partition: number, record: LogRecord): LogRecord => {
    const isReplaced = leader.replaced && topic === topics.grants && partition === 1 && record.offset === 0
    return { ...record, leader_epoch: leader.epoch, ...(isReplaced && { timestamp: record.timestamp + 1 }) }
  }
  const follow: EventLog['follow'] = (group, names, follower) =>
    log.follow(group, names, {
      ...follower,
      take: ({ records, ...batch }) =>
        follower.take({ ...batch, records: records.map((record) => led(batch.topic, batch.partition, record)) }),
    })
  return { leader, log: { ...log, follow } }
}

async function checkpointOf({ knex, schema, topics }: WrittenLedger) {
  return (await loadCheckpoints({ knex, schema }, [topics.grants]))[1]
}

/** A projector that has folded record 0 under the first leader. */
async function startFolded(t: { teardown: (close: () => Promise<void>) => void }) {
  const ledger = await embeddedLedger()
  const { leader, log } = createLeaders(ledger)
  t.teardown(await ledger.startProjector(log))
  await ledger.append(issued({ grant_id }))
  await ledger.shown()
  return { ledger, leader }
}

test('after a change of leader the last record folded is compared again: another one there is another log', async (t) => {
  const { ledger, leader } = await startFolded(t)
  Object.assign(leader, { epoch: 6, replaced: true })
  await ledger.append(refreshed(2, { grant_id }))
  const isTaken = async () => {
    const { next, status } = (await checkpointOf(ledger)) ?? {}
    return next !== 1 || status !== 'ok'
  }
  await until(isTaken, 'a partition that is folded or left')
  t.like(await checkpointOf(ledger), {
    next: 1,
    status: 'diverged',
    status_reason: 'the record at offset 0 is not the one that was folded',
  })
})

test('a change of leader that lost nothing holds nothing up', async (t) => {
  const { ledger, leader } = await startFolded(t)
  leader.epoch = 6
  await ledger.append(refreshed(2, { grant_id }))
  await ledger.shown()
  t.like(await checkpointOf(ledger), { next: 2, status: 'ok', leader_epoch: 6 })
})
