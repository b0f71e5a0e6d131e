import cors from '@koa/cors'
import type { HttpMiddleware } from '../context.ts'

const MAX_AGE_SECONDS = 600

/**
 * Lets pages of any origin ask these paths and read the answers, errors too (CORS). Whoever asks proves itself in the
 * request: a browser adds nothing by itself that would count here, and is told to send no credentials of its own.
 */
export function crossOrigin(paths: readonly string[]): HttpMiddleware {
  const open = new Set(paths)
  const answer = cors({
    origin: '*',
    allowMethods: ['GET', 'POST'],
    allowHeaders: ['Authorization', 'Content-Type', 'X-Request-Id', 'Traceparent'],
    exposeHeaders: ['WWW-Authenticate', 'Retry-After', 'X-Request-Id'],
    maxAge: MAX_AGE_SECONDS,
    keepHeadersOnError: false,
  })
  return async (ctx, next) => {
    await (open.has(ctx.path) ? answer(ctx, next) : next())
  }
}
