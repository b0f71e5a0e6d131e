import type { Knex } from 'knex'
import type { Keys } from '../../shared/tokens/keys.ts'
import type { Settings } from '../../shared/config/settings.ts'
import { readLedgerId } from '../../shared/event-log/registry-log.ts'
import { LogReadError } from '../../shared/event-log/event-log.ts'
import { shapeOf } from './migrate.ts'
import type { Parts } from './open-parts.ts'

const CHECK_EVERY_MS = 60_000

/** The service must not start: every reason, in words for the operator. */
export class Unsound extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(['The ledger is not sound:', ...problems.map((problem) => `  ${problem}`)].join('\n'))
    this.name = 'Unsound'
    this.problems = problems
  }
}

/**
 * Throws Unsound when serving could lose, reorder or mix history: topic settings, a log of another ledger, or a live grant
 * whose key is missing.
 */
export async function requireSound(
  parts: Parts,
  { READ_MODEL: schema }: Settings,
  ledger_id: string,
  keys: Keys | null,
): Promise<void> {
  const { knex, log, topics } = parts
  const problems = await log.problems(shapeOf(topics))
  if (problems.length === 0) problems.push(...(await otherLedger(parts, ledger_id)))
  if (keys) problems.push(...(await missingKeys(knex, schema, keys)), ...(await missingPeppers(knex, schema, keys)))
  if (problems.length > 0) throw new Unsound(problems)
}

async function otherLedger({ log, topics }: Parts, ledger_id: string): Promise<string[]> {
  const logged = await readLedgerId(log, topics)
  return logged === ledger_id
    ? []
    : [`the log belongs to ledger ${logged ?? 'nobody'}, the database to ledger ${ledger_id}`]
}

async function missingKeys(knex: Knex, schema: string, keys: Keys): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { kid: number }[] }>(
    `SELECT DISTINCT b.kid FROM ${schema}.grants g
       JOIN ${schema}.bearer_tokens b ON b.grant_id = g.grant_id AND b.generation = g.access_generation
      WHERE g.status = 'live' AND b.kid <> ALL (?::int[])
        AND (b.exp IS NULL OR b.exp > extract(epoch FROM now())
             OR g.refresh_generation > 0 AND coalesce(g.refresh_exp, 'infinity'::float8) > extract(epoch FROM now()))`,
    [[...keys.kids]],
  )
  return rows.map(({ kid }) => `live grants need key ${kid}, and LEDGER_SECRETS_SYSTEM has no such kid`)
}

async function missingPeppers(knex: Knex, schema: string, keys: Keys): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { kid: number; clients: number }[] }>(
    `SELECT (secret->>'kid')::int AS kid, count(*) AS clients FROM ${schema}.clients
      WHERE NOT deleted AND secret IS NOT NULL AND (secret->>'kid')::int <> ALL (?::int[]) GROUP BY 1`,
    [[...keys.kids]],
  )
  return rows.map(
    ({ kid, clients }) =>
      `the secrets of ${clients} clients need key ${kid}, and LEDGER_SECRETS_SYSTEM has no such kid`,
  )
}

/** Asks every minute whether the log's settings still keep history. `problems()` gives the latest answer. */
export function watchLog({ log, topics }: Parts): { problems: () => string[]; stop: () => void } {
  let latest: string[] = []
  const timer = setInterval(() => {
    log.problems(shapeOf(topics)).then(
      (problems) => (latest = problems),
      // Unreachable is not unsound: what is asked of it then answers 503 by itself.
      (error: unknown) => (latest = error instanceof LogReadError ? [] : [String(error)]),
    )
  }, CHECK_EVERY_MS)
  timer.unref()
  return { problems: () => latest, stop: () => clearInterval(timer) }
}
