import Router from '@koa/router'
import Koa from 'koa'
import type { Middleware } from 'koa'
import helmet from 'koa-helmet'
import type { Logger } from 'pino'
import proxyAddr from 'proxy-addr'
import { logAccess } from './access-log.ts'
import { errorOf } from './error-of.ts'
import { errorBody, OAuthError } from './oauth-error.ts'

/** What every handler finds in `ctx.state`. */
export type HttpState = {
  /** Taken from X-Request-Id when it is harmless, else made; sent back, logged and written into events. */
  requestId: string
  /** W3C trace context as received, if well-formed. */
  traceparent: string | undefined
  /** Address of the caller, seen through the trusted proxies. */
  clientAddress: string
  /** Set by whoever authenticates the client; for the access log. */
  client_id?: string
  /** Why the request was refused, for the access log: never told to the client. */
  reason?: string | undefined
}

export type HttpContext = Koa.ParameterizedContext<HttpState>
export type HttpRouter = Router<HttpState>
export type HttpMiddleware = Middleware<HttpState>

export type HttpAppOptions = {
  logger: Logger
  /** Refuse plain requests; `/health/` and `/version` are exempt, because probes come from inside. */
  requireHttps: boolean
  /** Addresses, networks or proxy-addr names whose X-Forwarded-* headers count. Empty = nobody's. */
  trustedProxies: readonly string[]
}

export type HttpApp = { app: Koa<HttpState>; router: HttpRouter }

/**
 * A Koa application whose every answer is no-store, carries a request id and is JSON when it is an error: malformed
 * requests 4xx, outages of log or database 503 with Retry-After, bugs 500. Add routes to `router`, then listen.
 */
export function createHttpApp(options: HttpAppOptions): HttpApp {
  const app = new Koa<HttpState>()
  const router: HttpRouter = new Router<HttpState>()
  const trust = proxyAddr.compile([...options.trustedProxies])
  app.on('error', (error: Error) => options.logger.error({ problem: error.message }, 'response failed'))
  app.use(identifyRequest(trust))
  app.use(logAccess(options.logger))
  app.use(securityHeaders(options.requireHttps))
  app.use(renderErrors(options.logger))
  app.use(refuseTwoAuthorizations)
  if (options.requireHttps) app.use(httpsCheck(trust, options.logger))
  app.use(routeCheck)
  // Routes added later are found as well.
  app.use(router.routes())
  app.use(router.allowedMethods())
  return { app, router }
}

const REQUEST_ID_FORM = /^[\w.:-]{1,64}$/
const TRACEPARENT_FORM = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/

type Trust = (address: string, hop: number) => boolean

function identifyRequest(trust: Trust): HttpMiddleware {
  return (ctx, next) => {
    const given = ctx.get('x-request-id')
    const traceparent = ctx.get('traceparent')
    ctx.state.requestId = REQUEST_ID_FORM.test(given) ? given : crypto.randomUUID()
    ctx.state.traceparent = TRACEPARENT_FORM.test(traceparent) ? traceparent : undefined
    ctx.state.clientAddress = proxyAddr(ctx.req, trust)
    ctx.set('X-Request-Id', ctx.state.requestId)
    ctx.set('Cache-Control', 'no-store')
    ctx.set('Pragma', 'no-cache')
    return next()
  }
}

/** For an API that serves no pages: nothing may be loaded, framed or sniffed. A page sets a policy of its own. */
function securityHeaders(https: boolean): HttpMiddleware {
  return helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    strictTransportSecurity: https && { maxAge: 31_536_000 },
    xDnsPrefetchControl: false,
    xDownloadOptions: false,
    xPermittedCrossDomainPolicies: false,
    xXssProtection: false,
    originAgentCluster: false,
  })
}

function renderErrors(logger: Logger): HttpMiddleware {
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

/** Node keeps the first of two Authorization headers, a proxy before us might have checked the last. */
const refuseTwoAuthorizations: HttpMiddleware = (ctx, next) => {
  let seen = 0
  const { rawHeaders } = ctx.req
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.length === 'authorization'.length && rawHeaders[at]?.toLowerCase() === 'authorization') seen++
  if (seen > 1) throw new OAuthError('invalid_request', 'more than one Authorization header')
  return next()
}

/** Credentials over plain HTTP are burnt, so say so at once instead of redirecting (RFC 6749 §3.2: TLS is a MUST). */
function httpsCheck(trust: Trust, logger: Logger): HttpMiddleware {
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

/** JSON for the router's own 404, 405 and 501, with the Allow header it set. */
const routeCheck: HttpMiddleware = async (ctx, next) => {
  await next()
  if (ctx.body !== undefined && ctx.body !== null) return
  if (ctx.status === 404) throw new OAuthError('not_found', 'there is nothing at this path')
  if (ctx.status === 405 || ctx.status === 501)
    throw new OAuthError('invalid_request', `${ctx.method} is not allowed here`, { status: 405 })
}
