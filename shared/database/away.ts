export const NETWORK_CODES = new Set([
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
 * SQLSTATE classes and codes of a database that is away, starting, stopping, full, failing over or too slow: connection,
 * login, resources, operator intervention, serialization, lock and idle timeouts, a standby that cannot write.
 */
export const SQLSTATE_UNAVAILABLE = /^(08...|28...|53...|57...|58...|40001|40P01|55P03|25P03|25006|3D000)$/

/** Text that PostgreSQL cannot store, such as U+0000: the client sent it. */
export const SQLSTATE_BAD_TEXT = /^(22021|22P05)$/

/** pg and knex tell these apart by words only, and knex puts the statement before those of pg. */
export const LOST_CONNECTION =
  /(^| - )(Connection terminated|Query read timeout|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Knex: Timeout acquiring)[^\n]*$/

export function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
}
