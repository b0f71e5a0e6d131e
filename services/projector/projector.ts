import type { Knex } from 'knex'
import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import { recordHash } from '../../shared/event-log/chain.ts'
import type {
  Bounds,
  EventLog,
  Follower,
  Following,
  LogBatch,
  TopicPartition,
} from '../../shared/event-log/event-log.ts'
import {
  loadCheckpoints,
  markPartition,
  rememberCluster,
  type Checkpoint,
} from '../../shared/read-model/checkpoints.ts'
import type { KnownGrants } from '../../shared/read-model/grant-projection.ts'
import { CheckpointTaken, prepareBatch, project, type PreparedBatch } from '../../shared/read-model/project.ts'
import { createBatcher } from '../../shared/read-model/batcher.ts'

export type ProjectorOptions = {
  knex: Knex
  log: EventLog
  schema: string
  topics: { grants: string; registry: string }
  group: string
  logger: Logger
}

/** How many grants of one partition are remembered between batches: those that are refreshed again and again. */
const KNOWN_GRANTS = 10_000

/** A checkpoint that this process holds, with the grants that it folded up to there: `verified` once its last record was read again and was the same. */
type Held = Checkpoint & { verified: boolean; known: KnownGrants }

const nameOf = ({ topic, partition }: TopicPartition) => `${topic}/${partition}`

/**
 * Follows the log and folds it into the read model. Any number may run: the log shares the partitions out, and a checkpoint
 * moves only from where it stands, so two that overlap cannot both write.
 */
export async function startProjector(options: ProjectorOptions): Promise<Following> {
  const { knex, log, schema, topics, logger } = options
  const names = [topics.grants, topics.registry]
  const held = new Map<string, Held>()
  // Whatever arrives while a transaction runs is folded together in the next.
  const fold = createBatcher<LogBatch, number | null>(foldBatches)

  async function begin(partitions: TopicPartition[]): Promise<(TopicPartition & { offset: number })[]> {
    const [bounds, cluster] = await Promise.all([log.bounds(names), log.clusterId()])
    await rememberCluster(knex, schema, cluster)
    const wanted = new Set(partitions.map(nameOf))
    const checkpoints = (await loadCheckpoints(knex, schema, names)).filter((checkpoint) =>
      wanted.has(nameOf(checkpoint)),
    )
    const starts = await Promise.all(checkpoints.map((checkpoint) => hold(checkpoint, bounds, cluster)))
    return starts.filter((start) => start !== null)
  }

  async function hold(
    checkpoint: Checkpoint,
    bounds: Bounds[],
    cluster: string,
  ): Promise<(TopicPartition & { offset: number }) | null> {
    const { topic, partition } = checkpoint
    held.delete(nameOf(checkpoint))
    if (checkpoint.status === 'diverged') return null
    const divergence = divergenceOf(
      checkpoint,
      bounds.find((bound) => nameOf(bound) === nameOf(checkpoint)),
      cluster,
    )
    if (divergence) return leave(checkpoint, 'diverged', divergence)
    held.set(nameOf(checkpoint), {
      ...checkpoint,
      verified: checkpoint.last_offset === null,
      known: new LRUCache({ max: KNOWN_GRANTS }),
    })
    return { topic, partition, offset: checkpoint.last_offset ?? checkpoint.next }
  }

  async function leave(place: TopicPartition, status: 'stopped' | 'diverged', reason: string): Promise<null> {
    logger.error({ ...place, status, reason }, 'partition is not projected any further')
    held.delete(nameOf(place))
    await markPartition(knex, schema, place, status, reason)
    return null
  }

  async function foldBatches(batches: LogBatch[]): Promise<(number | null)[]> {
    const answers = new Map<LogBatch, number | null>()
    const ready: { batch: LogBatch; prepared: PreparedBatch }[] = []
    for (const batch of batches) {
      const answer = await verify(batch)
      if (typeof answer === 'object' && answer !== null) ready.push({ batch, prepared: prepareBatch(batch, answer) })
      else answers.set(batch, answer)
    }
    try {
      if (ready.length > 0)
        await project(
          knex,
          { schema },
          ready.map(({ prepared }) => prepared),
        )
      for (const { batch, prepared } of ready) answers.set(batch, await settle(batch, prepared))
    } catch (error) {
      if (!(error instanceof CheckpointTaken)) throw error
      for (const { batch } of ready) answers.set(batch, await beginAgain(batch))
    }
    return batches.map((batch) => answers.get(batch) ?? null)
  }

  /** The checkpoint that a batch continues; or the offset to go on from; or null to leave the partition. */
  async function verify(batch: LogBatch): Promise<Held | number | null> {
    const checkpoint = held.get(nameOf(batch))
    if (!checkpoint || batch.start > checkpoint.next) return beginAgain(batch)
    if (leaderChanged(batch, checkpoint)) checkpoint.verified = false
    const { last_offset } = checkpoint
    if (!checkpoint.verified && last_offset !== null) {
      if (batch.start > last_offset || batch.next <= last_offset) return last_offset
      const predecessor = batch.records.find(({ offset }) => offset === last_offset)
      if (!predecessor || !checkpoint.last_hash?.equals(recordHash(predecessor))) {
        return leave(batch, 'diverged', `the record at offset ${last_offset} is not the one that was folded`)
      }
      checkpoint.leader_epoch = predecessor.leader_epoch ?? null
    }
    checkpoint.verified = true
    return batch.next <= checkpoint.next ? checkpoint.next : checkpoint
  }

  async function settle(batch: LogBatch, { move, stop }: PreparedBatch): Promise<number | null> {
    const checkpoint = held.get(nameOf(batch))
    if (checkpoint) held.set(nameOf(batch), { ...checkpoint, ...move, verified: true })
    if (stop) return leave(batch, 'stopped', `the record at offset ${stop.offset} cannot be read: ${stop.reason}`)
    return move.next
  }

  async function beginAgain(batch: LogBatch): Promise<number | null> {
    const [start] = await begin([batch])
    return start ? start.offset : null
  }

  const follower: Follower = { begin, take: fold }
  return log.follow(options.group, names, follower)
}

function leaderChanged(batch: LogBatch, checkpoint: Held): boolean {
  const epoch = batch.records.find(({ offset }) => offset >= checkpoint.next)?.leader_epoch
  return epoch !== undefined && checkpoint.leader_epoch !== null && epoch !== checkpoint.leader_epoch
}

/** Why the log is not the one that was folded, as far as its bounds tell. */
function divergenceOf(checkpoint: Checkpoint, bound: Bounds | undefined, cluster: string): string | null {
  if (!bound) return 'the log has no such partition'
  if (checkpoint.cluster_id !== null && checkpoint.cluster_id !== cluster) {
    return `the read model was folded from log ${checkpoint.cluster_id}, this is ${cluster}`
  }
  if (bound.first !== 0) return `the log begins at offset ${bound.first}: its beginning is gone`
  if (bound.end < checkpoint.next) return `the log ends at ${bound.end}, ${checkpoint.next} was folded`
  return null
}
