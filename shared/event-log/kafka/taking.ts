import type { EachBatchPayload } from 'kafkajs'
import type { EventLog, Follower } from '../event-log.ts'
import type { TopicPartition } from '../places.ts'
import { type LogLogger, retrying } from '../retrying.ts'
import type { createHeartbeats } from './heartbeats.ts'
import type { createPositions } from './positions.ts'
import { requireWithin } from './reads.ts'
import { recordOf } from './records.ts'

type Taking = {
  follower: Follower
  bounds: EventLog['bounds']
  logger: LogLogger
  positions: ReturnType<typeof createPositions>
  heartbeats: ReturnType<typeof createHeartbeats>
}

/** Hands a batch to the follower if it begins where the follower wants to go on, and goes where the follower says. */
export function createTaking({ follower, bounds, logger, positions, heartbeats }: Taking) {
  async function reached(place: TopicPartition, offset: number): Promise<number> {
    requireWithin(await bounds([place.topic], place.partition), [{ ...place, offset }])
    return offset
  }

  const underWay = new Set<Promise<void>>()

  function take(payload: EachBatchPayload, assigned: AbortSignal): Promise<void> {
    const taken = takeBatch(payload, assigned).finally(() => underWay.delete(taken))
    underWay.add(taken)
    return taken
  }

  async function takeBatch(payload: EachBatchPayload, assigned: AbortSignal): Promise<void> {
    const { batch } = payload
    const place = { topic: batch.topic, partition: batch.partition }
    const start = positions.of(place)
    if (start === undefined || assigned.aborted || payload.isStale()) return
    if (fetchedOffsetOf(batch) !== start) return positions.seek({ ...place, offset: start })
    // The last offset includes control records behind the last record.
    const end = Number(batch.lastOffset()) + 1
    const taken = { ...place, start, next: end, records: batch.messages.map((message) => recordOf(message)) }
    const next = await heartbeats.during(
      () => payload.heartbeat(),
      async (signal) => {
        const wanted = await retrying(() => follower.take(taken), { signal, logger, what: 'take' })
        return wanted && wanted > end
          ? retrying(() => reached(place, wanted), { signal, logger, what: 'seek' })
          : wanted
      },
    )
    if (next === undefined || assigned.aborted) return
    if (next === null) return positions.leave(place)
    if (next !== end) return positions.seek({ ...place, offset: next })
    positions.advance(place, next)
    payload.resolveOffset(batch.messages.at(-1)?.offset ?? batch.lastOffset())
  }

  return { take, idle: () => Promise.allSettled(underWay) }
}

// There at run time, not in the types. `firstOffset` is no substitute: it lies behind a hole.
function fetchedOffsetOf(batch: EachBatchPayload['batch']): number {
  return Number(Reflect.get(batch, 'fetchedOffset'))
}
