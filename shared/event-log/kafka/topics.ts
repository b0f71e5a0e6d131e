import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs, { type Admin } from 'kafkajs'
import { LogReadError, type EventLog } from '../event-log.ts'
import { MAX_RECORD_BYTES } from '../pending-appends.ts'
import { placeText } from '../places.ts'
import { causesOf, withAdmin, type KafkaLogOptions } from './client/connect.ts'

type Shape = { topic: string; partitions: number }

const MAX_REPLICAS = 3
const SETTLE_TRIES = 50
const SETTLE_MS = 200
/** The largest record of ours with what Kafka puts around it. */
const MIN_BATCH_BYTES = MAX_RECORD_BYTES + 1_000

type Setting = {
  /** What a new topic gets, so that no default of a broker counts. */
  made: string
  /** What else keeps history: ledgers of before, or a choice of the operator's. */
  alsoSound?: (value: string) => boolean
}

/**
 * Every setting of a topic that could lose, reorder, hide or block records: made explicitly, read back at the start and
 * every minute, refused by name. Those that are not here are harmless, for the reasons in docs/adr/0012.
 */
const SETTINGS: Record<string, Setting> = {
  'cleanup.policy': { made: 'delete' },
  'retention.ms': { made: '-1' },
  'retention.bytes': { made: '-1' },
  'message.timestamp.type': { made: 'LogAppendTime' },
  'unclean.leader.election.enable': { made: 'false' },
  // The broker unpacks what a foreign producer compressed, so that whoever reads needs no codec.
  'compression.type': { made: 'uncompressed', alsoSound: (value) => value === 'producer' || value === 'gzip' },
  'max.message.bytes': { made: '1048588', alsoSound: (value) => Number(value) >= MIN_BATCH_BYTES },
}

/** The same of what a broker may not know: what it tells is judged. Never made: an old one would refuse the topic. */
const IF_KNOWN: Record<string, Setting> = {
  'remote.storage.enable': { made: 'false' },
}

/**
 * Creates the topics that are missing, and waits until every partition has a leader. Existing ones stay as they are.
 */
export async function createTopics(options: KafkaLogOptions, topics: Shape[]): Promise<void> {
  await withAdmin(options, async (admin) => {
    const existing = new Set(await admin.listTopics())
    const { brokers } = await admin.describeCluster()
    const replicationFactor = Math.min(MAX_REPLICAS, brokers.length)
    const configEntries = settingsMade(replicationFactor)
    const missing = topics
      .filter(({ topic }) => !existing.has(topic))
      .map(({ topic, partitions }) => ({ topic, numPartitions: partitions, replicationFactor, configEntries }))
    // Another migration may have been faster: then kafkajs answers false, and that is as good.
    if (missing.length > 0) await admin.createTopics({ topics: missing, waitForLeaders: false, timeout: 10_000 })
    await settled(admin, topics)
  })
}

function settingsMade(replicas: number): { name: string; value: string }[] {
  const made = Object.entries(SETTINGS).map(([name, { made }]) => ({ name, value: made }))
  const minimum = { 1: '1', [MAX_REPLICAS]: '2' }[replicas]
  return minimum === undefined ? made : [...made, { name: 'min.insync.replicas', value: minimum }]
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
    return [...count, ...wrongSettings(topic, actual), ...wrongInSync(topic, actual, replicas)]
  })
}

function wrongSettings(topic: string, actual: Map<string, string>): string[] {
  return Object.entries({ ...SETTINGS, ...IF_KNOWN }).flatMap(([name, { made, alsoSound }]) => {
    const value = actual.get(name)
    if (value === made || (value === undefined ? name in IF_KNOWN : alsoSound?.(value))) return []
    return [`${topic}: ${name} is ${value ?? 'unknown'}, must be ${made}`]
  })
}

function wrongInSync(topic: string, actual: Map<string, string>, replicas: number): string[] {
  const minimum = Number(actual.get('min.insync.replicas'))
  const is = `${topic}: min.insync.replicas is ${minimum}, must be`
  if (minimum > replicas) return [`${is} at most ${replicas}, the number of replicas, or nothing can be appended`]
  if (replicas < MAX_REPLICAS || minimum >= 2) return []
  return [`${is} 2 or more with ${replicas} replicas`]
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
