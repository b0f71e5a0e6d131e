import type { HttpMiddleware } from './create-app.ts'
import { unavailable } from './oauth-error.ts'

/** How long after the append timeout a client has its answer at the latest. */
const MARGIN_MS = 500

/**
 * 503 when no answer is there `timeoutMs` and a little after the request, whatever hangs. What was begun goes on by itself:
 * repeating a refresh or a revocation is always safe.
 */
export function answerWithin(timeoutMs: number): HttpMiddleware {
  return async (_ctx, next) => {
    const limit = timeoutMs + MARGIN_MS
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(unavailable(`no answer within ${limit} ms`)), limit)
    })
    try {
      await Promise.race([next(), late])
    } finally {
      clearTimeout(timer)
    }
  }
}
