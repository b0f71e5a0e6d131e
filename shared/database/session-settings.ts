import type { Knex } from 'knex'

/**
 * What a role, a database or a server may set otherwise, and what every connection of ours therefore sets itself, which
 * counts more. Each is read back, since a pooler or options in the URL may keep it from arriving.
 */
export const SESSION: Readonly<Record<string, string>> = {
  // What one statement decides is decided by row locks: serializable would refuse a third of all refreshes.
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',
  // An acknowledged record survives a crash.
  synchronous_commit: 'on',
  // Whoever may create in a schema of the path could put a function of theirs before one of PostgreSQL's.
  search_path: 'pg_catalog',
  // A policy that hides rows is an error instead of rows that are missing.
  row_security: 'off',
  // Statements end by our own limit, and waiting in the queue of the pool is no reason to be cut off.
  lock_timeout: '0',
  idle_session_timeout: '0',
  // What we read and write as text.
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  array_nulls: 'on',
  bytea_output: 'hex',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '1',
}

/** What no connection may set by itself: a value that is not this one is refused. What a version lacks is not asked. */
const GIVEN: Readonly<Record<string, string>> = {
  server_encoding: 'UTF8',
  // As a replica it would fire no trigger, and the log would not be append-only.
  session_replication_role: 'origin',
  transaction_timeout: '0',
  zero_damaged_pages: 'off',
  ignore_checksum_failure: 'off',
}

const OLDEST_VERSION = 150_000

const ASK = `
SELECT (SELECT json_object_agg(name, setting) FROM pg_catalog.pg_settings WHERE name = ANY (?)) AS settings,
       current_setting('server_version_num')::int AS version, current_setting('server_version') AS version_name,
       pg_is_in_recovery() AS standby`

type Answer = { settings: Record<string, string>; version: number; version_name: string; standby: boolean }

const ON_THE_ROLE = 'the pooler hands on no settings of ours: ALTER ROLE … SET each of these, then let it reconnect'

/** The settings of `SESSION` as the server takes them when a connection begins. */
export function startupOptions(): string {
  return Object.entries(SESSION)
    .map(([name, value]) => `-c ${name}=${value.replaceAll(' ', '\\ ')}`)
    .join(' ')
}

/** The same as statements, for a database that is not connected to. */
export function sessionSql(): string {
  return Object.entries(SESSION)
    .map(([name, value]) => `SET ${name} = '${value}';`)
    .join('\n')
}

/** What a connection of ours sets by its own lifetime's limits; behind a pooler the role must, so that neither is 0. */
const LIMITS = ['statement_timeout', 'idle_in_transaction_session_timeout']

/** What a pooler says to settings at the start of a connection. */
const NOT_TAKEN = /unsupported startup parameter/

/**
 * What of the database could lose, hide, block or misread records, by the name of the setting; empty = sound. `pooled`:
 * the sessions are not ours, so that the role must set what we otherwise do.
 */
export async function databaseProblems(
  knex: Knex,
  { pooled }: { pooled: boolean } = { pooled: false },
): Promise<string[]> {
  try {
    return await problemsOf(knex, pooled)
  } catch (error) {
    if (!(error instanceof Error) || !NOT_TAKEN.test(error.message)) throw error
    return [`the database: ${error.message}: behind a pooler set LEDGER_DATABASE_POOLER to transaction`]
  }
}

async function problemsOf(knex: Knex, pooled: boolean): Promise<string[]> {
  const wanted = { ...SESSION, ...GIVEN }
  const { rows } = await knex.raw<{ rows: Answer[] }>(ASK, [[...Object.keys(wanted), ...LIMITS]])
  const [answer] = rows
  if (!answer) throw new Error('the database tells no settings')
  const unlimited = pooled ? LIMITS.filter((name) => answer.settings[name] === '0') : []
  const wrong = Object.entries(wanted)
    .filter(([name, value]) => answer.settings[name] !== undefined && answer.settings[name] !== value)
    .map(([name, value]) => `the database: ${name} is ${answer.settings[name]}, must be ${value}`)
  return [
    ...(answer.version < OLDEST_VERSION ? [`the database: PostgreSQL ${answer.version_name} is older than 15`] : []),
    ...(answer.standby ? ['the database: it is a standby, which takes no writes'] : []),
    ...wrong,
    ...unlimited.map((name) => `the database: ${name} is 0, must be a limit such as 5s`),
    ...(pooled && wrong.length + unlimited.length > 0 ? [ON_THE_ROLE] : []),
  ]
}
