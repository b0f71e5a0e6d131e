import { isGrantEvent, type Recorded, type RegistryFact } from '../ledger/events.ts'
import { createRegistry } from '../ledger/registry/evolve.ts'
import { envelop, type EventContext, outgoing, UndecodableRecord } from './event-codec.ts'
import type { EventLog } from './event-log.ts'
import { walkLog } from './fold-log.ts'
import { registryPlace, type Topics } from './places.ts'

/** Folds the whole registry from the log itself: small, and true before any read model exists. */
export async function readRegistry(log: EventLog, topics: Topics) {
  const registry = createRegistry()
  for await (const { event, ...rest } of registryRecords(log, topics)) {
    if (!isGrantEvent(event)) registry.apply({ event, ...rest })
  }
  return registry
}

/** The ledger that this log belongs to: its first registry record says it. `null` for an empty log. */
export async function readLedgerId(log: EventLog, topics: Topics): Promise<string | null> {
  for await (const { event } of registryRecords(log, topics, { most: 1 })) {
    return event.type === 'LedgerCreated' ? event.data.ledger_id : null
  }
  return null
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

/** The registry's records, the first `most` offsets of it only. UndecodableRecord where one cannot be read. */
async function* registryRecords(log: EventLog, topics: Topics, { most = Infinity } = {}): AsyncGenerator<Recorded> {
  const place = registryPlace(topics)
  const [bound] = await log.bounds([place.topic])
  if (!bound) return
  const to = Math.min(bound.end, bound.first + most)
  for await (const { records, stop } of walkLog(log, { ...place, from: bound.first, to })) {
    yield* records
    if (stop) throw new UndecodableRecord(stop.reason)
  }
}

/** Appends registry facts one after the other, so that they stand in this order. */
export async function appendRegistry(
  log: EventLog,
  topics: Topics,
  { facts, source, context }: { facts: readonly RegistryFact[]; source: string; context: EventContext },
): Promise<void> {
  for (const fact of facts) await log.append(outgoing(envelop(fact, source, context, Date.now()), topics))
}
