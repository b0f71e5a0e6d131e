import { recordSha256 } from '../../shared/event-log/chain.ts'
import type { EventLog } from '../../shared/event-log/event-log.ts'
import { cannotBeFolded, cannotBeRead } from '../../shared/event-log/fold-log.ts'
import type { TopicPartition } from '../../shared/event-log/places.ts'
import { recordAt } from '../../shared/event-log/skips.ts'
import type { CheckpointStatus } from '../../shared/read-model/checkpoints.ts'

/** The record that a partition stopped at, as `RecordSkipped` would name it. `sha256`: in hex. */
export type StoppedAt = { offset: number; sha256: string }

type Stopping = TopicPartition & { next: number; status: CheckpointStatus; status_reason: string | null }

/** Reads the record that a partition stopped at; null where it did not. LogReadError when the log does not answer. */
export async function stoppedAt(
  log: EventLog,
  { next, status, status_reason, ...place }: Stopping,
): Promise<StoppedAt | null> {
  const why = status_reason ?? ''
  const unread = why.startsWith(cannotBeRead({ offset: next, reason: '' }))
  if (status !== 'stopped' || !(unread || isRefused(why, next))) return null
  const record = await recordAt(log, place, next)
  return record && { offset: next, sha256: recordSha256(record) }
}

/**
 * Whether this is why PostgreSQL refuses the record at this offset, and it alone. A rebuild knows only among which
 * records it is; and in a read model of another shape (class 42) it is not the record that is wrong.
 */
export function isRefused(status_reason: string, offset: number): boolean {
  const [refused, otherShape] = ['SQLSTATE ', 'SQLSTATE 42'].map((reason) => cannotBeFolded({ offset, reason }))
  return status_reason.startsWith(refused ?? '') && !status_reason.startsWith(otherShape ?? '')
}
