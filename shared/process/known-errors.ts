import { KeyUsedOtherwise } from '../accounts/idempotent-requests.ts'
import { PersonForgotten } from '../accounts/person-keys.ts'
import { NotifyFailed } from '../accounts/sessions/notify.ts'
import { OperatorError } from '../config/operator-error.ts'
import { isAway, isSchemaGone, isUnstorableText } from '../database/away.ts'
import { QueueFull } from '../database/batcher.ts'
import { AppendError, LogReadError } from '../event-log/event-log.ts'
import { OAuthError, unavailable } from '../http/oauth-error.ts'
import { WaitTimeout } from '../read-model/position-waiter.ts'
import { Contradiction, Unsettled } from '../read-model/unsettled.ts'

/**
 * The answer that an error of our parts stands for: 503 for an outage, 400 for what can never be stored; `null`: a bug.
 */
export function knownError(thrown: unknown): OAuthError | null {
  if (thrown instanceof Contradiction) return unavailable(thrown.message, thrown, thrown.alarm)
  if (thrown instanceof Unsettled) return unavailable(thrown.message, thrown)
  if (thrown instanceof KeyUsedOtherwise) return new OAuthError('invalid_request', thrown.message, { status: 422 })
  if (thrown instanceof PersonForgotten) return new OAuthError('conflict', thrown.message)
  if (thrown instanceof NotifyFailed) return unavailable(thrown.message, thrown)
  if (thrown instanceof OperatorError) return unavailable(thrown.message, thrown, 'operator_needed')
  if (thrown instanceof AppendError && thrown.outcome === 'too_large')
    return new OAuthError('invalid_request', 'the request is too large to be recorded', { cause: thrown })
  if (isSchemaGone(thrown)) return unavailable('the read model is not there', thrown, 'operator_needed')
  if (isPartAway(thrown)) return unavailable(`${thrown.name}: ${thrown.message}`, thrown)
  if (isUnstorableText(thrown))
    return new OAuthError('invalid_request', 'the request holds characters that cannot be stored', { cause: thrown })
  return null
}

/** Whether trying again later can help: the log, the read model or the database cannot answer now. */
export function isOutage(thrown: unknown): boolean {
  if (thrown instanceof OperatorError) return false
  const answer = thrown instanceof OAuthError ? thrown : knownError(thrown)
  return answer?.error === 'temporarily_unavailable'
}

function isPartAway(thrown: unknown): thrown is Error {
  if (!(thrown instanceof Error)) return false
  if ([AppendError, LogReadError, WaitTimeout, Unsettled, QueueFull].some((known) => thrown instanceof known))
    return true
  return isAway(thrown) || isPartAway(thrown.cause)
}
