import type { Silent } from '../event-log.ts'
import type { Ack } from '../pending-appends.ts'
import { placeText, type TopicPartition } from '../places.ts'
import { connected } from './client/asking.ts'
import { causesOf, createCluster, type KafkaLogOptions } from './client/connect.ts'
import { wordsOf } from './client/words.ts'

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
  /** Connects to the leaders of these partitions, and tells whose cannot be. Never rejects. */
  reach(places: TopicPartition[]): Promise<Silent[]>
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

  async function learn(topics: string[]): Promise<void> {
    await connected(cluster, topics)
    await (refreshing ??= cluster.refreshMetadata().finally(() => (refreshing = undefined)))
  }

  // The leader stays unknown, or is wrong and says so: the caller tries again until its deadline.
  async function refresh(topic: string): Promise<void> {
    await learn([topic]).catch(() => undefined)
  }

  async function reach(places: TopicPartition[]): Promise<Silent[]> {
    const topics = [...new Set(places.map(({ topic }) => topic))]
    const unled = await learn(topics).then(() => 'it has no leader', wordsOf)
    const leaders = [...new Set(places.map(leaderOf))]
    const reasons = new Map(
      await Promise.all(leaders.map(async (leader) => [leader, await reasonFor(leader)] as const)),
    )
    return places.flatMap((place) => {
      const leader = leaderOf(place)
      const reason = leader === undefined ? unled : reasons.get(leader)
      return reason ? [{ ...place, reason }] : []
    })
  }

  /** Why a leader cannot be sent to; null when it can, or nobody leads. */
  async function reasonFor(leader: number | undefined): Promise<string | null> {
    if (leader === undefined) return null
    return cluster.findBroker({ nodeId: String(leader) }).then(
      () => null,
      (error: unknown) => `its leader, broker ${leader}, cannot be reached: ${wordsOf(error)}`,
    )
  }

  return { leaderOf, send, refresh, reach, close: () => cluster.disconnect() }
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
