import { isGrantEvent, type RegistryFact } from '../ledger/events.ts'
import { createRegistry } from '../ledger/registry/evolve.ts'
import { decodeRecord, envelop, type EventContext, outgoing } from './event-codec.ts'
import type { EventLog } from './event-log.ts'
import type { Topics } from './places.ts'

/** Folds the whole registry from the log itself: small, and true before any read model exists. */
export async function readRegistry(log: EventLog, topics: Topics) {
  const registry = createRegistry()
  const [bound] = await log.bounds([topics.registry])
  if (!bound || bound.end === bound.first) return registry
  const range = { topic: topics.registry, partition: 0, from: bound.first, to: bound.end }
  for await (const batch of log.read(range)) {
    for (const record of batch.records) {
      const recorded = decodeRecord(batch, record)
      if (!isGrantEvent(recorded.event)) registry.apply({ ...recorded, event: recorded.event })
    }
  }
  return registry
}

/** The ledger that this log belongs to: its first registry record says it. `null` for an empty log. */
export async function readLedgerId(log: EventLog, topics: Topics): Promise<string | null> {
  const [bound] = await log.bounds([topics.registry])
  if (!bound || bound.end === bound.first) return null
  const range = { topic: topics.registry, partition: 0, from: bound.first, to: bound.first + 1 }
  for await (const batch of log.read(range)) {
    const [record] = batch.records
    const event = record && decodeRecord(batch, record).event
    if (event?.type === 'LedgerCreated') return event.data.ledger_id
  }
  return null
}

/** Appends registry facts one after the other, so that they stand in this order. */
export async function appendRegistry(
  log: EventLog,
  topics: Topics,
  { facts, source, context }: { facts: readonly RegistryFact[]; source: string; context: EventContext },
): Promise<void> {
  for (const fact of facts) await log.append(outgoing(envelop(fact, source, context, Date.now()), topics))
}
