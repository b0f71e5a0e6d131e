import { isGrantEvent, type LedgerEvent, type Position, type Principal } from '../../../shared/ledger/events.ts'
import type { GrantState } from '../../../shared/ledger/grant/state.ts'
import { parseRegistryKey } from '../../../shared/ledger/registry/kinds.ts'
import type { Judged, Stop, Walked } from '../../../shared/event-log/fold-log.ts'
import type { TopicPartition } from '../../../shared/event-log/places.ts'

/** One record of the log as an auditor reads it. */
export type ReplayEntry = {
  position: Position
  /** The log's own time, RFC 3339. */
  time: string
  type: string
  /** The record's key: a grant_id, or `client/ID`, `scope/NAME`, … */
  subject: string
  grant_id: string | null
  /** The client that the grant or the registry event belongs to. */
  client_id: string | null
  /** Whom the grant speaks for, or which user or client the registry event is about. */
  principal: Principal | null
  verdict: 'valid' | 'void' | 'unreadable'
  /** Why it is void or unreadable, else the reason that the event itself gives. */
  reason: string | null
  actor: string | null
  requestid: string | null
  clientaddress: string | null
  event: LedgerEvent | null
}

/** Tells a step of the log as entries; a record that cannot be read is the last of its partition. */
export function entriesOf(step: Walked & { judged: Judged[] }): ReplayEntry[] {
  const entries = step.judged.map(entryOf)
  return step.stop ? [...entries, unreadableEntry(step, step.stop)] : entries
}

/** Whom a refresh or a revocation is about is known from the folded grant. */
function entryOf(judged: Judged): ReplayEntry {
  const { event, position, timestamp } = judged.recorded
  const about = isGrantEvent(event) ? aboutGrant(event, judged.grant) : aboutRegistry(event)
  return {
    position,
    time: new Date(timestamp).toISOString(),
    type: event.type,
    subject: event.subject,
    ...about,
    verdict: judged.void === null ? 'valid' : 'void',
    reason: judged.void ?? reasonOf(event),
    actor: event.actor ?? null,
    requestid: event.requestid ?? null,
    clientaddress: event.clientaddress ?? null,
    event,
  }
}

type About = Pick<ReplayEntry, 'grant_id' | 'client_id' | 'principal'>

function aboutGrant({ data }: Extract<LedgerEvent, { data: { grant_id: string } }>, grant: GrantState | null): About {
  const known = grant && grant.status !== 'unknown' ? grant : null
  const client_id = known?.client_id ?? data.client_id
  const principal = known?.principal ?? ('principal' in data ? data.principal : null)
  return { grant_id: data.grant_id, client_id, principal }
}

function aboutRegistry({ subject }: LedgerEvent): About {
  const { kind, id } = parseRegistryKey(subject) ?? { kind: null, id: '' }
  if (kind === 'client') return { grant_id: null, client_id: id, principal: { type: kind, id } }
  return { grant_id: null, client_id: null, principal: kind === 'user' ? { type: kind, id } : null }
}

function reasonOf(event: LedgerEvent): string | null {
  if ('reason' in event.data) return event.data.reason
  return event.type === 'TokenReuseDetected' ? 'reuse' : null
}

function unreadableEntry({ topic, partition }: TopicPartition, { offset, reason, key, timestamp }: Stop): ReplayEntry {
  return {
    position: { topic, partition, offset },
    time: new Date(timestamp).toISOString(),
    type: 'unreadable',
    subject: key,
    grant_id: null,
    client_id: null,
    principal: null,
    verdict: 'unreadable',
    reason,
    actor: null,
    requestid: null,
    clientaddress: null,
    event: null,
  }
}
