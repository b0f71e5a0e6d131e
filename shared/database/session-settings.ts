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

/** What of the database could lose, hide, block or misread records, by the name of the setting; empty = sound. */
export async function databaseProblems(knex: Knex): Promise<string[]> {
  const wanted = { ...SESSION, ...GIVEN }
  const { rows } = await knex.raw<{ rows: Answer[] }>(ASK, [Object.keys(wanted)])
  const [answer] = rows
  if (!answer) throw new Error('the database tells no settings')
  const wrong = Object.entries(wanted)
    .filter(([name, value]) => answer.settings[name] !== undefined && answer.settings[name] !== value)
    .map(([name, value]) => `the database: ${name} is ${answer.settings[name]}, must be ${value}`)
  return [
    ...(answer.version < OLDEST_VERSION ? [`the database: PostgreSQL ${answer.version_name} is older than 15`] : []),
    ...(answer.standby ? ['the database: it is a standby, which takes no writes'] : []),
    ...wrong,
  ]
}
