import { isGrantEvent, type Recorded } from '../ledger/events.ts'
import { evolve } from '../ledger/grant/evolve.ts'
import { type GrantState, type GrantStates, UNKNOWN_GRANT } from '../ledger/grant/state.ts'
import { createRegistry } from '../ledger/registry/evolve.ts'
import type { RegistryEntity } from '../ledger/registry/state.ts'
import { chainNext, chainStart, recordHash, recordSha256 } from './chain.ts'
import { decodeRecord, UndecodableRecord } from './event-codec.ts'
import { type Bounds, type EventLog, type LogBatch, LogReadError, type LogRecord, type Range } from './event-log.ts'
import { placeText, type TopicPartition } from './places.ts'
import type { Skips } from './skips.ts'

/**
 * Where a fold of one partition stands. `next`: the first offset that is not folded. `last_offset`, `last_hash` and
 * `leader_epoch` are of the last record folded, `first_hash` is of the first, `chain` is the proof of all of them.
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
export type Stop = { offset: number; reason: string; key: string; timestamp: number; sha256: string }

/** A record that `RecordSkipped` names: it has no verdict, and the fold goes on behind it. */
export type Skipped = Stop & { actor: string | null }

/** What was read of one partition in one go, and before which record that had to stop, if it had to. */
export type Walked = TopicPartition & { records: Recorded[]; skipped: Skipped[]; stop: Stop | null }

/**
 * One step of a fold: from the offset `start`, where it stood, over these records to `position`, which covers the
 * bytes of skipped ones too. `registryBegins`: see Skips.
 */
export type FoldStep = Walked & { start: number; position: FoldPosition; registryBegins: number }

/**
 * A record with its verdict, `void: null` = it counted. `before` and `grant`: as a grant stood before and afterwards.
 * `entity`: what an event of the registry made, if it counted.
 */
export type Judged = {
  recorded: Recorded
  void: string | null
  before: GrantState | null
  grant: GrantState | null
  entity: RegistryEntity | null
}

/** Called now and then with the number of log offsets read since the last call. */
export type OnRead = (offsets: number) => void
/** Called now and then: how many of how many log offsets were read, or of about how many rows of the read model. */
export type Progress = (done: number, total: number, what?: 'rows' | 'keys' | 'people') => void

/** Why a partition stops there, for whoever has to mend it. */
export function cannotBeRead({ offset, reason }: Pick<Stop, 'offset' | 'reason'>): string {
  return `the record at offset ${offset} cannot be read: ${reason}`
}

/** The same of a record that can be read, and that the read model cannot take. */
export function cannotBeFolded({ offset, reason }: Pick<Stop, 'offset' | 'reason'>): string {
  return `the record at offset ${offset} cannot be folded: ${reason}`
}

/** Where the fold of a partition begins. */
export function foldStart({ topic, partition }: TopicPartition): FoldPosition {
  const chain = chainStart(topic, partition)
  return { next: 0, last_offset: null, last_hash: null, first_hash: null, leader_epoch: null, chain }
}

/** LogReadError when the beginning of one of these partitions is gone: without it no record has a verdict. */
export function requireWhole(bounds: Bounds[]): void {
  const cut = bounds.find(({ first }) => first !== 0)
  if (cut) throw new LogReadError('out_of_range', `${placeText(cut)} begins at offset ${cut.first}, not at 0`)
}

/** Reads what of a batch lies beyond `from`: the step ends before the first record that cannot be read. */
export function readBatch(batch: LogBatch, from: FoldPosition, skips: Skips): FoldStep {
  const ahead = batch.records.filter(({ offset }) => offset >= from.next)
  const walked = decode(batch, ahead, skips)
  const next = walked.stop?.offset ?? batch.next
  const position = moved(from, below(ahead, next), next)
  return { ...walked, start: from.next, position, registryBegins: skips.registryBegins }
}

/** `skips`: what to pass by; at a stop it looks again. */
export type Walking = { skips: Skips; onRead?: OnRead | undefined }

/** Walks a partition up to but without `range.to`, at the reader's pace, from `position` on. Ends at a stop. */
export async function* walkLog(
  log: EventLog,
  range: Range,
  walking: Walking,
  position = foldStart(range),
): AsyncGenerator<FoldStep> {
  const read = (batch: LogBatch) => readBatch(batch, position, walking.skips)
  for await (const step of walk(log, range, { ...walking, read })) {
    position = step.position
    yield step
  }
}

/** The same walk over the records of one key. Only those are decoded, so there is no chain and no position. */
export function walkKey(log: EventLog, range: Range, walking: Walking & { key: string }): AsyncGenerator<Walked> {
  const isOwn = (record: LogRecord) => record.key.toString('utf8') === walking.key
  const read = (batch: LogBatch) => decode(batch, batch.records.filter(isOwn), walking.skips)
  return walk(log, range, { ...walking, read })
}

/** Adds the verdicts to the steps of a walk. For a grant the walk over its key will do: its own records decide. */
export async function* foldLog<W extends Walked>(
  walked: AsyncIterable<W>,
  states: GrantStates = new Map(),
): AsyncGenerator<W & { judged: Judged[] }> {
  const judge = createJudge(states)
  for await (const step of walked) yield { ...step, judged: step.records.map(judge) }
}

type Reading<W> = Walking & { read: (batch: LogBatch) => W }

async function* walk<W extends Walked>(log: EventLog, range: Range, reading: Reading<W>): AsyncGenerator<W> {
  const { read, skips, onRead } = reading
  if (range.to <= range.from) return
  for await (const batch of log.read(range)) {
    const within = endingAt(batch, range.to)
    onRead?.(within.next - within.start)
    let step = read(within)
    if (step.stop) {
      await skips.look()
      step = read(within)
    }
    yield step
    if (step.stop) return
  }
}

/** The part of a batch that lies below the offset `to`. */
function endingAt(batch: LogBatch, to: number): LogBatch {
  return batch.next <= to ? batch : { ...batch, next: to, records: below(batch.records, to) }
}

function below(records: LogRecord[], offset: number): LogRecord[] {
  return records.filter((record) => record.offset < offset)
}

function decode({ topic, partition }: LogBatch, records: LogRecord[], skips: Skips): Walked {
  const walked: Walked = { topic, partition, records: [], skipped: [], stop: null }
  for (const record of records) {
    const skip = skips.of(walked, record)
    if (skip) {
      walked.skipped.push({ ...stopAt(record, skip.reason), actor: skip.actor })
      continue
    }
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

function stopAt(record: LogRecord, reason: string): Stop {
  const { offset, timestamp } = record
  return { offset, reason, key: record.key.toString('utf8'), timestamp, sha256: recordSha256(record) }
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

function createJudge(grants: GrantStates): (recorded: Recorded) => Judged {
  const registry = createRegistry()
  return (recorded) => {
    const { event } = recorded
    if (!isGrantEvent(event)) {
      const { entity = null, void: reason = null } = registry.apply({ ...recorded, event })
      return { recorded, void: reason, before: null, grant: null, entity }
    }
    const before = grants.get(event.data.grant_id) ?? UNKNOWN_GRANT
    const evolved = evolve(before, { ...recorded, event })
    if (evolved.void === undefined) grants.set(event.data.grant_id, evolved.state)
    return { recorded, void: evolved.void ?? null, before, grant: evolved.state, entity: null }
  }
}
