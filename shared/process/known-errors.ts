import { codeOf, LOST_CONNECTION, NETWORK_CODES, SQLSTATE_UNAVAILABLE } from '../database/away.ts'
import { AppendError, LogReadError } from '../event-log/event-log.ts'
import { WaitTimeout } from '../read-model/position-waiter.ts'
import { Unsettled } from '../read-model/unsettled.ts'

/** Whether the log or the database is unreachable, overloaded or too slow: trying again later can help. */
export function isUnavailable(thrown: unknown): boolean {
  if ([AppendError, LogReadError, WaitTimeout, Unsettled].some((known) => thrown instanceof known)) return true
  if (!(thrown instanceof Error)) return false
  const code = codeOf(thrown)
  return (
    NETWORK_CODES.has(code) ||
    SQLSTATE_UNAVAILABLE.test(code) ||
    LOST_CONNECTION.test(thrown.message) ||
    isUnavailable(thrown.cause)
  )
}

export function messageOf(thrown: unknown): string {
  if (thrown instanceof Unsettled) return thrown.message
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown)
}
