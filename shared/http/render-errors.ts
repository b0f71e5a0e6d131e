import type { Logger } from 'pino'
import { codeOf, SQLSTATE_BAD_TEXT } from '../database/away.ts'
import { AppendError } from '../event-log/event-log.ts'
import { isUnavailable, messageOf } from '../process/known-errors.ts'
import type { HttpMiddleware } from './context.ts'
import { errorBody, OAuthError, unavailable } from './oauth-error.ts'

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

/** The 4xx of an http-errors error: Koa, its router and its body parser throw those for malformed requests. */
function clientStatusOf(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !('status' in thrown) || typeof thrown.status !== 'number') return null
  return thrown.status >= 400 && thrown.status < 500 ? thrown.status : null
}

export function renderErrors(logger: Logger): HttpMiddleware {
  return async (ctx, next) => {
    try {
      await next()
    } catch (thrown) {
      const error = errorOf(thrown)
      logError(logger, error, ctx.state.requestId)
      ctx.state.reason = error.reason
      ctx.status = error.status
      ctx.set(error.headers)
      ctx.body = errorBody(error)
    }
  }
}

/** Outages and bugs only: a refusal stands in the access log. Never the error object itself, it may hold a request body. */
function logError(logger: Logger, error: OAuthError, request_id: string): void {
  if (error.status === 503) logger.warn({ request_id, reason: error.reason }, 'unavailable')
  else if (error.status >= 500) logger.error({ request_id, stack: stacksOf(error.cause ?? error) }, 'bug')
}

function stacksOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return typeof thrown
  const stack = thrown.stack ?? thrown.message
  return thrown.cause === undefined ? stack : `${stack}\ncaused by ${stacksOf(thrown.cause)}`
}
