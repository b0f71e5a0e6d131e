import type { Bounds, EventLog } from '../../../shared/event-log/event-log.ts'
import type { FoldPosition } from '../../../shared/event-log/fold-log.ts'
import { placeText, type TopicPartition } from '../../../shared/event-log/places.ts'
import type { Checkpoint } from '../../../shared/read-model/checkpoints.ts'
import { compareColumns, type Difference } from './compare.ts'

/** Why the log cannot be folded up to this checkpoint, if it cannot. */
export async function unfoldable(
  log: EventLog,
  bound: Bounds,
  checkpoint: Checkpoint | null,
): Promise<Difference | null> {
  if (!checkpoint) return checkpointDifference(bound, null, 'a partition', 'no checkpoint')
  if (bound.first !== 0) return checkpointDifference(bound, 'next', `begins at offset ${bound.first}`, checkpoint.next)
  // Bounds that were asked for before the checkpoint may be behind it.
  const [now] = bound.end >= checkpoint.next ? [bound] : await log.bounds([bound.topic], bound.partition)
  const end = now?.end ?? 0
  return end >= checkpoint.next ? null : checkpointDifference(bound, 'next', `ends at offset ${end}`, checkpoint.next)
}

/**
 * What a fold up to a checkpoint makes of it. `lates`: how many more events the read model may rightly have taken for
 * void.
 */
export type FoldedTo = {
  position: FoldPosition
  voids: number
  lates?: number
  guard_revision: number
  plain_user_records: number
}

/** The first difference between a checkpoint and the fold of the log up to it. */
export async function compareCheckpoint(
  log: EventLog,
  checkpoint: Checkpoint,
  { position, voids, lates = 0, guard_revision, plain_user_records }: FoldedTo,
): Promise<Difference | null> {
  const cluster_id = checkpoint.cluster_id === null ? null : await log.clusterId()
  // Folded by a release before this column, it may not be learnt yet.
  const first_hash = checkpoint.first_hash === null ? null : position.first_hash
  const told = shown({ ...position, first_hash })
  const { void_count, cluster_id: cluster } = checkpoint
  const isRight = voids <= void_count && void_count <= voids + lates
  const counts = { void_count: isRight ? void_count : voids, guard_revision, plain_user_records }
  const expected = { ...told, ...counts, cluster_id, status: statusOf(checkpoint) }
  const { guard_revision: guard, plain_user_records: plain } = checkpoint
  const own = { void_count, guard_revision: guard, plain_user_records: plain, cluster_id: cluster }
  const actual = { ...shown(checkpoint), ...own }
  return compareColumns('checkpoints', placeText(checkpoint), {
    log: expected,
    read_model: { ...actual, status: checkpoint.status },
  })
}

function shown({ last_offset, last_hash, first_hash, chain }: FoldPosition): Record<string, unknown> {
  const hex = (bytes: Buffer | null) => bytes?.toString('hex') ?? null
  return { last_offset, last_hash: hex(last_hash), first_hash: hex(first_hash), chain: hex(chain) }
}

// Stopped at a record that it cannot read, the read model is still right as far as it goes.
function statusOf({ status }: Checkpoint): string {
  return status === 'diverged' ? 'ok' : status
}

/** A difference in this partition's checkpoint. */
export function checkpointDifference(
  place: TopicPartition,
  column: string | null,
  log: unknown,
  read_model: unknown,
): Difference {
  return { table: 'checkpoints', key: placeText(place), column, log, read_model }
}
