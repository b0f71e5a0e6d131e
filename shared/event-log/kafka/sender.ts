import type { Ack } from '../pending-appends.ts'
import { placeText, type TopicPartition } from '../places.ts'
import { causesOf, createCluster, type KafkaLogOptions } from './client/connect.ts'

const REQUEST_TIMEOUT_MS = 2_000
const BROKER_TIMEOUT_MS = 1_500
const ALL_REPLICAS = -1
const NO_COMPRESSION = 0

export type Part = TopicPartition & { messages: { key: string; value: string }[] }

/** Sends records to leaders. Each call is one request, tried once: who calls knows what may be sent again. */
export type Sender = {
  /** The broker that leads this partition as far as is known, or undefined: then `refresh`. */
  leaderOf(place: TopicPartition): number | undefined
  /** Resolves when all replicas in sync have all parts; the answer tells where the first record of each part lies. */
  send(leader: number, parts: Part[]): Promise<Ack[]>
  /** Learns the leaders anew. Never rejects. */
  refresh(topic: string): Promise<void>
  close(): Promise<void>
}

export function createKafkaSender(options: KafkaLogOptions): Sender {
  const cluster = createCluster(options, { requestTimeout: REQUEST_TIMEOUT_MS })
  let refreshing: Promise<void> | undefined

  function leaderOf({ topic, partition }: TopicPartition): number | undefined {
    const partitions = cluster.brokerPool.metadata?.topicMetadata.find((known) => known.topic === topic)
    const leader = partitions?.partitionMetadata.find(({ partitionId }) => partitionId === partition)?.leader
    return leader === undefined || leader < 0 ? undefined : leader
  }

  async function send(leader: number, parts: Part[]): Promise<Ack[]> {
    const broker = await cluster.findBroker({ nodeId: String(leader) })
    const topicData = byTopic(parts)
    const request = { acks: ALL_REPLICAS, timeout: BROKER_TIMEOUT_MS, compression: NO_COMPRESSION, topicData }
    try {
      const { topics } = await broker.produce(request)
      return parts.map((part) => ackOf(topics, part))
    } catch (error) {
      // A broker that is frozen must not be the one that is asked for the new leaders.
      if (causesOf(error).includes('KafkaJSRequestTimeoutError')) broker.disconnect().catch(() => undefined)
      throw error
    }
  }

  async function refresh(topic: string): Promise<void> {
    try {
      await cluster.connect()
      await cluster.addTargetTopic(topic)
      await (refreshing ??= cluster.refreshMetadata().finally(() => (refreshing = undefined)))
    } catch {
      // The leader stays unknown, or is wrong and says so: the caller tries again until its deadline.
    }
  }

  return { leaderOf, send, refresh, close: () => cluster.disconnect() }
}

type Produced = { topicName: string; partitions: { partition: number; baseOffset: string; logAppendTime?: string }[] }[]

function ackOf(topics: Produced, part: Part): Ack {
  const { topic, partition } = part
  const own = topics.find(({ topicName }) => topicName === topic)?.partitions.find((p) => p.partition === partition)
  if (!own) throw new Error(`Kafka did not answer for ${placeText(part)}`)
  const timestamp = Number(own.logAppendTime ?? -1)
  if (timestamp < 0) throw new Error(`${topic} has no log append time: message.timestamp.type must be LogAppendTime`)
  return { offset: Number(own.baseOffset), timestamp }
}

function byTopic(parts: Part[]) {
  const topics = new Map<string, Part[]>()
  for (const part of parts) topics.set(part.topic, [...(topics.get(part.topic) ?? []), part])
  return [...topics].map(([topic, partitions]) => ({ topic, partitions }))
}
