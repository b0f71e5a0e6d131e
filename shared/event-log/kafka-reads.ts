import { setTimeout as sleep } from 'node:timers/promises'
import type Cluster from 'kafkajs/src/cluster/index.js'
import type { FetchedMessage } from 'kafkajs/src/cluster/index.js'
import { LogReadError, type Bounds, type LogBatch, type Range, type TopicPartition } from './event-log.ts'
import { causesOf, READ_UNCOMMITTED } from './kafka-client.ts'
import { recordOf } from './kafka-records.ts'

const PATIENCE_MS = 10_000
const RETRY_MS = 200
const MAX_WAIT_MS = 100
const MAX_BYTES = 1_048_576

/** Asks a cluster anew, with fresh metadata each time, for as long as an election of leaders may take. */
export type Asking = { cluster: Cluster; patienceMs?: number }

/** First and end offset of every partition of these topics, as their leaders know them. */
export async function readBounds(asking: Asking, topics: string[]): Promise<Bounds[]> {
  return patiently(asking, topics, async (cluster) => {
    const [ends, firsts] = await Promise.all(
      [false, true].map((fromBeginning) => offsets(cluster, topics, fromBeginning)),
    )
    return (ends ?? [])
      .flatMap(({ topic, partitions }) =>
        partitions.map(({ partition, offset }) => {
          const known = firsts
            ?.find((first) => first.topic === topic)
            ?.partitions.find((p) => p.partition === partition)
          if (!known) throw new Error(`no first offset of ${topic}/${partition}`)
          return { topic, partition, first: Number(known.offset), end: Number(offset) }
        }),
      )
      .toSorted((a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition)
  })
}

/**
 * Reads one range by fetching from the leader itself: no consumer group, so nobody is disturbed and nothing is left behind.
 * The next fetch goes out when the reader asks for more.
 */
export async function* readRange(asking: Asking, range: Range, signal?: AbortSignal): AsyncGenerator<LogBatch> {
  const { topic, partition, from, to } = range
  requireWithin(await readBounds(asking, [topic]), [
    { topic, partition, offset: from },
    { topic, partition, offset: to },
  ])
  let advanced = performance.now()
  for (let start = from; start < to;) {
    signal?.throwIfAborted()
    const messages = await patiently(asking, [topic], (cluster) => fetch(cluster, range, start))
    const last = messages.at(-1)
    if (last) advanced = performance.now()
    else if (performance.now() - advanced > PATIENCE_MS) throw unreachable(`${topic}/${partition} delivers nothing`)
    else continue
    const next = Math.min(Number(last.offset) + 1, to)
    const records = messages.filter((message) => !message.isControlRecord && Number(message.offset) < to).map(recordOf)
    if (records.length > 0) yield { topic, partition, start, next, records }
    start = next
  }
}

/** LogReadError('out_of_range') for the first of these positions that lies outside of what the log holds (its end is inside). */
export function requireWithin(bounds: Bounds[], positions: (TopicPartition & { offset: number })[]): void {
  for (const { topic, partition, offset } of positions) {
    const bound = bounds.find((known) => known.topic === topic && known.partition === partition)
    if (bound && bound.first <= offset && offset <= bound.end) continue
    const holds = bound ? `holds [${bound.first}, ${bound.end})` : 'does not exist'
    throw new LogReadError('out_of_range', `offset ${offset} was asked of ${topic}/${partition}, which ${holds}`)
  }
}

async function offsets(cluster: Cluster, topics: string[], fromBeginning: boolean) {
  const wanted = topics.map((topic) => {
    const partitions = partitionsOf(cluster, topic).map(({ partitionId }) => ({ partition: partitionId }))
    return { topic, partitions, fromBeginning }
  })
  return cluster.fetchTopicsOffset(wanted)
}

async function fetch(cluster: Cluster, { topic, partition }: TopicPartition, start: number): Promise<FetchedMessage[]> {
  const leader = partitionsOf(cluster, topic).find(({ partitionId }) => partitionId === partition)?.leader ?? -1
  const broker = await cluster.findBroker({ nodeId: String(leader) })
  const { responses } = await broker.fetch({
    maxWaitTime: MAX_WAIT_MS,
    minBytes: 1,
    maxBytes: MAX_BYTES,
    isolationLevel: READ_UNCOMMITTED,
    topics: [{ topic, partitions: [{ partition, fetchOffset: String(start), maxBytes: MAX_BYTES }] }],
  })
  const messages = responses.flatMap(({ partitions }) => partitions.flatMap((own) => own.messages))
  // Kafka answers with whole batches: the first may begin below what was asked.
  return messages.filter(({ offset }) => Number(offset) >= start)
}

function partitionsOf(cluster: Cluster, topic: string) {
  const known = cluster.brokerPool.metadata?.topicMetadata.find((metadata) => metadata.topic === topic)
  if (!known) throw new Error(`nothing is known of topic ${topic}`)
  return known.partitionMetadata
}

async function patiently<T>(
  { cluster, patienceMs = PATIENCE_MS }: Asking,
  topics: string[],
  attempt: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    try {
      await cluster.connect()
      for (const topic of topics) await cluster.addTargetTopic(topic)
      return await attempt(cluster)
    } catch (cause) {
      if (causesOf(cause).includes('OFFSET_OUT_OF_RANGE')) {
        throw new LogReadError('out_of_range', `${topics.join(', ')} no longer holds what was asked`, { cause })
      }
      if (performance.now() + RETRY_MS > deadline)
        throw unreachable(`Kafka does not answer for ${topics.join(', ')}`, cause)
      forgetClosed(cluster, cause)
      await sleep(RETRY_MS)
      await cluster.refreshMetadata().catch(() => undefined)
    }
  }
}

// kafkajs would go on with the address of a broker that is gone.
function forgetClosed(cluster: Cluster, error: unknown): void {
  if (!(error instanceof Error) || error.name !== 'KafkaJSConnectionClosedError') return
  const host: unknown = Reflect.get(error, 'host')
  const port: unknown = Reflect.get(error, 'port')
  if (typeof host === 'string' && typeof port === 'number') cluster.removeBroker({ host, port })
}

function unreachable(message: string, cause?: unknown): LogReadError {
  return new LogReadError('unreachable', message, { cause })
}
