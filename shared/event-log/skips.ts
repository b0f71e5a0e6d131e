import { ownCommand } from '../config/own-command.ts'
import type { SkipFact } from '../ledger/events.ts'
import { recordSha256 } from './chain.ts'
import { decodeRecord, UndecodableRecord } from './event-codec.ts'
import type { EventLog, LogRecord, Range } from './event-log.ts'
import { isSamePlace, placeText, registryPlace, type TopicPartition, type Topics } from './places.ts'

/** Why a record is skipped, and who said so. `sha256`: of the record that is meant, in hex. */
export type Skip = { sha256: string; reason: string; actor: string | null }

/** The records that every fold passes by, because `RecordSkipped` in the registry names them. */
export type Skips = {
  /** Reads what the registry got since the last look. LogReadError when it does not answer. */
  look(): Promise<void>
  /** Why this record is skipped. One that can be read is skipped too: the database may have refused it. */
  of(place: TopicPartition, record: LogRecord): Skip | undefined
  /** How many are known of one partition: more than before means that it is worth trying again. */
  countOf(place: TopicPartition): number
  /**
   * The first record of the registry, but for those that are skipped and those that say so: it says which ledger this
   * is.
   */
  readonly registryBegins: number
}

/** Called now and then while the registry is looked through: the log answers. */
type OnLook = () => void

/**
 * Looks ahead in the registry for `RecordSkipped`, decoding nothing else, so that it finds the way past an unreadable
 * record of the registry itself.
 */
export function createSkips(log: EventLog, topics: Topics, onRead: OnLook = () => undefined): Skips {
  const place = registryPlace(topics)
  let found = new Map<string, Skip[]>()
  let seen = 0
  let registryBegins = 0
  let looking: Promise<void> | null = null

  async function look(): Promise<void> {
    const { bounds } = await log.boundsNow([place.topic])
    const { first, end } = bounds.find((bound) => isSamePlace(bound, place)) ?? { first: 0, end: 0 }
    // A registry that ends before what was read of it is another one.
    if (end < seen) forget()
    for await (const { next, records } of inRange(log, { ...place, from: Math.max(seen, first), to: end })) {
      onRead()
      for (const record of records) add(record)
      seen = next
    }
    registryBegins = await firstKept(first, end)
  }

  function forget(): void {
    found = new Map()
    seen = 0
  }

  function add(record: LogRecord): void {
    const told = skipIn(place, record)
    if (!told) return
    for (const name of [placeText(told.at), recordName(told.at, told.at.offset)])
      found.set(name, [...(found.get(name) ?? []), told.skip])
  }

  function of(at: TopicPartition, record: LogRecord): Skip | undefined {
    const named = found.get(recordName(at, record.offset))
    if (!named) return undefined
    const sha256 = recordSha256(record)
    return named.find((skip) => skip.sha256 === sha256)
  }

  async function firstKept(first: number, end: number): Promise<number> {
    if (!found.has(recordName(place, first))) return first
    for await (const { records } of inRange(log, { ...place, from: first, to: end })) {
      const kept = records.find((record) => !of(place, record) && !skipIn(place, record))
      if (kept) return kept.offset
    }
    return end
  }

  return {
    look: () => (looking ??= look().finally(() => (looking = null))),
    of,
    countOf: (at) => found.get(placeText(at))?.length ?? 0,
    get registryBegins() {
      return registryBegins
    },
  }
}

/** The same, with what the registry holds now. */
export async function readSkips(log: EventLog, topics: Topics, onRead?: OnLook): Promise<Skips> {
  const skips = createSkips(log, topics, onRead)
  await skips.look()
  return skips
}

/** The record at this offset; null where the log holds none. */
export async function recordAt(log: EventLog, place: TopicPartition, offset: number): Promise<LogRecord | null> {
  const { topic, partition } = place
  for await (const { records } of log.read({ topic, partition, from: offset, to: offset + 1 })) {
    const record = records.find((one) => one.offset === offset)
    if (record) return record
  }
  return null
}

/** The command that has this record skipped, ready but for its reason. */
export function skipCommand({ topic, partition, offset, sha256 }: Omit<SkipFact['data'], 'reason'>): string {
  const where = `--topic ${topic} --partition ${partition} --offset ${offset}`
  return `${ownCommand()} projection skip ${where} --sha256 ${sha256} --reason "WHY"`
}

function recordName(place: TopicPartition, offset: number): string {
  return `${placeText(place)}@${offset}`
}

function inRange(log: EventLog, range: Range): AsyncIterable<{ next: number; records: LogRecord[] }> | [] {
  return range.from < range.to ? log.read(range) : []
}

const TYPE: SkipFact['type'] = 'RecordSkipped'

/** What a record of the registry skips, if it is a `RecordSkipped`. Any other is told by its bytes. */
function skipIn(registry: TopicPartition, record: LogRecord): { at: SkipFact['data']; skip: Skip } | null {
  if (!record.value.includes(`"${TYPE}"`)) return null
  try {
    const { event } = decodeRecord(registry, record)
    if (event.type !== TYPE) return null
    const { data, actor = null } = event
    return { at: data, skip: { sha256: data.sha256, reason: data.reason, actor } }
  } catch (error) {
    if (error instanceof UndecodableRecord) return null
    throw error
  }
}
