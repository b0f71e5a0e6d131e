import { OperatorError } from '../../../shared/config/operator-error.ts'
import type { Bounds } from '../../../shared/event-log/event-log.ts'
import type { Progress } from '../../../shared/event-log/fold-log.ts'
import type { TopicPartition } from '../../../shared/event-log/places.ts'
import { createSkips, type Skips } from '../../../shared/event-log/skips.ts'
import type { Checkpoint } from '../../../shared/read-model/checkpoints.ts'
import type { VerifySource } from '../../../shared/read-model/read-model.ts'
import { readAhead } from '../read-ahead.ts'
import { createGrantStates } from '../spill/grant-states.ts'
import { stoppedAt, type StoppedAt } from '../stopped-at.ts'
import { compareCheckpoint, unfoldable } from './checkpoint.ts'
import { type Difference, leftOver } from './compare.ts'
import { expectGrants } from './expect-grants.ts'
import { expectRegistry } from './expectation.ts'
import { foldPartition } from './fold-partition.ts'
import { lookAgain } from './look-again.ts'
import { aboutHowMany, type Seen, sightRows } from './sight-rows.ts'
import { type Checkpoints, readCheckpoints, readRegistryRows, type RegistrySnapshot } from './stored-rows.ts'

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
 * the hash chain and the void counts; ends at the first difference. Exact while writers write and the sweeper sweeps:
 * every row is seen once in a short statement, and held against the log as of its own last offset. Memory grows with
 * what one partition has, a row at some 40 bytes.
 */
export async function verify(asked: VerifySource, progress?: Progress): Promise<VerifyReport> {
  const source = { ...asked, log: readAhead(asked.log) }
  const { log, topics } = source
  const bounds = await log.bounds([topics.registry, topics.grants])
  const rows = await seeRows(source, progress)
  const total = bounds.reduce((sum, { end }) => sum + end, 0)
  const partitions: VerifiedPartition[] = []
  let before = 0
  const skips = createSkips(log, topics, () => progress?.(before, total))
  try {
    for (const bound of bounds) {
      const onNext = (next: number) => progress?.(before + Math.min(next, bound.end), total)
      const { difference, verified } = await verifyPartition(source, bound, { rows, skips, onNext })
      partitions.push(verified)
      if (difference) return { equal: false, difference, partitions }
      before += bound.end
    }
    return { equal: true, difference: null, partitions }
  } finally {
    rows.seen.close()
  }
}

/** The rows, and the checkpoints as they stood before the first and after the last of them was seen. */
type Rows = { before: Checkpoints; seen: Seen; after: Checkpoints }

async function seeRows(source: VerifySource, progress?: Progress): Promise<Rows> {
  const about = progress ? await aboutHowMany(source) : 0
  let rows = 0
  const before = await readCheckpoints(source)
  const seen = await sightRows(source, (more) => progress?.((rows += more), Math.max(rows, about, 1), 'rows'))
  return { before, seen, after: await readCheckpoints(source) }
}

type Verifying = { rows: Rows; skips: Skips; onNext: (next: number) => void }

async function verifyPartition(source: VerifySource, bound: Bounds, verifying: Verifying): Promise<Verified> {
  const { topics, log } = source
  const { topic, partition } = bound
  const { rows, skips } = verifying
  const registry = topic === topics.registry ? await readRegistryRows(source, bound) : null
  const checkpoint = registry ? registry.checkpoint : rows.after.of(bound)
  const none = { records: 0, voids: 0, skipped: 0, stopped: null }
  const verified: VerifiedPartition = { topic, partition, next: checkpoint?.next ?? 0, ...none }
  const problem = await unfoldable(log, bound, checkpoint)
  if (!checkpoint || problem) return { difference: problem, verified }
  verified.stopped = await stoppedAt(log, checkpoint)
  // Only now: the read model may have been let past a record that a look before did not know to be skipped.
  await skips.look()
  const into = { ...verifying, verified }
  const difference = registry
    ? await verifyRegistry(source, registry, checkpoint, into)
    : await verifyGrants(source, checkpoint, into)
  return { difference, verified }
}

type Into = Verifying & { verified: VerifiedPartition }

async function verifyRegistry(
  { log }: VerifySource,
  snapshot: RegistrySnapshot,
  checkpoint: Checkpoint,
  into: Into,
): Promise<Difference | null> {
  const expectation = expectRegistry(snapshot)
  const folded = await foldPartition(log, checkpoint, { ...into, take: expectation.take })
  const difference = folded.unreadable ?? folded.found ?? expectation.end() ?? leftOver(snapshot)
  return difference ?? compareCheckpoint(log, checkpoint, folded)
}

async function verifyGrants(source: VerifySource, checkpoint: Checkpoint, into: Into): Promise<Difference | null> {
  const { before, after, seen } = into.rows
  const { partition, next } = checkpoint
  const from = before.of(checkpoint)?.next ?? 0
  if (next < from) throw new OperatorError(MADE_ANEW)
  const [grants, tokens] = [seen.grants[partition]?.load(), seen.tokens[partition]?.load()]
  if (!grants || !tokens) throw new Error(`partition ${partition} is not one of the ledger's`)
  const expectation = expectGrants({ grants, tokens, next: from, now: after.now })
  const states = createGrantStates()
  try {
    const folded = await foldPartition(source.log, checkpoint, { ...into, take: expectation.take, states })
    if (folded.unreadable) return folded.unreadable
    const suspicion = folded.found ?? expectation.end()
    if (suspicion) return await lookAgain(source, suspicion, into.skips)
    return await compareCheckpoint(source.log, checkpoint, { ...folded, lates: expectation.lates() })
  } finally {
    states.close()
  }
}

const MADE_ANEW = 'the read model was emptied or restored while it was verified: verify again'
