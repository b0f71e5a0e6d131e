import type { Consumer, EachBatchHandler, EachBatchPayload, IMemberAssignment } from 'kafkajs'
import type { EventLog, Follower, Following } from '../event-log.ts'
import { isSamePlace, type TopicPartition } from '../places.ts'
import { type LogLogger, retrying } from '../retrying.ts'
import { requireAnswered } from './bounds.ts'
import { createClient, type KafkaLogOptions } from './client/connect.ts'
import { createHeartbeats } from './heartbeats.ts'
import { createPositions } from './positions.ts'
import { requireWithin } from './reads.ts'
import { recordOf } from './records.ts'

const CONCURRENT = 13 // all partitions of both topics
const SESSION_MS = 6_000
const REBALANCE_MS = 10_000
const HEARTBEAT_MS = 1_500
const MAX_WAIT_MS = 250
const METADATA_AGE_MS = 2_000
const RETRIES = 5

type Options = {
  kafka: KafkaLogOptions
  group: string
  topics: string[]
  follower: Follower
  bounds: EventLog['bounds']
  boundsNow: EventLog['boundsNow']
  logger: LogLogger
}

/**
 * Follows with a consumer group, which does nothing but share the partitions out: it never commits, and at every join
 * the follower is asked where to begin. Until it has answered, its partitions are paused, so nothing is read from a
 * place that Kafka chose.
 */
export function followKafka(options: Options): Following {
  const { kafka, group, topics, logger } = options
  const consumer = createConsumer(kafka, group)
  const positions = createPositions(consumer)
  const heartbeats = createHeartbeats()
  const stopping = new AbortController()
  const giveUp = (error: unknown) => {
    if (!stopping.signal.aborted) logger('error', 'following ended for good', { group, err: error })
    stopping.abort(error)
  }
  let assignment = new AbortController()

  function joined(assigned: IMemberAssignment): void {
    assignment.abort()
    assignment = new AbortController()
    const { signal } = assignment
    const places = placesAssigned(assigned)
    positions.assign(places)
    const begin = createBeginning({ ...options, positions }, places)
    if (places.length > 0) retrying(() => begin(signal), { signal, logger, what: 'begin' }).catch(giveUp)
  }

  const takeBatch = createTaking({ ...options, positions, heartbeats })
  const eachBatch = (payload: EachBatchPayload) => takeBatch(payload, assignment.signal).catch(giveUp)

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => joined(payload.memberAssignment))
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    if (!payload.restart) giveUp(payload.error)
  })
  stopping.signal.addEventListener('abort', () => {
    assignment.abort()
    heartbeats.interrupt()
  })
  const { signal } = stopping
  retrying(() => start(consumer, topics, eachBatch), { signal, logger, what: 'following' }).catch(giveUp)
  return followingOf(consumer, stopping)
}

/**
 * Asks the follower where to begin in the partitions whose leaders answer, and lets those begin. Rejects while others
 * are left: the next call is for them alone, so that a partition without a leader holds nobody else up.
 */
function createBeginning(
  { topics, follower, boundsNow, positions }: Options & { positions: ReturnType<typeof createPositions> },
  places: TopicPartition[],
) {
  let left = places
  return async (signal: AbortSignal): Promise<void> => {
    const { silent } = await boundsNow(topics)
    const isSilent = (place: TopicPartition) => silent.some((one) => isSamePlace(one, place))
    const ready = left.filter((place) => !isSilent(place))
    if (ready.length > 0) {
      const begins = await follower.begin(ready)
      const now = await boundsNow(topics)
      requireAnswered(now, begins)
      requireWithin(now.bounds, begins)
      if (signal.aborted) return
      positions.resume(begins)
      left = left.filter(isSilent)
    }
    requireAnswered({ bounds: [], silent }, left)
  }
}

type Taking = Options & {
  positions: ReturnType<typeof createPositions>
  heartbeats: ReturnType<typeof createHeartbeats>
}

/** Hands a batch to the follower if it begins where the follower wants to go on, and goes where the follower says. */
function createTaking({ follower, bounds, logger, positions, heartbeats }: Taking) {
  async function reached(place: TopicPartition, offset: number): Promise<number> {
    requireWithin(await bounds([place.topic], place.partition), [{ ...place, offset }])
    return offset
  }

  return async (payload: EachBatchPayload, assigned: AbortSignal): Promise<void> => {
    const { batch } = payload
    const place = { topic: batch.topic, partition: batch.partition }
    const start = positions.of(place)
    if (start === undefined || payload.isStale()) return
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
}

function createConsumer(kafka: KafkaLogOptions, groupId: string): Consumer {
  return createClient(kafka, { retries: RETRIES }).consumer({
    groupId,
    sessionTimeout: SESSION_MS,
    rebalanceTimeout: REBALANCE_MS,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: MAX_WAIT_MS,
    metadataMaxAge: METADATA_AGE_MS,
    allowAutoTopicCreation: false,
    readUncommitted: true,
  })
}

async function start(consumer: Consumer, topics: string[], eachBatch: EachBatchHandler): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topics, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: CONCURRENT,
    eachBatch,
  })
}

// Ends once the last batch is done and the group is left: with the error that made it stop, if there was one.
function followingOf(consumer: Consumer, stopping: AbortController): Following {
  const { signal } = stopping
  const ended = new Promise<void>((resolve, reject) => {
    const settle = () => (signal.reason instanceof Error ? reject(signal.reason) : resolve())
    signal.addEventListener('abort', () => void consumer.disconnect().then(settle, settle))
  })
  ended.catch(() => undefined)
  return {
    ended,
    stop: async () => {
      stopping.abort('stopped')
      await ended.catch(() => undefined)
    },
  }
}

// There at run time, not in the types. `firstOffset` is no substitute: it lies behind a hole.
function fetchedOffsetOf(batch: EachBatchPayload['batch']): number {
  return Number(Reflect.get(batch, 'fetchedOffset'))
}

function placesAssigned(assigned: IMemberAssignment): TopicPartition[] {
  return Object.entries(assigned).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  )
}
