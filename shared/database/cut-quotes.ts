import { refusalOf } from './away.ts'

/** What PostgreSQL says besides its message: rows, parameters and statements. */
const QUOTES = ['detail', 'where', 'internalQuery'] as const

/** Classes of errors in what was to be stored: their messages quote it. */
const QUOTING = /^(22|23|44|P0)/

/**
 * Takes out of an error of the database what it quotes of rows and parameters, before anybody gets it: names of people
 * are in there, and errors end up in logs. What is left is code, names of tables and columns, and what is said of them.
 */
export function cutQuotes(error: unknown): void {
  if (!(error instanceof Error)) return
  for (const name of QUOTES) Reflect.deleteProperty(error, name)
  if (!('code' in error) || !QUOTING.test(String(error.code))) return
  error.message = refusalOf(error) ?? String(error.code)
  error.stack = `${error.name}: ${error.message}`
}
