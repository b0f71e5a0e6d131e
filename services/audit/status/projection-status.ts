import { comparePlaces, placeText, type TopicPartition } from '../../../shared/event-log/places.ts'
import { type PartitionStanding, readStandings } from '../../../shared/read-model/partition-health.ts'
import type { VerifySource } from '../../../shared/read-model/read-model.ts'

/**
 * `next` of the read model and `end` of the log both name the record to come; `end: null` = the log does not answer for
 * this partition. `lag`: how many offsets the read model is behind; `age_ms`: since when it may be incomplete, `null` =
 * it always was.
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
}

export type ProjectionStatus = { healthy: boolean; partitions: PartitionStatus[] }

/** How far each partition is projected. Healthy = all of them, and none older than `maxLagMs`. */
export async function projectionStatus(
  { knex, schema, log, topics }: VerifySource,
  maxLagMs: number,
): Promise<ProjectionStatus> {
  // Standings first: read after them, the log's ends cannot be behind.
  const standings = new Map((await readStandings(knex, schema)).map((standing) => [placeText(standing), standing]))
  const { bounds, silent } = await log.boundsNow([topics.registry, topics.grants])
  const statusOf = (place: TopicPartition, end: number | null, silence: string | null): PartitionStatus => {
    const standing = standings.get(placeText(place))
    return {
      topic: place.topic,
      partition: place.partition,
      next: standing?.next ?? null,
      end,
      lag: end === null ? null : Math.max(0, end - (standing?.next ?? 0)),
      age_ms: standing?.lag_ms ?? null,
      status: standing?.status ?? 'missing',
      voids: standing?.void_count ?? 0,
      problem: silence ?? problemOf(standing, end, maxLagMs),
    }
  }
  const answering = bounds.map((bound) => statusOf(bound, bound.end, null))
  const others = silent.map((place) => statusOf(place, null, `the log does not answer: ${place.reason}`))
  const partitions = [...answering, ...others].toSorted(comparePlaces)
  return { healthy: partitions.every(({ problem }) => problem === null), partitions }
}

function problemOf(standing: PartitionStanding | undefined, end: number | null, maxLagMs: number): string | null {
  if (!standing) return 'it has no checkpoint'
  if (standing.status !== 'ok') return standing.status_reason ?? standing.status
  if (end !== null && standing.next > end) return `the log ends at ${end}, before what was projected`
  if (standing.lag_ms === null) return 'it was never known to be complete'
  return standing.lag_ms > maxLagMs ? `it is older than ${maxLagMs / 1000} s` : null
}
