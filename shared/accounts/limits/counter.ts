import type { Knex } from 'knex'
import { RateLimiterPostgres, RateLimiterRes } from 'rate-limiter-flexible'

/** How long failures are remembered, from the first of them. */
export const WINDOW_SECONDS = 60

/** What failures of one kind and key amount to: seconds until the next attempt is heard, 0 = now. */
export type Counter = {
  /** As far as this process knows: nobody is asked. */
  known(key: string): number
  /** As the database has it. */
  ask(key: string): Promise<number>
  /** Counts a failure; `reached`: it is the last one that is heard, told to one process only. */
  count(key: string): Promise<{ wait: number; reached: boolean }>
}

/** More keys than this are not remembered in this process; the database has them all. */
const MOST_KNOWN = 10_000

/**
 * Counts up to `points` failures a minute for each key, for all processes on this database together. What is refused
 * beyond them neither counts nor makes the time longer. The table is made by a migration, and cleaned elsewhere.
 */
export function createCounter(knex: Knex, keyPrefix: string, points: number): Counter {
  const limiter = new RateLimiterPostgres({
    ...{ storeClient: knex, storeType: 'knex', schemaName: 'ledger', tableName: 'limits', tableCreated: true },
    ...{ clearExpiredByTimeout: false, keyPrefix, points, duration: WINDOW_SECONDS },
  })
  const full = new Map<string, number>()

  function known(key: string): number {
    const left = (full.get(key) ?? 0) - Date.now()
    if (left <= 0) full.delete(key)
    return Math.max(0, Math.ceil(left / 1000))
  }

  function remember(key: string, { msBeforeNext }: RateLimiterRes): number {
    if (full.size >= MOST_KNOWN) full.clear()
    full.set(key, Date.now() + msBeforeNext)
    return known(key)
  }

  return {
    known,
    ask: async (key) => {
      const found = known(key) > 0 ? null : await limiter.get(key)
      return found && found.consumedPoints >= points ? remember(key, found) : known(key)
    },
    count: async (key) => {
      const counted = await consumed(limiter, key)
      if (counted.consumedPoints < points) return { wait: 0, reached: false }
      const wait = remember(key, counted)
      const reached = counted.consumedPoints === points
      return { wait: reached ? 0 : wait, reached }
    },
  }
}

/** The library rejects with the same thing where it is too much. */
async function consumed(limiter: RateLimiterPostgres, key: string): Promise<RateLimiterRes> {
  return limiter.consume(key).catch((thrown: unknown) => {
    if (thrown instanceof RateLimiterRes) return thrown
    throw thrown
  })
}
