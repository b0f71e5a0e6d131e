import type { ExecutionContext } from 'ava'
import kafkajs from 'kafkajs'
import { readFileSync } from 'node:fs'
import { partitionOf } from '../../shared/event-log/places.ts'
import type { KafkaCluster } from '../support/start-kafka.ts'
import type { HonestClient } from './load.ts'
import type { System } from './system.ts'

/** Administration of a secure Kafka, as its operator would do it; closed when the test ends. */
export async function operator(t: ExecutionContext, { brokers, settings }: KafkaCluster) {
  const pem = (name: string) => readFileSync(settings[name] ?? '', 'utf8')
  const kafka = new kafkajs.Kafka({
    brokers,
    logLevel: kafkajs.logLevel.NOTHING,
    ssl: {
      ca: pem('LEDGER_KAFKA_SSL'),
      cert: pem('LEDGER_KAFKA_SSL_CERTIFICATE'),
      key: pem('LEDGER_KAFKA_SSL_KEY_FILE'),
    },
    sasl: { mechanism: 'plain', username: 'ledger', password: settings['LEDGER_KAFKA_SASL_PASSWORD'] ?? '' },
  })
  const admin = kafka.admin()
  await admin.connect()
  t.teardown(() => admin.disconnect())
  return admin
}

export type Operator = Awaited<ReturnType<typeof operator>>

/** Which of these settings a topic has. */
export async function settingsOf(admin: Operator, topic: string, names: string[]): Promise<Record<string, string>> {
  const resources = [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }]
  const [answer] = (await admin.describeConfigs({ includeSynonyms: false, resources })).resources
  const own = (answer?.configEntries ?? []).filter(({ configName }) => names.includes(configName))
  return Object.fromEntries(own.map(({ configName, configValue }): [string, string] => [configName, configValue]))
}

/** How many replicas the partitions of a topic have, least first. */
export async function replicasOf(admin: Operator, topic: string): Promise<number[]> {
  const [known] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics
  return (known?.partitions ?? []).map(({ replicas }) => replicas.length).toSorted((a, b) => a - b)
}

/** Leaves one partition on one broker alone; resolves whether that is done. */
export async function strand(admin: Operator, topic: string, partition: number, broker: number) {
  await admin.alterPartitionReassignments({
    topics: [{ topic, partitionAssignment: [{ partition, replicas: [broker] }] }],
  })
  return async () => {
    const [known] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics
    const own = known?.partitions.find(({ partitionId }) => partitionId === partition)
    return own?.leader === broker && own.replicas.length === 1
  }
}

/** How many answers of this kind a client got to what it asked after `since`. */
export function answers({ seen }: HonestClient, status: number, since: number): number {
  return seen.filter((one) => one.status === status && one.at >= since).length
}

export function isIn(partition: number): (client: HonestClient) => boolean {
  return ({ grant_id }) => partitionOf(grant_id) === partition
}

/** What every endpoint says is wrong. */
export async function problemsOf({ endpoints }: System): Promise<string[]> {
  const bodies = endpoints.map(async ({ url }): Promise<unknown> => (await fetch(`${url}/health/ready`)).json())
  return (await Promise.all(bodies)).flatMap((body) => {
    const problems: unknown = typeof body === 'object' && body !== null && 'problems' in body ? body.problems : []
    return Array.isArray(problems) ? problems.map(String) : []
  })
}
