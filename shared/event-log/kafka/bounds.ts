import { type Bounds, type BoundsNow, type EventLog, LogReadError, type Silent } from '../event-log.ts'
import { comparePlaces, isSamePlace, placeText, type TopicPartition } from '../places.ts'
import { ANSWER_MS, connected, forgetClosed, partitionsOf, patiently, unreachable, within } from './client/asking.ts'
import { type Broker, causesOf, type Cluster, READ_UNCOMMITTED } from './client/connect.ts'
import { wordsOf } from './client/words.ts'

const LATEST = '-1'
const EARLIEST = '-2'

/**
 * Asks the leaders for first and end offsets. One that is away or slow costs its own partitions their answer, and no
 * others.
 */
export function createKafkaBounds(cluster: Cluster) {
  let stale = false

  /** What is answered within a second or two, and by whom it is not. LogReadError when nobody answers. */
  async function boundsNow(topics: string[]): Promise<BoundsNow> {
    await connected(cluster, topics).catch((cause: unknown) => {
      throw unreachable(topics, cause)
    })
    // Where somebody was silent the last time, the leaders are asked for at once.
    const first = stale
      ? { bounds: [], silent: knownPlaces(cluster, topics) }
      : await askAll(knownPlaces(cluster, topics))
    const bounds = [...first.bounds]
    let silent: Silent[] = []
    if (first.silent.length > 0) {
      await within(cluster.refreshMetadata()).catch(() => undefined)
      const again = await askAll(first.silent)
      bounds.push(...again.bounds)
      silent = again.silent.toSorted(comparePlaces)
    }
    stale = silent.length > 0
    if (bounds.length === 0) throw silence(silent)
    return { bounds: bounds.toSorted(comparePlaces), silent }
  }

  async function askAll(places: TopicPartition[]): Promise<Answer> {
    const led = ledBy(cluster, places)
    return joined(await Promise.all([...led].map(([leader, own]) => askLeader(cluster, leader, own))))
  }

  /** All of them, or the LogReadError that names those which do not answer for as long as an election may take. */
  async function bounds(topics: string[], partition?: number): Promise<Bounds[]> {
    const isWanted = (place: TopicPartition) => partition === undefined || place.partition === partition
    return patiently(cluster, topics, async () => {
      const now = await boundsNow(topics)
      const missing = now.silent.filter(isWanted)
      if (missing.length > 0) throw silence(missing)
      return now.bounds.filter(isWanted)
    })
  }

  return { bounds, boundsNow }
}

/** LogReadError('unreachable') if one of these partitions did not answer. */
export function requireAnswered({ silent }: BoundsNow, places: TopicPartition[]): void {
  const missing = silent.filter((one) => places.some((place) => isSamePlace(one, place)))
  if (missing.length > 0) throw silence(missing)
}

/** Which of these partitions do not answer now, and why. Never rejects. */
export async function silentAmong(places: TopicPartition[], boundsNow: EventLog['boundsNow']): Promise<Silent[]> {
  const topics = [...new Set(places.map(({ topic }) => topic))]
  try {
    return (await boundsNow(topics)).silent
  } catch (error) {
    return allSilent(places, wordsOf(error)).silent
  }
}

type Answer = { bounds: Bounds[]; silent: Silent[] }

function knownPlaces(cluster: Cluster, topics: string[]): TopicPartition[] {
  return topics.flatMap((topic) =>
    partitionsOf(cluster, topic).map(({ partitionId: partition }) => ({ topic, partition })),
  )
}

function ledBy(cluster: Cluster, places: TopicPartition[]): Map<number, TopicPartition[]> {
  const led = new Map<number, TopicPartition[]>()
  for (const { topic, partition } of places) {
    const leader = partitionsOf(cluster, topic).find(({ partitionId }) => partitionId === partition)?.leader ?? -1
    led.set(leader, [...(led.get(leader) ?? []), { topic, partition }])
  }
  return led
}

function joined(answers: Answer[]): Answer {
  return { bounds: answers.flatMap(({ bounds }) => bounds), silent: answers.flatMap(({ silent }) => silent) }
}

async function askLeader(cluster: Cluster, leader: number, places: TopicPartition[]): Promise<Answer> {
  if (leader < 0) return allSilent(places, 'it has no leader')
  try {
    return await within(askBroker(cluster, leader, places))
  } catch (error) {
    forgetClosed(cluster, error)
    return allSilent(places, `its leader, broker ${leader}, does not answer: ${wordsOf(error)}`)
  }
}

async function askBroker(cluster: Cluster, leader: number, places: TopicPartition[]): Promise<Answer> {
  const broker = await cluster.findBroker({ nodeId: String(leader) })
  // A broker that is frozen must not be the one that is asked for the new leaders.
  const late = setTimeout(() => void broker.disconnect().catch(() => undefined), ANSWER_MS)
  try {
    return { bounds: await list(broker, places), silent: [] }
  } catch (error) {
    if (!causesOf(error).includes('KafkaJSProtocolError')) throw error
    // The error of one partition failed the answer for all that this broker leads.
    const each = places.map((place) =>
      list(broker, [place]).then(
        (bounds): Answer => ({ bounds, silent: [] }),
        (own: unknown) => allSilent([place], wordsOf(own)),
      ),
    )
    return joined(await Promise.all(each))
  } finally {
    clearTimeout(late)
  }
}

async function list(broker: Broker, places: TopicPartition[]): Promise<Bounds[]> {
  const [ends, firsts] = await Promise.all(
    [LATEST, EARLIEST].map((timestamp) => listOffsets(broker, places, timestamp)),
  )
  return places.map((place) => {
    const [end, first] = [ends, firsts].map((offsets) => offsets?.find((one) => isSamePlace(one, place))?.offset)
    if (end === undefined || first === undefined) throw new Error(`no offsets of ${placeText(place)}`)
    return { topic: place.topic, partition: place.partition, first, end }
  })
}

async function listOffsets(broker: Broker, places: TopicPartition[], timestamp: string) {
  const topics = [...new Set(places.map(({ topic }) => topic))].map((topic) => ({
    topic,
    partitions: places.filter((place) => place.topic === topic).map(({ partition }) => ({ partition, timestamp })),
  }))
  const { responses } = await broker.listOffsets({ isolationLevel: READ_UNCOMMITTED, topics })
  return responses.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, offset }) => ({ topic, partition, offset: Number(offset) })),
  )
}

function allSilent(places: TopicPartition[], reason: string): Answer {
  return { bounds: [], silent: places.map((place) => ({ ...place, reason })) }
}

function silence(silent: Silent[]): LogReadError {
  const named = silent.map((place) => `${placeText(place)} (${place.reason})`)
  return new LogReadError('unreachable', `Kafka does not answer for ${named.join(', ')}`)
}
