import type { Logger } from 'pino'
import { clientAddress, type Trust } from './client-address.ts'
import type { HttpContext, HttpMiddleware } from './context.ts'
import { OAuthError } from './oauth-error.ts'

const REQUEST_ID_FORM = /^[\w.:-]{1,64}$/

const TRACEPARENT_FORM = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/

export function identifyRequest(trust: Trust): HttpMiddleware {
  return (ctx, next) => {
    const given = ctx.get('x-request-id')
    const traceparent = ctx.get('traceparent')
    ctx.state.requestId = REQUEST_ID_FORM.test(given) ? given : crypto.randomUUID()
    ctx.state.traceparent = TRACEPARENT_FORM.test(traceparent) ? traceparent : undefined
    ctx.state.clientAddress = clientAddress(ctx.req, trust)
    ctx.set('X-Request-Id', ctx.state.requestId)
    ctx.set('Cache-Control', 'no-store')
    ctx.set('Pragma', 'no-cache')
    return next()
  }
}

/** Credentials over plain HTTP are burnt, so say so at once instead of redirecting (RFC 6749 §3.2: TLS is a MUST). */
export function httpsCheck(trust: Trust, logger: Logger): HttpMiddleware {
  return (ctx, next) => {
    if (ctx.path.startsWith('/health/') || ctx.path === '/version' || isSecure(ctx, trust)) return next()
    logger.warn({ request_id: ctx.state.requestId, address: ctx.state.clientAddress }, 'plain HTTP request refused')
    throw new OAuthError('invalid_request', 'HTTPS is required')
  }
}

function isSecure(ctx: HttpContext, trust: Trust): boolean {
  if ('encrypted' in ctx.socket && ctx.socket.encrypted === true) return true
  // Only the nearest hop speaks about the connection it took; what stands left of its word is not ours to believe.
  const nearest = ctx.get('x-forwarded-proto').split(',').at(-1)?.trim().toLowerCase()
  return nearest === 'https' && trust(ctx.socket.remoteAddress ?? '', 0)
}
