import { OperatorError } from '../config/operator-error.ts'
import { isGrantEvent, type Recorded, type RegistryFact } from '../ledger/events.ts'
import { isSealed } from '../ledger/user.ts'
import { createRegistry } from '../ledger/registry/evolve.ts'
import { decodeRecord, UndecodableRecord, envelop, type EventContext, outgoing } from './event-codec.ts'
import type { EventLog } from './event-log.ts'
import { cannotBeRead, type Stop, walkLog } from './fold-log.ts'
import { placeText, registryPlace, type TopicPartition, type Topics } from './places.ts'
import { readSkips, recordAt, skipCommand } from './skips.ts'

/** Folds the whole registry from the log itself: small, and true before any read model exists. */
export async function readRegistry(log: EventLog, topics: Topics) {
  const registry = createRegistry()
  for await (const { event, ...rest } of registryRecords(log, topics)) {
    if (!isGrantEvent(event)) registry.apply({ event, ...rest })
  }
  return registry
}

/** Whether a user lives whose name has an index. */
export async function hasIndexedUsers(log: EventLog, topics: Topics): Promise<boolean> {
  const entities = (await readRegistry(log, topics)).entities()
  return entities.some((entity) => entity.kind === 'user' && entity.value !== null && isSealed(entity.value))
}

/**
 * The ledger that this log belongs to: the first record of its registry says it, but for those that are skipped. `null`
 * for an empty log. Every start asks; what the registry skips is looked for only where that record says something else.
 */
export async function readLedgerId(log: EventLog, topics: Topics): Promise<string | null> {
  const first = await firstOfRegistry(log, topics)
  if (first?.type === 'LedgerCreated') return first.data.ledger_id
  for await (const { event } of registryRecords(log, topics, { ledgerOnly: true })) {
    if (event.type === 'LedgerCreated') return event.data.ledger_id
  }
  return null
}

async function firstOfRegistry(log: EventLog, topics: Topics): Promise<Recorded['event'] | null> {
  const place = registryPlace(topics)
  const [bound] = await log.bounds([place.topic])
  if (!bound || bound.first === bound.end) return null
  const record = await recordAt(log, place, bound.first)
  try {
    return record && decodeRecord(place, record).event
  } catch (error) {
    if (error instanceof UndecodableRecord) return null
    throw error
  }
}

/**
 * Under which issuers a log was written: that of its first record, and those of whatever followed. One who only asked
 * to make a ledger where there was one is none of them.
 */
export async function readIssuers(log: EventLog, topics: Topics): Promise<string[]> {
  const issuers = new Set<string>()
  for await (const { event } of registryRecords(log, topics)) {
    if (issuers.size === 0 || event.type !== 'LedgerCreated') issuers.add(event.source)
  }
  return [...issuers]
}

/** The registry's records, up to the ledger's own or all. OperatorError where one cannot be read. */
async function* registryRecords(log: EventLog, topics: Topics, { ledgerOnly = false } = {}): AsyncGenerator<Recorded> {
  const place = registryPlace(topics)
  const [bound] = await log.bounds([place.topic])
  if (!bound) return
  const skips = await readSkips(log, topics)
  const to = ledgerOnly ? Math.min(bound.end, skips.registryBegins + 1) : bound.end
  for await (const { records, stop } of walkLog(log, { ...place, from: bound.first, to }, { skips })) {
    yield* records
    if (stop) throw unreadable(place, stop)
  }
}

function unreadable(place: TopicPartition, stop: Stop): OperatorError {
  const what = `${placeText(place)}: ${cannotBeRead(stop)}`
  return new OperatorError(`${what}\nIf no newer release can read it: ${skipCommand({ ...place, ...stop })}`)
}

/** Which event a partition holds at an offset; null where it holds none. LogReadError, UndecodableRecord. */
export async function readEventId(log: EventLog, place: TopicPartition, offset: number): Promise<string | null> {
  const record = await recordAt(log, place, offset)
  return record && decodeRecord(place, record).event.id
}

/** Appends registry facts one after the other, so that they stand in this order. */
export async function appendRegistry(
  log: EventLog,
  topics: Topics,
  { facts, source, context }: { facts: readonly RegistryFact[]; source: string; context: EventContext },
): Promise<void> {
  for (const fact of facts) await log.append(outgoing(envelop(fact, source, context, Date.now()), topics))
}
