import type { Middleware } from 'koa'
import type { Logger } from 'pino'
import type { HttpState } from '../context.ts'

const MAX_PATH = 200

/**
 * One line a request, from a list of harmless fields: never a header, a query or a body.
 */
export function logAccess(logger: Logger): Middleware<HttpState> {
  return async (ctx, next) => {
    const start = performance.now()
    await next()
    if (!logger.isLevelEnabled('info')) return
    logger.info(
      {
        method: ctx.method,
        path: harmlessPath(ctx.path),
        status: ctx.status,
        ms: Math.round((performance.now() - start) * 10) / 10,
        request_id: ctx.state.requestId,
        client_id: ctx.state.client_id,
        address: ctx.state.clientAddress,
        error: ctx.state.error,
        // Why, in a word that the client is not told: `client_mismatch`, `reuse`, `generation_ahead` …
        reason: ctx.state.reason,
      },
      'request',
    )
  }
}

const TOKEN_IN_PATH = /tl(_|%5f)(at|rt|ac)(_|%5f)[\w%-]+/gi
const ADDRESS = /@|%40/i

/** Somebody will put a token or a mail address into a path by mistake, encoded or not; the log must not keep it. */
function harmlessPath(path: string): string {
  const parts = path.split('/').map((part) => (ADDRESS.test(part) ? '...@...' : part))
  return parts.join('/').slice(0, MAX_PATH).replace(TOKEN_IN_PATH, 'tl_$2_...')
}
