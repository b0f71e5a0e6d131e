import { comparePlaces, placeText, type TopicPartition } from '../../../shared/event-log/places.ts'
import {
  incompleteBecause,
  type PartitionHealth,
  readPartitionHealth,
} from '../../../shared/read-model/partition-health.ts'
import { countUnreadable } from '../../../shared/read-model/projection/unreadable.ts'
import type { VerifySource } from '../../../shared/read-model/read-model.ts'
import { stoppedAt, type StoppedAt } from '../stopped-at.ts'

/**
 * `next` of the read model and `end` of the log both name the record to come; `end: null` = the log does not answer for
 * this partition. `lag`: how many offsets the read model is behind; `age_ms`: since when it may be incomplete, `null` =
 * that is not known.
 */
export type PartitionStatus = TopicPartition & {
  next: number | null
  end: number | null
  lag: number | null
  age_ms: number | null
  status: string
  voids: number
  /** Why this partition is not healthy. */
  problem: string | null
  /** The record that it stopped at. */
  stopped: StoppedAt | null
}

/** `unreadable`: how many people's names cannot be read, which is no fault of the read model. */
export type ProjectionStatus = { healthy: boolean; partitions: PartitionStatus[]; unreadable: number }

/** How far each partition is projected. Healthy = all of them, and none older than `maxLagMs`. */
export async function projectionStatus(source: VerifySource, maxLagMs: number): Promise<ProjectionStatus> {
  const { log, topics } = source
  // Their health first: read after it, the log's ends cannot be behind.
  const healthOf = new Map((await readPartitionHealth(source)).map((health) => [placeText(health), health]))
  const { bounds, silent } = await log.boundsNow([topics.registry, topics.grants])
  const statusOf = async (place: TopicPartition, end: number | null, silence: string | null) => {
    const health = healthOf.get(placeText(place))
    const status: PartitionStatus = {
      topic: place.topic,
      partition: place.partition,
      next: health?.next ?? null,
      end,
      lag: end === null ? null : Math.max(0, end - (health?.next ?? 0)),
      age_ms: health?.lag_ms ?? null,
      status: health?.status ?? 'missing',
      voids: health?.void_count ?? 0,
      problem: silence ?? problemOf(health, end, maxLagMs),
      stopped: health && end !== null && end > health.next ? await stoppedAt(log, health) : null,
    }
    return status
  }
  const answering = bounds.map((bound) => statusOf(bound, bound.end, null))
  const others = silent.map((place) => statusOf(place, null, `the log does not answer: ${place.reason}`))
  const partitions = (await Promise.all([...answering, ...others])).toSorted(comparePlaces)
  const healthy = partitions.every(({ problem }) => problem === null)
  return { healthy, partitions, unreadable: await countUnreadable(source) }
}

function problemOf(health: PartitionHealth | undefined, end: number | null, maxLagMs: number): string | null {
  if (!health) return 'it has no checkpoint'
  if (health.status !== 'ok') return health.status_reason ?? health.status
  if (end !== null && health.next > end) return `the log ends at ${end}, before what was projected`
  return incompleteBecause(health, maxLagMs)
}
