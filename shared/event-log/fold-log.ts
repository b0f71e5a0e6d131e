import { isGrantEvent, type Position, type Recorded } from '../ledger/events.ts'
import { evolve } from '../ledger/grant/evolve.ts'
import { type GrantState, UNKNOWN_GRANT } from '../ledger/grant/state.ts'
import { createRegistry } from '../ledger/registry/evolve.ts'
import { decodeRecord, UndecodableRecord } from './event-codec.ts'
import type { EventLog, LogBatch, LogRecord, Range } from './event-log.ts'

/** A record with its verdict (`void: null` = it counted) and, for a grant's event, the grant as it stood afterwards. */
export type Judged = { recorded: Recorded; void: string | null; grant: GrantState | null; unreadable?: undefined }

/** A record that cannot be read: where it stands nothing after it has a verdict. */
export type Unreadable = { unreadable: string; key: string; position: Position; timestamp: number }

/** Called now and then with the number of log offsets read since the last call. */
export type OnRead = (offsets: number) => void

/**
 * Folds one partition from its beginning and yields every record with its verdict, a batch at a time and at the
 * reader's pace. With `key`, only that key's records are decoded and yielded: verdicts of a grant rest on its own
 * records. Ends after an unreadable record.
 */
export async function* foldPartition(
  log: EventLog,
  range: Range,
  { key, onRead }: { key?: string | undefined; onRead?: OnRead | undefined },
): AsyncGenerator<(Judged | Unreadable)[]> {
  if (range.to <= range.from) return
  const judge = createJudge()
  for await (const batch of log.read(range)) {
    onRead?.(Math.min(batch.next, range.to) - batch.start)
    const wanted = batch.records.filter((record) => record.offset < range.to && isWanted(record, key))
    const judged = readBatch(batch, wanted, judge)
    if (judged.length > 0) yield judged
    if (judged.at(-1)?.unreadable !== undefined) return
  }
}

type Judge = (recorded: Recorded) => Judged

function createJudge(): Judge {
  const grants = new Map<string, GrantState>()
  const registry = createRegistry()
  return (recorded) => {
    const { event } = recorded
    if (!isGrantEvent(event)) {
      return { recorded, void: registry.apply({ ...recorded, event }).void ?? null, grant: null }
    }
    const evolved = evolve(grants.get(event.data.grant_id) ?? UNKNOWN_GRANT, { ...recorded, event })
    if (evolved.void === undefined) grants.set(event.data.grant_id, evolved.state)
    return { recorded, void: evolved.void ?? null, grant: evolved.state }
  }
}

function readBatch(batch: LogBatch, records: LogRecord[], judge: Judge): (Judged | Unreadable)[] {
  const judged: (Judged | Unreadable)[] = []
  for (const record of records) {
    try {
      judged.push(judge(decodeRecord(batch, record)))
    } catch (error) {
      if (!(error instanceof UndecodableRecord)) throw error
      judged.push(unreadable(batch, record, error.message))
      return judged
    }
  }
  return judged
}

function unreadable({ topic, partition }: LogBatch, { offset, timestamp, key }: LogRecord, reason: string): Unreadable {
  return { unreadable: reason, key: key.toString('utf8'), position: { topic, partition, offset }, timestamp }
}

function isWanted(record: LogRecord, key: string | undefined): boolean {
  return key === undefined || record.key.toString('utf8') === key
}

/** Called now and then: how many of how many log offsets were read. */
export type Progress = (done: number, total: number) => void
