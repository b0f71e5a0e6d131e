import type { ExecutionContext } from 'ava'
import type { EventLog, LogBatch, LogRecord, Outgoing, Range } from '../../shared/event-log/event-log.ts'
import { isSamePlace, placeText, type TopicPartition } from '../../shared/event-log/places.ts'
import { freshPrefix } from '../support/real-parts.ts'
import { until } from '../support/waiting.ts'

/** The records of a range; without one, all that the partition holds now. */
export async function readAll(log: EventLog, place: TopicPartition & Partial<Range>): Promise<LogRecord[]> {
  const { topic, partition } = place
  const [bound] = await log.bounds([topic], partition)
  const range = { topic, partition, from: place.from ?? bound?.first ?? 0, to: place.to ?? bound?.end ?? 0 }
  const records: LogRecord[] = []
  for await (const batch of log.read(range)) {
    // `leader_epoch` is Kafka's alone, and `undefined` elsewhere.
    records.push(...batch.records.map(({ offset, timestamp, key, value }) => ({ offset, timestamp, key, value })))
  }
  return records
}

/**
 * Follows from the beginning in a group of its own, until `atLeast` records came; stopped when the test ends. As a real
 * follower it keeps its positions itself, so a new join of the group (a slow machine is enough) delivers nothing twice.
 */
export async function followAll(
  t: ExecutionContext,
  log: EventLog,
  topics: string[],
  atLeast: number,
  take: (batch: LogBatch) => Promise<number | null> = async ({ next }) => next,
) {
  const batches: LogBatch[] = []
  const positions = new Map<string, number | null>()
  const following = await log.follow(freshPrefix(), topics, {
    begin: async (places) =>
      places.flatMap((place) => {
        const offset = positions.get(placeText(place)) ?? 0
        return positions.get(placeText(place)) === null ? [] : [{ ...place, offset }]
      }),
    take: async (batch) => {
      const next = await take(batch)
      batches.push(batch)
      positions.set(placeText(batch), next)
      return next
    },
  })
  t.teardown(() => following.stop())
  const count = () => batches.reduce((sum, { records }) => sum + records.length, 0)
  await until(() => count() >= atLeast, `${atLeast} records delivered`)
  const records = (place: TopicPartition) =>
    batches.filter((batch) => isSamePlace(batch, place)).flatMap((batch) => batch.records)
  return { following, batches, count, records }
}

/**
 * Appends until it is acknowledged: the short timeout of a log that is under test may be too short on a slow machine.
 */
export async function append(log: EventLog, record: Outgoing): ReturnType<EventLog['append']> {
  const outcomes: PromiseSettledResult<Awaited<ReturnType<EventLog['append']>>>[] = []
  const isAcknowledged = async () => {
    outcomes.push(...(await Promise.allSettled([log.append(record)])))
    return outcomes.at(-1)?.status === 'fulfilled'
  }
  await until(isAcknowledged, `an acknowledgement of ${record.value.slice(0, 40)}`)
  const [ack] = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []))
  if (!ack) throw new Error('an acknowledgement that came is not there')
  return ack
}
