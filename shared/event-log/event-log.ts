import type { TopicPartition } from './places.ts'

/** One record as the log holds it, byte for byte. `timestamp` is the log's own time in milliseconds. */
export type LogRecord = {
  offset: number
  timestamp: number
  key: Buffer
  value: Buffer
  leader_epoch?: number | undefined
}

/**
 * Consecutive records of one partition. The log holds no record in `[start, next)` other than these:
 * `start` is where the read began, `next` where the following read begins. Offsets may have holes.
 */
export type LogBatch = TopicPartition & { start: number; next: number; records: LogRecord[] }

export type Outgoing = TopicPartition & { key: string; value: string }

/** `[from, to)`, so `to` itself is not read: reads end when every record below it was delivered. */
export type Range = TopicPartition & { from: number; to: number }

/** `[first, end)`: `end` is the offset that the next record gets. An empty partition has first = end. */
export type Bounds = TopicPartition & { first: number; end: number }

/** The record that a partition began with, as long as it is the same log. */
export type FirstRecord = TopicPartition & { record: LogRecord }

/** A partition that does not answer, in words for the operator: `it has no leader`. */
export type Silent = TopicPartition & { reason: string }

export type BoundsNow = { bounds: Bounds[]; silent: Silent[] }

/**
 * How an append failed. `not_appended`: surely not in the log, now or later. `unknown`: it may be there, may land
 * later, and may land twice; the order of the log decides what it means (a copy is void). `too_large`: no log will take
 * it.
 */
export type AppendOutcome = 'not_appended' | 'unknown' | 'too_large'

export class AppendError extends Error {
  readonly outcome: AppendOutcome
  constructor(outcome: AppendOutcome, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'AppendError'
    this.outcome = outcome
  }
}

/**
 * The log cannot be read as asked: unreachable, or a range outside of what it holds. Never answered by a silent reset.
 */
export class LogReadError extends Error {
  readonly reason: 'unreachable' | 'out_of_range'
  constructor(reason: 'unreachable' | 'out_of_range', message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'LogReadError'
    this.reason = reason
  }
}

/** What a follower does with the partitions that it is given. */
export type Follower = {
  /**
   * Where to begin, asked whenever partitions are assigned: the offset of the first record wanted. It is the
   * follower's promise that the log reaches this far; the log refuses an offset beyond its end (LogReadError).
   */
  begin(partitions: TopicPartition[]): Promise<(TopicPartition & { offset: number })[]>
  /**
   * Takes one batch and answers where to go on: `batch.next`, or another offset to seek to. `null` = leave this
   * partition alone from now on (stopped or diverged). Batches of one partition never overlap in time; those of
   * different partitions may arrive together, and the follower may fold them in one transaction. A rejection is
   * retried with the same batch after a pause.
   */
  take(batch: LogBatch): Promise<number | null>
}

export type Following = {
  /** Settles when following ended: resolves after `stop`, rejects when the log gave up for good (then: exit). */
  ended: Promise<void>
  /**
   * Asks the follower again where to begin in partitions that it left alone, as at an assignment, and goes on there.
   * Those that it did not leave, or that are another follower's now, stay as they are. Rejects where `begin` does.
   */
  offer(partitions: TopicPartition[]): Promise<void>
  stop(): Promise<void>
}

/** The only source of truth. Two adapters keep these promises: kafka.ts and postgres.ts (the embedded default). */
export type EventLog = {
  /**
   * Resolves when the record is durable: every reader, from now on, reads these bytes at this offset. Sequential
   * appends of one key keep their order. Rejects with AppendError within the append timeout, also when the log is
   * unreachable.
   */
  append(record: Outgoing): Promise<{ offset: number; timestamp: number }>
  /**
   * First and end offset of each partition, or of this one; `end` is above every acknowledged offset. Waits for
   * elections; then LogReadError, which names every partition that does not answer.
   */
  bounds(topics: string[], partition?: number): Promise<Bounds[]>
  /** The same of those that answer at once, and which do not. LogReadError when none does. */
  boundsNow(topics: string[]): Promise<BoundsNow>
  /**
   * The first record of each of these partitions, at once, by which a log that was deleted and made again under the
   * same name is told apart. One that is empty, whose beginning is gone, or that does not answer, is left out.
   * LogReadError when the log cannot be reached at all.
   */
  firstRecords(places: TopicPartition[]): Promise<FirstRecord[]>
  /**
   * Delivers partitions to this follower. Followers of one `group`, in any number of processes, share the partitions
   * (or, where the log cannot share, each gets all: a follower must bear that). Positions are the follower's own.
   */
  follow(group: string, topics: string[], follower: Follower): Promise<Following>
  /**
   * Reads one range in order, at the reader's pace, disturbing nobody. LogReadError('out_of_range') if it is not all
   * there.
   */
  read(range: Range, signal?: AbortSignal): AsyncIterable<LogBatch>
  /** Which log this is (Kafka's cluster id); another answer at the same checkpoint means another log. */
  clusterId(): Promise<string>
  /** Creates what is missing (topics with the settings that keep history). Idempotent. */
  create(topics: { topic: string; partitions: number }[]): Promise<void>
  /** Problems that would lose or reorder history, in words that name topic and setting; empty = sound. */
  problems(topics: { topic: string; partitions: number }[]): Promise<string[]>
  /**
   * Where of these nothing can be appended now, and why: connects to whoever would take it, asks, and appends nothing.
   * Never rejects. Empty = nothing is known to be in the way.
   */
  unwritable(places: TopicPartition[]): Promise<Silent[]>
  /** Sends what waits, then closes every connection. */
  close(): Promise<void>
}
