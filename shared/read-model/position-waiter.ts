import { isSamePlace, type TopicPartition } from '../event-log/places.ts'
import type { ReadModelTables } from './read-model.ts'

const POLL_MS = 4
const RETRY_MS = 100

/** One checkpoint's way as the poller sees it. */
type Seen = TopicPartition & { next: number; fresh_as_of: number | null }
type Waiting = {
  reached: (seen: Seen[]) => boolean
  resolve: () => void
  reject: (error: Error) => void
  deadline: number
}

/** The read model did not get there in time. What was appended is in the log all the same. */
export class WaitTimeout extends Error {
  /** An outage of ours like any timeout of the network: answered with 503. */
  readonly code = 'ETIMEDOUT'
  constructor() {
    super('the read model did not reach this position in time')
    this.name = 'WaitTimeout'
  }
}

export type PositionWaiter = {
  /** Resolves once the partition's checkpoint is past `offset`; rejects with WaitTimeout after `timeoutMs`. */
  past(place: TopicPartition & { offset: number }, timeoutMs: number): Promise<void>
  /** Resolves once the partition is known fresh as of `time` (ms, database clock); rejects with WaitTimeout. */
  freshAsOf(place: TopicPartition, time: number, timeoutMs: number): Promise<void>
}

/**
 * One poller a process, which asks for the checkpoints only while somebody waits. No LISTEN/NOTIFY: it is lost through
 * poolers and locks the whole cluster at commit.
 */
export function createPositionWaiter(tables: ReadModelTables): PositionWaiter {
  let waiting: Waiting[] = []
  let polling = false

  async function poll(): Promise<void> {
    while (waiting.length > 0) {
      const seen = await checkpointsSeen(tables).catch(() => null)
      const now = performance.now()
      waiting = waiting.filter((one) => !settled(one, seen, now))
      if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, seen ? POLL_MS : RETRY_MS))
    }
    polling = false
  }

  function wait(reached: (seen: Seen[]) => boolean, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      waiting.push({ reached, resolve, reject, deadline: performance.now() + timeoutMs })
      if (polling) return
      polling = true
      setTimeout(() => void poll(), POLL_MS)
    })
  }

  return {
    // `next` is the first offset that is not folded: past an offset means above it.
    past: (place, timeoutMs) =>
      wait((seen) => seen.some((one) => isSamePlace(one, place) && one.next > place.offset), timeoutMs),
    freshAsOf: (place, time, timeoutMs) =>
      wait((seen) => seen.some((one) => isSamePlace(one, place) && (one.fresh_as_of ?? 0) >= time), timeoutMs),
  }
}

function settled({ reached, resolve, reject, deadline }: Waiting, seen: Seen[] | null, now: number): boolean {
  if (seen && reached(seen)) {
    resolve()
    return true
  }
  if (now < deadline) return false
  reject(new WaitTimeout())
  return true
}

async function checkpointsSeen({ knex, schema }: ReadModelTables): Promise<Seen[]> {
  const { rows } = await knex
    .raw<{ rows: Seen[] }>(
      `SELECT topic, partition, next, floor(extract(epoch FROM fresh_as_of) * 1000)::bigint AS fresh_as_of
         FROM ${schema}.checkpoints`,
    )
    .options({ name: `poll_checkpoints_${schema}` })
  return rows
}
