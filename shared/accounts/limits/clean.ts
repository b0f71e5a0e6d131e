import type { Knex } from 'knex'
import { WINDOW_SECONDS } from './counter.ts'

const MOST_ROWS = 100_000

/** How many failures a process counts between two rounds, each of which may add two rows. */
const EVERY = 500

/** More than come in between, so that each round gains on them. */
const AT_ONCE = 5_000

/**
 * Removes what is over, and of more than `most` rows those that are over first: to be called for each failure, does so
 * now and then. Who has that many addresses gains nothing by it, and shuts nobody out.
 */
export function cleanLimits(knex: Knex, most = MOST_ROWS): () => Promise<void> {
  const every = Math.min(EVERY, Math.ceil(most / 2))
  let [left, due] = [0, 0]
  return async () => {
    const now = Date.now()
    if (left-- > 0 && now < due) return
    left = every
    due = now + WINDOW_SECONDS * 1000
    await knex.raw(CLEAN, { now, most })
  }
}

const CLEAN = `
DELETE FROM ledger.limits WHERE key IN (
  SELECT key FROM ledger.limits
   WHERE expire <= greatest(:now::bigint, (SELECT expire FROM ledger.limits ORDER BY expire DESC OFFSET :most LIMIT 1))
   ORDER BY expire LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED)`
