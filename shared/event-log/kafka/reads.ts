import {
  type Bounds,
  type EventLog,
  type FirstRecord,
  type LogBatch,
  LogReadError,
  type LogRecord,
  type Range,
} from '../event-log.ts'
import { isSamePlace, placeText, type TopicPartition } from '../places.ts'
import { connected, forgetClosed, partitionsOf, PATIENCE_MS, patiently, unreachable, within } from './client/asking.ts'
import { type Cluster, type FetchedMessage, READ_UNCOMMITTED } from './client/connect.ts'
import { bytesOf, recordOf } from './records.ts'

/** A reader waits a moment for what is on its way, and takes much at once. */
const NEXT = { maxWaitTime: 100, maxBytes: 1_048_576 }
/** Kafka gives one whole batch, however small the limit: the least that can be had. */
const ONE_BATCH = { maxWaitTime: 0, maxBytes: 1 }

/** `bounds` may ask another connection, so that a long read does not delay the question how far the log reaches. */
type Asking = { cluster: Cluster; bounds: EventLog['bounds'] }

/**
 * Reads one range by fetching from the leader itself: no consumer group, so nobody is disturbed and nothing is left
 * behind. The next fetch goes out when the reader asks for more.
 */
export async function* readRange(
  { cluster, bounds }: Asking,
  range: Range,
  signal?: AbortSignal,
): AsyncGenerator<LogBatch> {
  const { topic, partition, from, to } = range
  requireWithin(await bounds([topic], partition), [
    { topic, partition, offset: from },
    { topic, partition, offset: to },
  ])
  let advanced = performance.now()
  for (let start = from; start < to;) {
    signal?.throwIfAborted()
    const messages = await patiently(cluster, [topic], () => fetch(cluster, range, start, NEXT))
    const last = messages.at(-1)
    if (last) advanced = performance.now()
    else if (performance.now() - advanced > PATIENCE_MS)
      throw new LogReadError('unreachable', `${placeText(range)} delivers nothing`)
    else continue
    const next = Math.min(Number(last.offset) + 1, to)
    const records = messages.filter((message) => !message.isControlRecord && Number(message.offset) < to).map(recordOf)
    if (records.length > 0) yield { topic, partition, start, next, records }
    start = next
  }
}

/**
 * LogReadError('out_of_range') for the first of these positions that lies outside of what the log holds (its end is
 * inside).
 */
export function requireWithin(bounds: Bounds[], positions: (TopicPartition & { offset: number })[]): void {
  for (const position of positions) {
    const { offset } = position
    const bound = bounds.find((known) => isSamePlace(known, position))
    if (bound && bound.first <= offset && offset <= bound.end) continue
    const holds = bound ? `holds [${bound.first}, ${bound.end})` : 'does not exist'
    throw new LogReadError('out_of_range', `offset ${offset} was asked of ${placeText(position)}, which ${holds}`)
  }
}

/**
 * The first record of each of these partitions. The fetches go out together and give back one batch each, nearly always
 * of one record, so that it may be asked every second.
 */
export async function firstRecords(cluster: Cluster, places: TopicPartition[]): Promise<FirstRecord[]> {
  const topics = [...new Set(places.map(({ topic }) => topic))]
  await connected(cluster, topics).catch((cause: unknown) => {
    throw unreachable(topics, cause)
  })
  const found = await Promise.all(
    places.map((place) =>
      within(firstOf(cluster, place)).catch((error: unknown) => {
        forgetClosed(cluster, error)
        return null
      }),
    ),
  )
  return places.flatMap(({ topic, partition }, n) => {
    const record = found[n]
    return record ? [{ topic, partition, record }] : []
  })
}

async function firstOf(cluster: Cluster, place: TopicPartition): Promise<LogRecord | null> {
  for (let start = 0; ;) {
    const messages = await fetch(cluster, place, start, ONE_BATCH)
    const record = messages.find(({ isControlRecord }) => !isControlRecord)
    if (record) return bytesOf(record)
    const last = messages.at(-1)
    if (!last) return null
    start = Number(last.offset) + 1
  }
}

type Limits = { maxWaitTime: number; maxBytes: number }

async function fetch(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
  start: number,
  { maxWaitTime, maxBytes }: Limits,
): Promise<FetchedMessage[]> {
  const leader = partitionsOf(cluster, topic).find(({ partitionId }) => partitionId === partition)?.leader ?? -1
  const broker = await cluster.findBroker({ nodeId: String(leader) })
  const { responses } = await broker.fetch({
    maxWaitTime,
    minBytes: 1,
    maxBytes,
    isolationLevel: READ_UNCOMMITTED,
    topics: [{ topic, partitions: [{ partition, fetchOffset: String(start), maxBytes }] }],
  })
  const messages = responses.flatMap(({ partitions }) => partitions.flatMap((own) => own.messages))
  // Kafka answers with whole batches: the first may begin below what was asked.
  return messages.filter(({ offset }) => Number(offset) >= start)
}
