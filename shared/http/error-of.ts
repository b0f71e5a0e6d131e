import { AppendError, LogReadError } from '../event-log/event-log.ts'
import { WaitTimeout } from '../read-model/position-waiter.ts'
import { OAuthError, unavailable } from './oauth-error.ts'

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
 * SQLSTATE classes and codes of a database that is away, starting, stopping, full, failing over or too slow: connection,
 * login, resources, operator intervention, serialization, lock and idle timeouts, a standby that cannot write.
 */
const SQLSTATE_UNAVAILABLE = /^(08...|28...|53...|57...|58...|40001|40P01|55P03|25P03|25006|3D000)$/
/** Text that PostgreSQL cannot store, such as U+0000: the client sent it. */
const SQLSTATE_BAD_TEXT = /^(22021|22P05)$/

/** pg and knex tell these apart by words only, and knex puts the statement before those of pg. */
const LOST_CONNECTION =
  /(^| - )(Connection terminated|Query read timeout|timeout expired|timeout exceeded when trying to connect|Client has encountered a connection error|Client was closed|Knex: Timeout acquiring)[^\n]*$/

/** The answer to whatever was thrown: itself, a 4xx for bad input, 503 for our outages, 500 for our bugs. */
export function errorOf(thrown: unknown): OAuthError {
  if (thrown instanceof OAuthError) return thrown
  if (thrown instanceof AppendError && thrown.outcome === 'too_large')
    return new OAuthError('invalid_request', 'the request is too large to be recorded', { cause: thrown })
  if (isUnavailable(thrown)) return unavailable(messageOf(thrown), thrown)
  if (SQLSTATE_BAD_TEXT.test(codeOf(thrown)))
    return new OAuthError('invalid_request', 'the request holds characters that cannot be stored', { cause: thrown })
  const status = clientStatusOf(thrown)
  if (status) return new OAuthError('invalid_request', 'the request is malformed', { status, cause: thrown })
  return new OAuthError('server_error', 'the service has a problem of its own', { cause: thrown })
}

/** Whether the log or the database is unreachable, overloaded or too slow: trying again later can help. */
export function isUnavailable(thrown: unknown): boolean {
  if ([AppendError, LogReadError, WaitTimeout].some((known) => thrown instanceof known)) return true
  if (!(thrown instanceof Error)) return false
  const code = codeOf(thrown)
  return (
    NETWORK_CODES.has(code) ||
    SQLSTATE_UNAVAILABLE.test(code) ||
    LOST_CONNECTION.test(thrown.message) ||
    isUnavailable(thrown.cause)
  )
}

function codeOf(thrown: unknown): string {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
}

/** The 4xx of an http-errors error: Koa, its router and its body parser throw those for malformed requests. */
function clientStatusOf(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !('status' in thrown) || typeof thrown.status !== 'number') return null
  return thrown.status >= 400 && thrown.status < 500 ? thrown.status : null
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
}
