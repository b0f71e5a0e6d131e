import { isGrantEvent, type Recorded } from '../ledger/events.ts'
import { evolve } from '../ledger/grant/evolve.ts'
import { type GrantState, UNKNOWN_GRANT } from '../ledger/grant/state.ts'
import { createRegistry } from '../ledger/registry/evolve.ts'
import type { RegistryEntity } from '../ledger/registry/state.ts'
import { chainNext, chainStart, recordHash } from './chain.ts'
import { decodeRecord, UndecodableRecord } from './event-codec.ts'
import { type Bounds, type EventLog, type LogBatch, LogReadError, type LogRecord, type Range } from './event-log.ts'
import { placeText, type TopicPartition } from './places.ts'

/**
 * Where a fold of one partition stands. `next`: the first offset that is not folded. `last_offset`, `last_hash` and
 * `leader_epoch` are of the last record folded, `first_hash` is of the first (null also where a release before this
 * column folded it), `chain` is the proof of all of them.
 */
export type FoldPosition = {
  next: number
  last_offset: number | null
  last_hash: Buffer | null
  first_hash: Buffer | null
  chain: Buffer
  leader_epoch: number | null
}

/** A record that cannot be read: nothing from it on has a verdict, so its partition ends before it. */
export type Stop = { offset: number; reason: string; key: string; timestamp: number }

/** What was read of one partition in one go, and before which record that had to stop, if it had to. */
export type Walked = TopicPartition & { records: Recorded[]; stop: Stop | null }

/** One step of a fold: from the offset `start`, where it stood, over these records to `position`. */
export type FoldStep = Walked & { start: number; position: FoldPosition }

/**
 * A record with its verdict, `void: null` = it counted. `grant`: as it stood afterwards, for an event of a grant.
 * `entity`: what an event of the registry made, if it counted.
 */
export type Judged = {
  recorded: Recorded
  void: string | null
  grant: GrantState | null
  entity: RegistryEntity | null
}

/** Called now and then with the number of log offsets read since the last call. */
export type OnRead = (offsets: number) => void

/** Called now and then: how many of how many log offsets were read. */
export type Progress = (done: number, total: number) => void

/** Where the fold of a partition begins. */
export function foldStart({ topic, partition }: TopicPartition): FoldPosition {
  const none = { last_offset: null, last_hash: null, first_hash: null, leader_epoch: null }
  return { next: 0, ...none, chain: chainStart(topic, partition) }
}

/** LogReadError when the beginning of one of these partitions is gone: without it no record has a verdict. */
export function requireWhole(bounds: Bounds[]): void {
  const cut = bounds.find(({ first }) => first !== 0)
  if (cut) throw new LogReadError('out_of_range', `${placeText(cut)} begins at offset ${cut.first}, not at 0`)
}

/** Reads what of a batch lies beyond `from`: the step ends before the first record that cannot be read. */
export function readBatch(batch: LogBatch, from: FoldPosition): FoldStep {
  const ahead = batch.records.filter(({ offset }) => offset >= from.next)
  const { stop, ...walked } = decode(batch, ahead)
  const position = moved(from, ahead.slice(0, walked.records.length), stop?.offset ?? batch.next)
  return { ...walked, stop, start: from.next, position }
}

/** Walks a partition up to but without `range.to`, a batch at a time and at the reader's pace. Ends at a stop. */
export function walkLog(log: EventLog, range: Range, onRead?: OnRead): AsyncGenerator<FoldStep> {
  let position = foldStart(range)
  const read = (batch: LogBatch): FoldStep => {
    const step = readBatch(batch, position)
    position = step.position
    return step
  }
  return walk(log, range, { read, onRead })
}

/** The same walk over the records of one key. Only those are decoded, so there is no chain and no position. */
export function walkKey(log: EventLog, range: Range, key: string, onRead?: OnRead): AsyncGenerator<Walked> {
  const isOwn = (record: LogRecord) => record.key.toString('utf8') === key
  return walk(log, range, { read: (batch) => decode(batch, batch.records.filter(isOwn)), onRead })
}

/** Adds the verdicts to the steps of a walk. For a grant the walk over its key will do: its own records decide. */
export async function* foldLog<W extends Walked>(walked: AsyncIterable<W>): AsyncGenerator<W & { judged: Judged[] }> {
  const judge = createJudge()
  for await (const step of walked) yield { ...step, judged: step.records.map(judge) }
}

type Reading<W> = { read: (batch: LogBatch) => W; onRead: OnRead | undefined }

async function* walk<W extends Walked>(log: EventLog, range: Range, { read, onRead }: Reading<W>): AsyncGenerator<W> {
  if (range.to <= range.from) return
  for await (const batch of log.read(range)) {
    const within = endingAt(batch, range.to)
    onRead?.(within.next - within.start)
    const step = read(within)
    yield step
    if (step.stop) return
  }
}

/** The part of a batch that lies below the offset `to`. */
function endingAt(batch: LogBatch, to: number): LogBatch {
  if (batch.next <= to) return batch
  return { ...batch, next: to, records: batch.records.filter(({ offset }) => offset < to) }
}

function decode({ topic, partition }: LogBatch, records: LogRecord[]): Walked {
  const walked: Walked = { topic, partition, records: [], stop: null }
  for (const record of records) {
    try {
      walked.records.push(decodeRecord(walked, record))
    } catch (error) {
      if (!(error instanceof UndecodableRecord)) throw error
      walked.stop = stopAt(record, error.message)
      return walked
    }
  }
  return walked
}

function stopAt({ offset, timestamp, key }: LogRecord, reason: string): Stop {
  return { offset, reason, key: key.toString('utf8'), timestamp }
}

function moved(from: FoldPosition, records: LogRecord[], next: number): FoldPosition {
  const { last_offset, last_hash, first_hash, chain, leader_epoch } = from
  const [first] = records
  const last = records.at(-1)
  if (!first || !last) return { next, last_offset, last_hash, first_hash, chain, leader_epoch }
  return {
    next,
    last_offset: last.offset,
    last_hash: recordHash(last),
    first_hash: last_offset === null ? recordHash(first) : first_hash,
    chain: records.reduce((link, record) => chainNext(link, record), chain),
    leader_epoch: last.leader_epoch ?? null,
  }
}

function createJudge(): (recorded: Recorded) => Judged {
  const grants = new Map<string, GrantState>()
  const registry = createRegistry()
  return (recorded) => {
    const { event } = recorded
    if (!isGrantEvent(event)) {
      const { entity = null, void: voidReason = null } = registry.apply({ ...recorded, event })
      return { recorded, void: voidReason, grant: null, entity }
    }
    const evolved = evolve(grants.get(event.data.grant_id) ?? UNKNOWN_GRANT, { ...recorded, event })
    if (evolved.void === undefined) grants.set(event.data.grant_id, evolved.state)
    return { recorded, void: evolved.void ?? null, grant: evolved.state, entity: null }
  }
}
