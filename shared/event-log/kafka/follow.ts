import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer, IMemberAssignment } from 'kafkajs'
import { type EventLog, type Follower, type Following, LogReadError } from '../event-log.ts'
import { isSamePlace, type TopicPartition } from '../places.ts'
import { FIRST_PAUSE_MS, LONGEST_PAUSE_MS, type LogLogger, retrying } from '../retrying.ts'
import { requireAnswered } from './bounds.ts'
import type { KafkaLogOptions } from './client/connect.ts'
import { createConsumer, startConsumer } from './client/consumer.ts'
import { createHeartbeats } from './heartbeats.ts'
import { createPositions } from './positions.ts'
import { requireWithin } from './reads.ts'
import { WriterTimeError } from './records.ts'
import { createTaking } from './taking.ts'

type Options = {
  kafka: KafkaLogOptions
  group: string
  topics: string[]
  follower: Follower
  bounds: EventLog['bounds']
  boundsNow: EventLog['boundsNow']
  logger: LogLogger
}

/** The consumer of the moment; the one after it asks for all of its partitions anyway. */
type Current = Pick<Following, 'offer'>

/**
 * Follows with a consumer group, which does nothing but share the partitions out: it never commits, and at every join
 * the follower is asked where to begin. Until it has answered, its partitions are paused, so nothing is read from a
 * place that Kafka chose. Ends for good by what a new consumer would meet again only; what kafkajs calls final is not.
 */
export function followKafka(options: Options): Following {
  const stopping = new AbortController()
  const current: Current = { offer: async () => undefined }
  const ended = followOn(options, stopping.signal, current)
  ended.catch(() => undefined)
  return {
    ended,
    offer: (places) => current.offer(places),
    stop: async () => {
      stopping.abort()
      await ended.catch(() => undefined)
    },
  }
}

/** One consumer after the other until `stopping`, after pauses that grow while none of them gets into the group. */
async function followOn(options: Options, stopping: AbortSignal, current: Current): Promise<void> {
  const { logger, group } = options
  let pauseMs = FIRST_PAUSE_MS
  while (!stopping.aborted) {
    const { error, hasJoined } = await consume(options, stopping, current)
    if (stopping.aborted) return
    if (isForGood(error)) {
      logger('error', 'following ended for good', { group, err: error })
      throw error
    }
    if (hasJoined) pauseMs = FIRST_PAUSE_MS
    logger('warn', `following was cut off, a new consumer begins in ${pauseMs} ms`, { group, err: error })
    await sleep(pauseMs, undefined, { signal: stopping }).catch(() => undefined)
    pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
  }
}

function isForGood(error: unknown): boolean {
  return (error instanceof LogReadError && error.reason === 'out_of_range') || error instanceof WriterTimeError
}

type Ended = { error: unknown; hasJoined: boolean }

/** The life of one consumer: resolves with why it ended, once its last batch is done and it has left the group. */
async function consume(options: Options, stopping: AbortSignal, current: Current): Promise<Ended> {
  const { kafka, group, topics, logger } = options
  const consumer = createConsumer(kafka, group)
  const positions = createPositions(consumer)
  const heartbeats = createHeartbeats()
  const life = new AbortController()
  const end = (error: unknown) => life.abort(error)
  const over = AbortSignal.any([stopping, life.signal])
  let assignment = new AbortController()
  let hasJoined = false

  function joined(assigned: IMemberAssignment): void {
    assignment.abort()
    if (over.aborted) return
    assignment = new AbortController()
    hasJoined = true
    const { signal } = assignment
    const places = placesAssigned(assigned)
    positions.assign(places)
    const begin = createBeginning({ ...options, positions }, places)
    if (places.length > 0) retrying(() => begin(signal), { signal, logger, what: 'begin' }).catch(end)
  }

  const taking = createTaking({ ...options, positions, heartbeats })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => joined(payload.memberAssignment))
  current.offer = async (offered) => {
    const left = offered.filter(positions.isLeft)
    if (left.length > 0) await createBeginning({ ...options, positions }, left)(assignment.signal)
  }
  consumer.on(consumer.events.CRASH, ({ payload }) => end(payload.error))
  const started = startConsumer(consumer, topics, (payload) => taking.take(payload, assignment.signal).catch(end))
  started.catch(end)
  await aborted(over)
  assignment.abort()
  heartbeats.interrupt()
  await taking.idle()
  await leave(consumer, started, stopping)
  return { error: life.signal.reason, hasJoined }
}

// One that is still on its way into the group must not stay there. The end of the process does not wait for it.
async function leave(consumer: Consumer, started: Promise<void>, stopping: AbortSignal): Promise<void> {
  const disconnect = () => consumer.disconnect().catch(() => undefined)
  await disconnect()
  const left = started.then(disconnect, disconnect)
  if (!stopping.aborted) await left
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

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

function placesAssigned(assigned: IMemberAssignment): TopicPartition[] {
  return Object.entries(assigned).flatMap(([topic, partitions]) =>
    partitions.map((partition) => ({ topic, partition })),
  )
}
