import { v7 as uuidv7 } from 'uuid'
import { type Fact, isGrantEvent, isGrantFact, type LedgerEvent, type Recorded } from '../ledger/events.ts'
import { registryKeyOf } from '../ledger/registry/state.ts'
import { isSealed } from '../ledger/user.ts'
import { hasUnstorableText } from '../ledger/storable-text.ts'
import type { LogRecord, Outgoing } from './event-log.ts'
import { EVENT, EVENT_2, EVENT_DATA_2 } from './event-schemas.ts'
import { partitionOf, placeOf, registryPlace, type TopicPartition, type Topics } from './places.ts'

/**
 * Who caused an event, through which request, from where. Extensions of the CloudEvents envelope. `id`: of the event
 * where another attempt may append the same; a new UUIDv7 where nothing is said.
 */
export type EventContext = {
  id?: string
  actor: string
  requestid?: string | undefined
  traceparent?: string | undefined
  clientaddress?: string | undefined
}

/**
 * A record that this release cannot read. Its partition stops: skipping it would change the meaning of all that
 * follows.
 */
export class UndecodableRecord extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UndecodableRecord'
  }
}

/** Puts a fact in its envelope: CloudEvents 1.0, `time` from the writer's clock. */
export function envelop<F extends Fact>(fact: F, source: string, context: EventContext, now: number): LedgerEvent<F> {
  return {
    specversion: '1.0',
    id: uuidv7(),
    source,
    subject: keyOf(fact),
    time: new Date(now).toISOString(),
    datacontenttype: 'application/json',
    dataschema: `${source}/schemas/${fact.type}/${versionOf(fact)}`,
    ...context,
    ...fact,
  }
}

/** The record to append: key = subject, the partition by the ledger's own rule. */
export function outgoing(event: LedgerEvent, topics: Topics): Outgoing {
  const value = JSON.stringify(event)
  const place = isGrantEvent(event) ? placeOf(topics, event.data.grant_id) : registryPlace(topics)
  return { ...place, key: event.subject, value }
}

/** Reads a record where it stands. One that lies under a wrong key or in a wrong partition is undecodable too. */
export function decodeRecord({ topic, partition }: TopicPartition, record: LogRecord): Recorded {
  const event = decodeEvent(record.value)
  if (record.key.toString('utf8') !== keyOf(event)) throw new UndecodableRecord(`the key is not that of ${event.type}`)
  const own = isGrantEvent(event) ? partitionOf(event.data.grant_id) : partition
  if (own !== partition) throw new UndecodableRecord(`the grant of this ${event.type} belongs in partition ${own}`)
  return { event, position: { topic, partition, offset: record.offset }, timestamp: record.timestamp }
}

/** Reads a record's bytes. Unknown fields are kept; an unknown type or a broken record throws UndecodableRecord. */
export function decodeEvent(value: Buffer): LedgerEvent {
  const text = value.toString('utf8')
  const json = jsonOf(text)
  // Only an escape can bring such text in, so the walk is for the few records that have one.
  if (/\\u(0000|d[89a-f])/i.test(text) && hasUnstorableText(json))
    throw new UndecodableRecord('text with U+0000 or half a surrogate pair')
  const parsed = (isVersion2(json) ? EVENT_2 : EVENT).safeParse(json)
  if (parsed.success) return parsed.data
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.') || 'event'}: ${message}`)
  throw new UndecodableRecord(problems.join('; '))
}

/** The key of a fact's record: its grant_id, or `client/ID`, `scope/NAME`, `user/SUB` … in the registry. */
export function keyOf(fact: Fact): string {
  return isGrantFact(fact) ? fact.data.grant_id : registryKeyOf(fact)
}

// The version of its `dataschema` that a fact is of.
function versionOf({ type, data }: Fact): 1 | 2 {
  return type in EVENT_DATA_2 && 'user' in data && isSealed(data.user) ? 2 : 1
}

function isVersion2(json: unknown): boolean {
  if (typeof json !== 'object' || json === null || !('dataschema' in json)) return false
  return typeof json.dataschema === 'string' && json.dataschema.endsWith('/2')
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UndecodableRecord('not JSON', { cause })
  }
}
