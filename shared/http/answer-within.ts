import type { HttpContext, HttpMiddleware } from './context.ts'
import { OAuthError, unavailable } from './oauth-error.ts'

/** How long after the append timeout a client has its answer at the latest. */
const MARGIN_MS = 500

/**
 * 503 when no answer is there `timeoutMs` and a little after the request, whatever hangs. What was begun goes on by
 * itself: repeating a refresh or a revocation is always safe. 408 when it is the request that has not arrived by then.
 */
export function answerWithin(timeoutMs: number): HttpMiddleware {
  return async (ctx, next) => {
    const limit = timeoutMs + MARGIN_MS
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(lateBecause(ctx, limit)), limit)
    })
    try {
      await Promise.race([next(), late])
    } finally {
      clearTimeout(timer)
    }
  }
}

/** A sender that dawdles must not look like an outage of ours, neither to itself nor in the log. */
function lateBecause({ req }: HttpContext, limit: number): OAuthError {
  if (req.complete) return unavailable(`no answer within ${limit} ms`)
  const headers = { Connection: 'close' }
  return new OAuthError('invalid_request', 'the request did not arrive in time', { status: 408, headers })
}
