import { epochMs } from '../database/epoch-ms.ts'
import { isSamePlace, type TopicPartition } from '../event-log/places.ts'
import type { ReadModelTables } from './read-model.ts'
import { createStamps } from './stamps.ts'

const POLL_MS = 4
const RETRY_MS = 100

/** One checkpoint's way as the poller sees it. */
type Seen = TopicPartition & { next: number; fresh_as_of: number | null }
type Waiting = { reached: (seen: Seen[]) => boolean; resolve: () => void }

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
  /**
   * Resolves once the partition is known fresh as of `time` (ms, database clock); rejects with WaitTimeout. A stamp
   * that is, or once was, later than the database's own time satisfies nobody.
   */
  freshAsOf(place: TopicPartition, time: number, timeoutMs: number): Promise<void>
}

/**
 * One poller a process, which asks for the checkpoints only while somebody waits. No LISTEN/NOTIFY: it is lost through
 * poolers and locks the whole cluster at commit.
 */
export function createPositionWaiter({ stamps = createStamps(), ...given }: ReadModelTables): PositionWaiter {
  const tables = { ...given, stamps }
  const waiting = new Set<Waiting>()
  let polling = false

  async function poll(): Promise<void> {
    while (waiting.size > 0) {
      const seen = await checkpointsSeen(tables).catch(() => null)
      for (const { reached, resolve } of waiting) if (seen && reached(seen)) resolve()
      if (waiting.size > 0) await new Promise((resolve) => setTimeout(resolve, seen ? POLL_MS : RETRY_MS))
    }
    polling = false
  }

  function wait(reached: (seen: Seen[]) => boolean, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      // A timer of its own: the query of the poller may hang for longer than anybody here waits.
      const timer = setTimeout(() => end(() => reject(new WaitTimeout())), timeoutMs)
      const one: Waiting = { reached, resolve: () => end(resolve) }
      const end = (answer: () => void) => {
        clearTimeout(timer)
        waiting.delete(one)
        answer()
      }
      waiting.add(one)
      startPolling()
    })
  }

  function startPolling(): void {
    if (polling) return
    polling = true
    setTimeout(() => void poll(), POLL_MS)
  }

  return {
    // `next` is the first offset that is not folded: past an offset means above it.
    past: (place, timeoutMs) =>
      wait((seen) => seen.some((one) => isSamePlace(one, place) && one.next > place.offset), timeoutMs),
    freshAsOf: (place, time, timeoutMs) =>
      wait(
        (seen) => seen.some((one) => isSamePlace(one, place) && one.fresh_as_of !== null && one.fresh_as_of >= time),
        timeoutMs,
      ),
  }
}

async function checkpointsSeen({ knex, schema, stamps }: Required<ReadModelTables>): Promise<Seen[]> {
  const sentAt = performance.now()
  const { rows } = await knex
    .raw<{ rows: (Seen & { now: number })[] }>(
      `SELECT topic, partition, next, ${epochMs('fresh_as_of')} AS fresh_as_of, ${epochMs('clock_timestamp()')} AS now
         FROM ${schema}.checkpoints`,
    )
    .options({ name: `poll_checkpoints_${schema}` })
  return rows.map(({ now, ...seen }) => ({
    ...seen,
    fresh_as_of: stamps(seen, { stamp: seen.fresh_as_of, now, sentAt }),
  }))
}
