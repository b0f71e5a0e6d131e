import type { EventLog } from '../../../shared/event-log/event-log.ts'
import { foldLog, foldStart, type Judged, type Stop, walkLog } from '../../../shared/event-log/fold-log.ts'
import type { Skips } from '../../../shared/event-log/skips.ts'
import { isGrantEvent } from '../../../shared/ledger/events.ts'
import type { GrantStates } from '../../../shared/ledger/grant/state.ts'
import { isGuarded } from '../../../shared/ledger/registry/evolve.ts'
import { namesInClear } from '../../../shared/ledger/registry/state.ts'
import type { Checkpoint } from '../../../shared/read-model/checkpoints.ts'
import { checkpointDifference, type FoldedTo } from './checkpoint.ts'
import type { Difference } from './compare.ts'

/** How much of a partition was folded so far. */
type Counts = { records: number; voids: number; skipped: number }

type Folding<Found> = {
  /** What the next records show, if anything: the fold ends there. */
  take: (judged: Judged[]) => Found | null
  /** Counted on as the fold goes. */
  verified: Counts
  skips: Skips
  onNext: (next: number) => void
  states?: GrantStates
}

type Folded<Found> = FoldedTo & { found: Found | null; unreadable: Difference | null }

/** Folds a partition from its beginning to where this checkpoint stands, or to the first thing that is found. */
export async function foldPartition<Found>(
  log: EventLog,
  checkpoint: Checkpoint,
  { take, verified, skips, onNext, states }: Folding<Found>,
): Promise<Folded<Found>> {
  const { topic, partition, next } = checkpoint
  const folded: Folded<Found> = {
    position: foldStart(checkpoint),
    voids: 0,
    guard_revision: 0,
    plain_user_records: 0,
    found: null,
    unreadable: null,
  }
  const walked = walkLog(log, { topic, partition, from: 0, to: next }, { skips })
  for await (const { judged, stop, skipped, position } of foldLog(walked, states)) {
    if (stop) return { ...folded, unreadable: unreadableAt(checkpoint, stop) }
    folded.position = position
    verified.records += judged.length
    verified.skipped += skipped.length
    verified.voids += judged.filter((one) => one.void !== null).length
    folded.voids = verified.voids
    folded.guard_revision += judged.filter(hasRaisedGuard).length
    folded.plain_user_records += judged.filter(({ recorded: { event } }) => namesInClear(event)).length
    folded.found = take(judged)
    if (folded.found) return folded
    onNext(position.next)
  }
  return folded
}

function hasRaisedGuard({ recorded: { event }, entity }: Judged): boolean {
  return entity !== null && !isGrantEvent(event) && isGuarded(event)
}

function unreadableAt(checkpoint: Checkpoint, { offset, reason }: Stop): Difference {
  return checkpointDifference(checkpoint, 'next', `unreadable at offset ${offset}: ${reason}`, checkpoint.next)
}
