import type { Bounds, EventLog } from '../../../shared/event-log/event-log.ts'
import {
  foldLog,
  type FoldPosition,
  foldStart,
  type Judged,
  type Progress,
  type Stop,
  walkLog,
} from '../../../shared/event-log/fold-log.ts'
import { placeText, type TopicPartition } from '../../../shared/event-log/places.ts'
import { createSkips, type Skips } from '../../../shared/event-log/skips.ts'
import { isGrantEvent } from '../../../shared/ledger/events.ts'
import { isGuarded } from '../../../shared/ledger/registry/evolve.ts'
import type { Checkpoint } from '../../../shared/read-model/checkpoints.ts'
import type { VerifySource } from '../../../shared/read-model/read-model.ts'
import { stoppedAt, type StoppedAt } from '../stopped-at.ts'
import { compareColumns, type Difference, leftOver } from './compare.ts'
import { createExpectation, type Expectation } from './expectation.ts'
import { readSnapshot, type Snapshot } from './stored-rows.ts'

/**
 * `next`: the first offset that was not compared, because the read model has not folded it. `skipped`: records without
 * a verdict, by order of an operator. `stopped`: the record that the read model does not get past.
 */
export type VerifiedPartition = TopicPartition & {
  next: number
  records: number
  voids: number
  skipped: number
  stopped: StoppedAt | null
}

export type VerifyReport = { equal: boolean; difference: Difference | null; partitions: VerifiedPartition[] }

type Verified = { difference: Difference | null; verified: VerifiedPartition }

/**
 * Folds the log from its beginning and compares with the live read model: every row and column that the log can know,
 * the hash chain and the void counts; ends at the first difference. Exact while writers write: a partition's rows and
 * its checkpoint are read in one snapshot, and the checkpoint says where to stop. Holds one partition at a time.
 */
export async function verify(source: VerifySource, progress?: Progress): Promise<VerifyReport> {
  const { log, topics } = source
  const bounds = await log.bounds([topics.registry, topics.grants])
  const total = bounds.reduce((sum, { end }) => sum + end, 0)
  const partitions: VerifiedPartition[] = []
  let before = 0
  const skips = createSkips(log, topics, () => progress?.(before, total))
  for (const bound of bounds) {
    const onNext = (next: number) => progress?.(before + Math.min(next, bound.end), total)
    const { difference, verified } = await verifyPartition(source, bound, { skips, onNext })
    partitions.push(verified)
    if (difference) return { equal: false, difference, partitions }
    before += bound.end
  }
  return { equal: true, difference: null, partitions }
}

type Verifying = { skips: Skips; onNext: (next: number) => void }

async function verifyPartition(source: VerifySource, bound: Bounds, { skips, onNext }: Verifying): Promise<Verified> {
  const { topics, log } = source
  const { topic, partition } = bound
  const kind = topic === topics.registry ? 'registry' : 'grants'
  const snapshot = await readSnapshot(source, { place: bound, kind })
  const { checkpoint } = snapshot
  const verified: VerifiedPartition = {
    topic,
    partition,
    next: checkpoint?.next ?? 0,
    records: 0,
    voids: 0,
    skipped: 0,
    stopped: null,
  }
  const problem = await unfoldable(log, bound, checkpoint)
  if (!checkpoint || problem) return { difference: problem, verified }
  verified.stopped = await stoppedAt(log, checkpoint)
  // Only now: the read model may have been let past a record that a look before did not know to be skipped.
  await skips.look()
  const expectation = createExpectation(kind, snapshot)
  const folded = await fold(log, checkpoint, { expectation, verified, skips, onNext })
  const difference = folded.difference ?? expectation.end() ?? leftOver(snapshot)
  return { difference: difference ?? (await compareCheckpoint(source, snapshot, folded)), verified }
}

/** Why the log cannot be folded up to this checkpoint, if it cannot. */
async function unfoldable(log: EventLog, bound: Bounds, checkpoint: Checkpoint | null): Promise<Difference | null> {
  if (!checkpoint) return checkpointDifference(bound, null, 'a partition', 'no checkpoint')
  if (bound.first !== 0) return checkpointDifference(bound, 'next', `begins at offset ${bound.first}`, checkpoint.next)
  // Bounds that were asked for before the snapshot may be behind it.
  const [now] = bound.end >= checkpoint.next ? [bound] : await log.bounds([bound.topic], bound.partition)
  const end = now?.end ?? 0
  return end >= checkpoint.next ? null : checkpointDifference(bound, 'next', `ends at offset ${end}`, checkpoint.next)
}

type Folded = { difference: Difference | null; position: FoldPosition; voids: number; guard_revision: number }

async function fold(
  log: EventLog,
  checkpoint: Checkpoint,
  into: Verifying & { expectation: Expectation; verified: VerifiedPartition },
): Promise<Folded> {
  const { topic, partition, next } = checkpoint
  const { expectation, verified, skips, onNext } = into
  let position = foldStart(checkpoint)
  let guard_revision = 0
  const folded = (difference: Difference | null): Folded => {
    return { difference, position, voids: verified.voids, guard_revision }
  }
  for await (const { judged, stop, ...step } of foldLog(
    walkLog(log, { topic, partition, from: 0, to: next }, { skips }),
  )) {
    if (stop) return folded(unreadableAt(checkpoint, stop))
    position = step.position
    verified.records += judged.length
    verified.skipped += step.skipped.length
    verified.voids += judged.filter((one) => one.void !== null).length
    guard_revision += judged.filter(hasRaisedGuard).length
    const difference = expectation.take(judged)
    if (difference) return folded(difference)
    onNext(position.next)
  }
  return folded(null)
}

function hasRaisedGuard({ recorded: { event }, entity }: Judged): boolean {
  return entity !== null && !isGrantEvent(event) && isGuarded(event)
}

function unreadableAt(checkpoint: Checkpoint, { offset, reason }: Stop): Difference {
  return checkpointDifference(checkpoint, 'next', `unreadable at offset ${offset}: ${reason}`, checkpoint.next)
}

async function compareCheckpoint(
  { log }: VerifySource,
  { checkpoint }: Snapshot,
  { position, voids, guard_revision }: Folded,
): Promise<Difference | null> {
  if (!checkpoint) return null
  const cluster_id = checkpoint.cluster_id === null ? null : await log.clusterId()
  // Folded by a release before this column, it may not be learnt yet.
  const first_hash = checkpoint.first_hash === null ? null : position.first_hash
  const told = shown({ ...position, first_hash })
  const expected = { ...told, void_count: voids, guard_revision, cluster_id, status: statusOf(checkpoint) }
  const { void_count, cluster_id: cluster } = checkpoint
  const actual = { ...shown(checkpoint), void_count, guard_revision: checkpoint.guard_revision, cluster_id: cluster }
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

function checkpointDifference(
  place: TopicPartition,
  column: string | null,
  log: unknown,
  read_model: unknown,
): Difference {
  return { table: 'checkpoints', key: placeText(place), column, log, read_model }
}
