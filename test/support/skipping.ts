import { recordSha256 } from '../../shared/event-log/chain.ts'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import type { EventLog } from '../../shared/event-log/event-log.ts'
import { registryPlace, type TopicPartition, type Topics } from '../../shared/event-log/places.ts'
import { recordAt, type Skips } from '../../shared/event-log/skips.ts'

type Ledger = { log: EventLog; topics: Topics }

/** Where nothing is skipped. */
export const NO_SKIPS: Skips = { look: async () => undefined, of: () => undefined, countOf: () => 0, registryBegins: 0 }

/** Bytes that no release can read, in two ways. */
export const UNREADABLE = { 'broken JSON': '{"type":', 'an unknown type': '{"type":"TokenTeleported"}' }

/** Puts bytes into the log that no command of ours would write, and tells where they lie. */
export async function appendRaw({ log }: Ledger, place: TopicPartition, value: string, key = 'raw') {
  const { topic, partition } = place
  const { offset } = await log.append({ topic, partition, key, value })
  return { topic, partition, offset }
}

/** Appends what has every fold pass by the record at this position. `sha256`: default, that of the record. */
export async function appendSkip(ledger: Ledger, at: TopicPartition & { offset: number }, sha256?: string) {
  const { log, topics } = ledger
  const record = await recordAt(log, at, at.offset)
  if (!record) throw new Error('there is no such record')
  const { topic, partition, offset } = at
  const data = { topic, partition, offset, sha256: sha256 ?? recordSha256(record), reason: 'written by hand' }
  const context = { actor: 'system/operator' }
  const event = envelop({ type: 'RecordSkipped', data }, 'https://ledger.example', context, Date.now())
  const appended = await log.append(outgoing(event, topics))
  return { ...registryPlace(topics), offset: appended.offset }
}
