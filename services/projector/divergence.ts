import { recordHash } from '../../shared/event-log/chain.ts'
import type { Bounds, EventLog, FirstRecord, Silent } from '../../shared/event-log/event-log.ts'
import { isSamePlace } from '../../shared/event-log/places.ts'
import { type Checkpoint, rememberFirstRecords } from '../../shared/read-model/checkpoints.ts'
import type { ReadModelTables } from '../../shared/read-model/read-model.ts'

/** What a log tells of itself: where each partition begins and ends, with which record, and who does not answer. */
export type LogSeen = { bounds: Bounds[]; firsts: FirstRecord[]; silent: Silent[] }

/**
 * Looks at a log, to compare it with checkpoints that were read *before*: another projector may be moving them, and an
 * end that was asked for earlier would lie behind them. The first records are read after the ends, so that no end is of
 * a later log than they are. A partition that does not show its first record counts as silent.
 */
export async function lookAtLog(log: EventLog, topics: string[]): Promise<LogSeen> {
  const { bounds, silent } = await log.boundsNow(topics)
  const begun = bounds.filter(({ first, end }) => first === 0 && end > 0)
  const firsts = await log.firstRecords(begun)
  const unread = begun.filter((place) => !firsts.some((one) => isSamePlace(one, place)))
  const mute = unread.map(({ topic, partition }) => ({ topic, partition, reason: 'it does not show its first record' }))
  return { bounds: bounds.filter((bound) => !unread.includes(bound)), firsts, silent: [...silent, ...mute] }
}

/** Why the log is not the one that was folded, as far as it shows without being read; `null` = nothing says so. */
export function divergenceOf(checkpoint: Checkpoint, { bounds, firsts }: LogSeen): string | null {
  const bound = bounds.find((one) => isSamePlace(one, checkpoint))
  if (!bound) return 'the log has no such partition'
  if (bound.first !== 0) return `the log begins at offset ${bound.first}: its beginning is gone`
  // Both name the record to come: an end below what was folded has lost some of it.
  if (bound.end < checkpoint.next) return `the log ends at ${bound.end}, ${checkpoint.next} was folded`
  const first = firsts.find((one) => isSamePlace(one, checkpoint))
  if (!first || !checkpoint.first_hash || checkpoint.first_hash.equals(recordHash(first.record))) return null
  return 'the log begins with another record than was folded: it was deleted and made again'
}

/** A ledger of a release that kept no first records learns them here, from a log that nothing speaks against. */
export async function learnFirstRecords(
  readModel: ReadModelTables,
  checkpoints: Checkpoint[],
  firsts: FirstRecord[],
): Promise<void> {
  const lacking = checkpoints.filter(({ status, first_hash, last_offset }) => {
    return status === 'ok' && first_hash === null && last_offset !== null
  })
  const learnt = firsts.filter((first) => lacking.some((one) => isSamePlace(one, first)))
  const rows = learnt.map(({ topic, partition, record }) => ({ topic, partition, first_hash: recordHash(record) }))
  if (rows.length > 0) await rememberFirstRecords(readModel, rows)
}
