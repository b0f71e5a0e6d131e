import test from 'ava'
import { replay } from '../../../services/audit/replay/replay.ts'
import type { ReplayEntry } from '../../../services/audit/replay/replay-entry.ts'
import { createKafkaLog } from '../../../shared/event-log/kafka/kafka-log.ts'
import { issued, refreshed } from '../../ledger/given.ts'
import { freshPrefix, kafkaBrokers, realTest } from '../../support/real-parts.ts'
import { closeEmbedded, embeddedLedger, grantId, seed, type WrittenLedger } from '../../support/written-ledger.ts'

test.after.always(closeEmbedded)

async function all(ledger: WrittenLedger): Promise<ReplayEntry[]> {
  const entries: ReplayEntry[] = []
  for await (const entry of replay(ledger, {})) entries.push(entry)
  return entries
}

realTest('kafka')(
  'a replay of twelve Kafka partitions and the registry is one story in the order of time',
  async (t) => {
    const log = createKafkaLog({ brokers: kafkaBrokers(), clientId: 'test', appendTimeoutMs: 10_000 })
    t.teardown(() => log.close())
    const ledger = await embeddedLedger({ log, prefix: freshPrefix() })
    await seed(ledger)
    for (let n = 2; n < 30; n++) await ledger.append(issued({ grant_id: grantId(n) }))
    for (let n = 29; n > 1; n--) await ledger.append(refreshed(2, { grant_id: grantId(n) }))
    const entries = await all(ledger)
    t.is(entries.length, 60)
    t.true(entries.every(({ verdict }) => verdict === 'valid'))
    const times = entries.map(({ time }) => time)
    t.deepEqual(times, [...times].sort())
    const issues = entries.filter(({ type }) => type === 'TokenIssued').map(({ subject }) => subject)
    t.deepEqual(new Set(issues).size, 29)
    t.deepEqual(await all(ledger), entries)
  },
)
