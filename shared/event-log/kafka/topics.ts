import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs, { type Admin } from 'kafkajs'
import { LogReadError, type EventLog } from '../event-log.ts'
import { placeText } from '../places.ts'
import { causesOf, withAdmin, type KafkaLogOptions } from './client/connect.ts'

type Shape = { topic: string; partitions: number }

const MAX_REPLICAS = 3
const SETTLE_TRIES = 50
const SETTLE_MS = 200

// History is kept for ever, in one order, under the log's own time.
const SETTINGS: Record<string, string> = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'retention.bytes': '-1',
  'message.timestamp.type': 'LogAppendTime',
  'unclean.leader.election.enable': 'false',
}

/**
 * Creates the topics that are missing, and waits until every partition has a leader. Existing ones stay as they are.
 */
export async function createTopics(options: KafkaLogOptions, topics: Shape[]): Promise<void> {
  await withAdmin(options, async (admin) => {
    const existing = new Set(await admin.listTopics())
    const { brokers } = await admin.describeCluster()
    const replicationFactor = Math.min(MAX_REPLICAS, brokers.length)
    const minimum = replicationFactor >= MAX_REPLICAS ? { 'min.insync.replicas': '2' } : {}
    const configEntries = Object.entries({ ...SETTINGS, ...minimum }).map(([name, value]) => ({ name, value }))
    const missing = topics
      .filter(({ topic }) => !existing.has(topic))
      .map(({ topic, partitions }) => ({ topic, numPartitions: partitions, replicationFactor, configEntries }))
    // Another migration may have been faster: then kafkajs answers false, and that is as good.
    if (missing.length > 0) await admin.createTopics({ topics: missing, waitForLeaders: false, timeout: 10_000 })
    await settled(admin, topics)
  })
}

/** What would lose or reorder history: wrong settings, wrong shape, a beginning that is gone. Empty = sound. */
export async function topicProblems(
  options: KafkaLogOptions,
  topics: Shape[],
  boundsNow: EventLog['boundsNow'],
): Promise<string[]> {
  const problems = await withAdmin(options, async (admin) => {
    const existing = new Set(await admin.listTopics())
    const found = topics.filter(({ topic }) => existing.has(topic))
    const missing = topics
      .filter(({ topic }) => !existing.has(topic))
      .map(({ topic }) => `${topic} does not exist: run the migration`)
    return [...missing, ...(found.length > 0 ? await problemsOf(admin, found) : [])]
  })
  if (problems.some((problem) => problem.includes('does not exist'))) return problems
  // One without a leader costs its own grants a 503 and must not keep a process from starting; it is looked at when it
  // answers.
  const { bounds } = await boundsNow(topics.map(({ topic }) => topic))
  const cut = bounds.filter(({ first }) => first !== 0)
  return [...problems, ...cut.map((place) => `${placeText(place)} begins at offset ${place.first}, not at 0`)]
}

async function problemsOf(admin: Admin, shapes: Shape[]): Promise<string[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: shapes.map(({ topic }) => topic) })
  const settings = await describe(admin, shapes)
  return shapes.flatMap(({ topic, partitions }) => {
    const own = topics.find(({ name }) => name === topic)?.partitions ?? []
    const actual = settings.get(topic) ?? new Map<string, string>()
    const replicas = Math.min(...own.map(({ replicas }) => replicas.length))
    const count = own.length === partitions ? [] : [`${topic} has ${own.length} partitions, not ${partitions}`]
    return [...count, ...wrongSettings(topic, actual), ...tooFewInSync(topic, actual, replicas)]
  })
}

function wrongSettings(topic: string, actual: Map<string, string>): string[] {
  return Object.entries(SETTINGS)
    .filter(([name, value]) => actual.get(name) !== value)
    .map(([name, value]) => `${topic}: ${name} is ${actual.get(name) ?? 'unknown'}, must be ${value}`)
}

function tooFewInSync(topic: string, actual: Map<string, string>, replicas: number): string[] {
  const minimum = Number(actual.get('min.insync.replicas'))
  if (replicas < MAX_REPLICAS || minimum >= 2) return []
  return [`${topic}: min.insync.replicas is ${minimum}, must be 2 or more with ${replicas} replicas`]
}

async function describe(admin: Admin, shapes: Shape[]): Promise<Map<string, Map<string, string>>> {
  const resources = shapes.map(({ topic }) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }))
  const answer = await admin.describeConfigs({ includeSynonyms: false, resources })
  return new Map(
    answer.resources.map(({ resourceName, configEntries }) => [
      resourceName,
      new Map(configEntries.map(({ configName, configValue }) => [configName, configValue])),
    ]),
  )
}

// A broker that has not heard of a new topic yet says it is unknown, and kafkajs does not try again.
async function settled(admin: Admin, shapes: Shape[]): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      const { topics } = await admin.fetchTopicMetadata({ topics: shapes.map(({ topic }) => topic) })
      await describe(admin, shapes)
      const leaderless = withoutLeader(topics)
      if (leaderless.length === 0) return
      if (tries === SETTLE_TRIES) throw new LogReadError('unreachable', `${leaderless.join(', ')}: there is no leader`)
    } catch (error) {
      if (tries === SETTLE_TRIES || !causesOf(error).includes('UNKNOWN_TOPIC_OR_PARTITION')) throw error
    }
    await sleep(SETTLE_MS)
  }
}

function withoutLeader(topics: { name: string; partitions: { partitionId: number; leader: number }[] }[]): string[] {
  return topics.flatMap(({ name, partitions }) => {
    if (partitions.length === 0) return [name]
    return partitions.filter(({ leader }) => leader < 0).map(({ partitionId }) => `${name}/${partitionId}`)
  })
}
