import type { Knex } from 'knex'
import type { Logger } from 'pino'
import { problemsFound } from '../../config/operator-error.ts'
import type { Settings } from '../../config/settings.ts'
import { databaseProblems } from '../../database/session-settings.ts'
import { shapeOf } from '../../event-log/places.ts'
import { readLedgerId } from '../../event-log/registry-log.ts'
import { shortestGrace } from '../../ledger/grant/times.ts'
import { type HeldKeys, keyProblemsAtStart } from './key-soundness.ts'
import { isOutage } from '../known-errors.ts'
import type { Parts, PartsRead } from '../open-parts.ts'

const CHECK_EVERY_MS = 60_000

type Asked = {
  parts: PartsRead
  ledger_id: string
  /** `null`: it has none. */
  held: HeldKeys | null
  /** Whether it reads or writes the log: one that does not is sound without it. */
  usesLog: boolean
}

/**
 * Throws an OperatorError with every reason not to start beyond those of `requireSoundDatabase`: serving could lose,
 * reorder, hide or mix history (settings of topics, a log of another ledger), or the keys are not those that the log
 * knows and what lives needs.
 */
export async function requireSound({ parts, ledger_id, held, usesLog }: Asked): Promise<void> {
  const problems = usesLog ? await logProblems(parts) : []
  if (usesLog && problems.length === 0) problems.push(...(await otherLedger(parts, ledger_id)))
  if (held) problems.push(...(await keyProblemsAtStart(held, { parts, usesLog })))
  if (problems.length > 0) throw problemsFound('The ledger is not sound:', problems)
}

/**
 * Throws an OperatorError when the database cannot hold a ledger, whatever would be made in it. Its settings and its
 * encoding are no fault that a migration mends.
 */
export async function requireSoundDatabase(knex: Knex, settings: Settings): Promise<void> {
  const problems = await databaseProblems(knex, { pooled: isPooled(settings) })
  if (problems.length > 0) throw problemsFound('The database is not sound:', problems)
}

function isPooled({ DATABASE_POOLER }: Settings): boolean {
  return DATABASE_POOLER === 'transaction'
}

function logProblems({ log, topics }: Parts): Promise<string[]> {
  return log.problems(shapeOf(topics))
}

async function otherLedger({ log, topics }: Parts, ledger_id: string): Promise<string[]> {
  const logged = await readLedgerId(log, topics)
  return logged === ledger_id
    ? []
    : [`the log belongs to ledger ${logged ?? 'nobody'}, the database to ledger ${ledger_id}`]
}

const MOST_NAMED = 100

/**
 * Names the clients whose grace is shorter than one may be registered with: made before the rule, or under a shorter
 * append timeout. They work, but a retry after an outage of ours can be taken for a theft.
 */
export async function warnOfShortGraces(
  { knex, schema }: PartsRead,
  settings: Settings,
  logger: Logger,
): Promise<void> {
  const shortest = shortestGrace(settings.APPEND_TIMEOUT)
  const rows = await knex
    .withSchema(schema)
    .from('clients')
    .where({ deleted: false })
    .whereBetween('refresh_grace_seconds', [1, shortest - 1])
    .orderBy('client_id')
    .limit(MOST_NAMED)
    .select<{ client_id: string }[]>('client_id')
  if (rows.length === 0) return
  const client_ids = rows.map(({ client_id }) => client_id)
  logger.warn({ client_ids }, `the refresh_grace_seconds of these clients should be 0, or ${shortest} or more`)
}

/**
 * Asks every minute whether the settings of database and log still keep history; of the log where it is used.
 * `problems()` gives the latest answer.
 */
export function watchParts(
  parts: Parts,
  settings: Settings,
  usesLog: boolean,
): { problems: () => string[]; stop: () => void } {
  let latest: string[] = []
  const partProblems = async () => [
    ...(await databaseProblems(parts.knex, { pooled: isPooled(settings) })),
    ...(usesLog ? await logProblems(parts) : []),
  ]
  const timer = setInterval(() => {
    partProblems().then(
      (problems) => (latest = problems),
      // Unreachable is not unsound: what is asked of it then answers 503 by itself.
      (error: unknown) => (latest = isOutage(error) ? [] : [String(error)]),
    )
  }, CHECK_EVERY_MS)
  timer.unref()
  return { problems: () => latest, stop: () => clearInterval(timer) }
}
