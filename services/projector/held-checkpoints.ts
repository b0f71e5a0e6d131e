import { LRUCache } from 'lru-cache'
import type { Logger } from 'pino'
import type { People } from '../../shared/accounts/people.ts'
import { type EventLog, LogReadError } from '../../shared/event-log/event-log.ts'
import { isSamePlace, placeText, registryPlace, type TopicPartition } from '../../shared/event-log/places.ts'
import { createSkips, type Skips } from '../../shared/event-log/skips.ts'
import {
  type Checkpoint,
  loadCheckpoints,
  markPartition,
  rememberCluster,
} from '../../shared/read-model/checkpoints.ts'
import type { KnownGrants } from '../../shared/read-model/projection/grants.ts'
import type { ReadModel } from '../../shared/read-model/read-model.ts'
import { divergenceOf, lookAtLog, type LogSeen } from './divergence.ts'
import { createStopped, type Stopped } from './stopped.ts'

export type HeldOptions = ReadModel & { people: People; log: EventLog; logger: Logger }

/** How many grants of one partition are remembered between batches: those that are refreshed again and again. */
const KNOWN_GRANTS = 10_000

/**
 * A checkpoint that this process holds, with the grants that it folded up to there. `verified`: its last record was
 * read again and was the same.
 */
export type Held = Checkpoint & { verified: boolean; known: KnownGrants }

export type HeldCheckpoints = {
  get(place: TopicPartition): Held | undefined
  /** What this process has seen committed of each partition: everything below `next`. */
  reached(): (TopicPartition & { next: number })[]
  put(checkpoint: Held): void
  /**
   * Reads these checkpoints again and tells where to begin: at the last record folded, so that it is compared once
   * more. Those without a way on are left out. LogReadError when the log does not answer for one of them.
   */
  begin(partitions: TopicPartition[]): Promise<(TopicPartition & { offset: number })[]>
  /** The records to pass by, as of the latest `begin` or `mended`. */
  skips: Skips
  mended: Stopped['mended']
  /** Goes no further in this partition, and says so in the read model, where every request sees it. */
  leave(place: TopicPartition, status: 'stopped' | 'diverged', reason: string): Promise<null>
}

/** The checkpoints of one projector process, each compared with the log before it is continued. */
export function createHeldCheckpoints({ log, logger, ...readModel }: HeldOptions): HeldCheckpoints {
  const names = Object.values(readModel.topics)
  const held = new Map<string, Held>()
  const skips = createSkips(log, readModel.topics)
  const stopped = createStopped(skips)

  async function begin(partitions: TopicPartition[]): Promise<(TopicPartition & { offset: number })[]> {
    const cluster = await log.clusterId()
    await rememberCluster(readModel, cluster)
    const wanted = new Set(partitions.map(placeText))
    const checkpoints = (await loadCheckpoints(readModel, names)).filter((one) => wanted.has(placeText(one)))
    const seen = await lookAtLog(log, names)
    const [missing] = seen.silent.filter((one) => wanted.has(placeText(one)))
    if (missing) throw new LogReadError('unreachable', `${placeText(missing)} does not answer: ${missing.reason}`)
    await lookForSkips(seen.silent)
    const starts = await Promise.all(checkpoints.map((checkpoint) => hold(checkpoint, seen, cluster)))
    return starts.filter((start) => start !== null)
  }

  async function hold(checkpoint: Checkpoint, seen: LogSeen, cluster: string) {
    const { topic, partition, last_offset, next } = checkpoint
    const name = placeText(checkpoint)
    held.delete(name)
    stopped.began(checkpoint)
    if (checkpoint.status === 'diverged') return null
    const divergence = otherCluster(checkpoint, cluster) ?? divergenceOf(checkpoint, seen)
    if (divergence) return leave(checkpoint, 'diverged', divergence)
    held.set(name, { ...checkpoint, verified: last_offset === null, known: new LRUCache({ max: KNOWN_GRANTS }) })
    return { topic, partition, offset: last_offset ?? next }
  }

  async function leave(place: TopicPartition, status: 'stopped' | 'diverged', reason: string): Promise<null> {
    const { topic, partition } = place
    const alarm = status === 'diverged' ? { alarm: 'diverged' } : {}
    logger.error({ ...alarm, topic, partition, status, reason }, 'partition is not projected any further')
    const name = placeText(place)
    const next = status === 'stopped' ? held.get(name)?.next : undefined
    held.delete(name)
    if (status === 'stopped') stopped.add({ topic, partition })
    await markPartition(readModel, { topic, partition, next }, status, reason)
    return null
  }

  // A process must have seen them once. Later on a registry without a leader holds up nobody but those who need it.
  async function lookForSkips(silent: TopicPartition[]): Promise<void> {
    if (held.size > 0 && silent.some((place) => isSamePlace(place, registryPlace(readModel.topics)))) return
    await skips.look()
  }

  return {
    get: (place) => held.get(placeText(place)),
    reached: () => [...held.values()].map(({ topic, partition, next }) => ({ topic, partition, next })),
    put: (checkpoint) => void held.set(placeText(checkpoint), checkpoint),
    begin,
    skips,
    mended: stopped.mended,
    leave,
  }
}

function otherCluster({ cluster_id }: Checkpoint, cluster: string): string | null {
  if (cluster_id === null || cluster_id === cluster) return null
  return `the read model was folded from log ${cluster_id}, this is ${cluster}`
}
