import { setTimeout as sleep } from 'node:timers/promises'
import type Cluster from 'kafkajs/src/cluster/index.js'
import { LogReadError } from '../../event-log.ts'
import { causesOf } from './connect.ts'
import { wordsOf } from './words.ts'

export const PATIENCE_MS = 10_000
/** Who takes longer has not answered at once. */
export const ANSWER_MS = 1_000
const RETRY_MS = 200

/** Asks a cluster anew, with fresh metadata each time, for as long as an election of leaders may take. */
export async function patiently<T>(
  cluster: Cluster,
  topics: string[],
  attempt: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    try {
      await connected(cluster, topics)
      return await attempt(cluster)
    } catch (cause) {
      if (causesOf(cause).includes('OFFSET_OUT_OF_RANGE')) {
        throw new LogReadError('out_of_range', `${topics.join(', ')} no longer holds what was asked`, { cause })
      }
      if (performance.now() + RETRY_MS > deadline) throw unreachable(topics, cause)
      forgetClosed(cluster, cause)
      await sleep(RETRY_MS)
      await cluster.refreshMetadata().catch(() => undefined)
    }
  }
}

/** Connects if need be, and knows the leaders of these topics afterwards, as they were when it last asked. */
export async function connected(cluster: Cluster, topics: string[]): Promise<void> {
  await cluster.connect()
  for (const topic of topics) await cluster.addTargetTopic(topic)
}

/** The partitions of a topic as the cluster last told, with the leader of each: -1 = none. */
export function partitionsOf(cluster: Cluster, topic: string) {
  const known = cluster.brokerPool.metadata?.topicMetadata.find((metadata) => metadata.topic === topic)
  if (!known) throw new Error(`nothing is known of topic ${topic}`)
  return known.partitionMetadata
}

/** After a closed connection: kafkajs would go on with the address of a broker that is gone. */
export function forgetClosed(cluster: Cluster, error: unknown): void {
  if (!(error instanceof Error)) return
  if (error.name !== 'KafkaJSConnectionClosedError') return forgetClosed(cluster, error.cause)
  const host: unknown = Reflect.get(error, 'host')
  const port: unknown = Reflect.get(error, 'port')
  if (typeof host === 'string' && typeof port === 'number') cluster.removeBroker({ host, port })
}

/** The LogReadError for what a broker or the way to it did, in words for the operator. */
export function unreachable(topics: string[], cause: unknown): LogReadError {
  if (cause instanceof LogReadError) return cause
  return new LogReadError('unreachable', `Kafka does not answer for ${topics.join(', ')}: ${wordsOf(cause)}`, { cause })
}

/** Rejects after `ANSWER_MS`; what comes later is heard by nobody. */
export async function within<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`nothing within ${ANSWER_MS} ms`)), ANSWER_MS)
  })
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}
