import type { Logger } from 'pino'
import type { HttpContext, HttpMiddleware } from '../context.ts'
import { errorBody, OAuthError } from '../oauth-error.ts'

/** What an error means that did not come from HTTP; `null`: nothing that is known. */
export type KnownError = (thrown: unknown) => OAuthError | null

/** A whole page that tells a person of an error. */
export type ErrorPage = (error: OAuthError, requestId: string) => string

type Rendering = { logger: Logger; known: KnownError; errorPage?: ErrorPage | undefined }

/** Answers whatever is thrown: itself, what it is known for, a 4xx for malformed requests, else 500 for a bug. */
export function renderErrors({ logger, known, errorPage }: Rendering): HttpMiddleware {
  return async (ctx, next) => {
    try {
      await next()
    } catch (thrown) {
      const error = errorOf(thrown, known)
      logError(logger, error, ctx.state.requestId)
      ctx.state.error = error.error
      ctx.state.reason = error.reason
      ctx.status = error.status
      ctx.set(error.headers)
      render(ctx, error, errorPage)
    }
  }
}

function errorOf(thrown: unknown, known: KnownError): OAuthError {
  if (thrown instanceof OAuthError) return thrown
  const answer = known(thrown)
  if (answer) return answer
  const status = clientStatusOf(thrown)
  if (status) return new OAuthError('invalid_request', 'the request is malformed', { status, cause: thrown })
  return new OAuthError('server_error', 'the service has a problem of its own', { cause: thrown })
}

/** The 4xx of an http-errors error: Koa, its router and its body parser throw those for malformed requests. */
function clientStatusOf(thrown: unknown): number | null {
  if (!(thrown instanceof Error) || !('status' in thrown) || typeof thrown.status !== 'number') return null
  return thrown.status >= 400 && thrown.status < 500 ? thrown.status : null
}

/** A program that calls a page's address still gets its JSON. */
function render(ctx: HttpContext, error: OAuthError, errorPage: ErrorPage | undefined): void {
  if (!errorPage || ctx.accepts('html', 'json') !== 'html') {
    ctx.body = errorBody(error)
  } else {
    ctx.type = 'html'
    ctx.body = errorPage(error, ctx.state.requestId)
  }
}

/**
 * Outages and bugs only: a refusal stands in the access log. Never the error object itself, it may hold a request body.
 */
function logError(logger: Logger, error: OAuthError, request_id: string): void {
  const { alarm, reason } = error
  if (alarm !== undefined) logger.error({ alarm, request_id, reason }, 'unavailable, and somebody has to look')
  else if (error.status === 503) logger.warn({ request_id, reason }, 'unavailable')
  else if (error.status >= 500) logger.error({ request_id, stack: stacksOf(error.cause ?? error) }, 'bug')
}

function stacksOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return typeof thrown
  const stack = thrown.stack ?? thrown.message
  return thrown.cause === undefined ? stack : `${stack}\ncaused by ${stacksOf(thrown.cause)}`
}
