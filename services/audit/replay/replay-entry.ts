import { isGrantEvent, type LedgerEvent, type Position, type Principal } from '../../../shared/ledger/events.ts'
import type { GrantState } from '../../../shared/ledger/grant/state.ts'
import { parseRegistryKey } from '../../../shared/ledger/registry/kinds.ts'
import type { Judged, Skipped, Stop, Walked } from '../../../shared/event-log/fold-log.ts'
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
  /** `skipped`: it could not be folded, and an operator has every fold pass by it. */
  verdict: 'valid' | 'void' | 'unreadable' | 'skipped'
  /** Why it is void, unreadable or skipped, else the reason that the event itself gives. */
  reason: string | null
  /** Who acted; of a skipped record, who has it skipped. */
  actor: string | null
  requestid: string | null
  clientaddress: string | null
  event: LedgerEvent | null
  /** The hash of a record that was not read, hex: `RecordSkipped` names it by that. */
  sha256: string | null
}

/** Tells a step of the log as entries; a record that cannot be read is the last of its partition. */
export function entriesOf(step: Walked & { judged: Judged[] }): ReplayEntry[] {
  const skipped = step.skipped.map((record) => unreadEntry(step, record, { verdict: 'skipped', actor: record.actor }))
  const entries = [...step.judged.map(entryOf), ...skipped].sort((a, b) => a.position.offset - b.position.offset)
  return step.stop ? [...entries, unreadEntry(step, step.stop, { verdict: 'unreadable', actor: null })] : entries
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
    sha256: null,
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
  if ('reason' in event.data) return event.data.reason ?? null
  return event.type === 'TokenReuseDetected' ? 'reuse' : null
}

type Unread = { verdict: 'unreadable' | 'skipped'; actor: string | null }

function unreadEntry({ topic, partition }: TopicPartition, record: Stop | Skipped, unread: Unread): ReplayEntry {
  const { offset, reason, key, timestamp, sha256 } = record
  return {
    position: { topic, partition, offset },
    time: new Date(timestamp).toISOString(),
    type: unread.verdict,
    subject: key,
    grant_id: null,
    client_id: null,
    principal: null,
    ...unread,
    reason,
    requestid: null,
    clientaddress: null,
    event: null,
    sha256,
  }
}
