const NETWORK_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/**
 * SQLSTATE classes and codes of a database that is away, starting, stopping, full, failing over or too slow:
 * connection, login, resources, operator intervention, serialization, lock and idle timeouts, a standby that cannot
 * write.
 */
const SQLSTATE_UNAVAILABLE = /^(08...|28...|53...|57...|58...|40001|40P01|55P03|25P03|25006|3D000)$/

/** pg and knex tell these apart by words only, and knex puts the statement before those of pg. */
const LOST_CONNECTION =
  /(^| - )(Connection terminated|Query read timeout|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Knex: Timeout acquiring)[^\n]*$/

/**
 * Whether the database, or the way to a part, is away, overloaded or too slow. What caused the error is not looked at.
 */
export function isAway(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false
  const code = codeOf(thrown)
  return NETWORK_CODES.has(code) || SQLSTATE_UNAVAILABLE.test(code) || LOST_CONNECTION.test(thrown.message)
}

const SQLSTATE_BAD_TEXT = /^(22021|22P05)$/

/** Whether it was text that PostgreSQL cannot store, such as U+0000: whoever sent it is at fault. */
export function isUnstorableText(thrown: unknown): boolean {
  return SQLSTATE_BAD_TEXT.test(codeOf(thrown))
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
}
