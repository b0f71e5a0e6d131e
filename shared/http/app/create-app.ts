import Router from '@koa/router'
import Koa from 'koa'
import type { Logger } from 'pino'
import proxyAddr from 'proxy-addr'
import { logAccess } from './access-log.ts'
import { type Audience, securityHeaders } from './audience.ts'
import type { HttpMiddleware, HttpRouter, HttpState } from '../context.ts'
import { crossOrigin } from './cross-origin.ts'
import { dropRest } from './drop-rest.ts'
import { OAuthError } from '../oauth-error.ts'
import { httpsCheck, identifyRequest } from './proxy-trust.ts'
import { type ErrorPage, type KnownError, renderErrors } from './render-errors.ts'

export type HttpAppOptions = {
  for: Audience
  /** How people in their browsers are told of an error; without it everybody gets JSON. */
  errorPage?: ErrorPage | undefined
  logger: Logger
  /** What the errors of our parts mean to a client. */
  known: KnownError
  /** Refuse plain requests; `/health/` and `/version` are exempt, because probes come from inside. */
  requireHttps: boolean
  /** Addresses, networks or proxy-addr names whose X-Forwarded-* headers count. Empty = nobody's. */
  trustedProxies: readonly string[]
  /** Paths that pages of any origin may ask. Default: none. */
  crossOrigin?: readonly string[]
  /** What else answers on this port: a path of it is there, and takes other methods. */
  beside?: HttpRouter | undefined
}

export type HttpApp = { app: Koa<HttpState>; router: HttpRouter }

/**
 * A Koa application whose every answer is no-store and carries a request id. An error is JSON, or a small page for
 * people: malformed requests 4xx, what is `known` as it says, bugs 500. Add routes to `router`, then listen.
 */
export function createHttpApp(options: HttpAppOptions): HttpApp {
  const app = new Koa<HttpState>()
  // A path is one path: a proxy's rule for `/oauth2/token` must not be passed by another spelling of it.
  const router: HttpRouter = new Router<HttpState>({ sensitive: true, strict: true })
  const trust = proxyAddr.compile([...options.trustedProxies])
  app.on('error', (error: Error) => options.logger.error({ problem: error.message }, 'response failed'))
  app.use(dropRest)
  app.use(identifyRequest(trust))
  app.use(logAccess(options.logger))
  app.use(securityHeaders(options.for, options.requireHttps))
  // Before errors are rendered: a page must be able to read those as well.
  app.use(crossOrigin(options.crossOrigin ?? []))
  app.use(renderErrors(options))
  app.use(refuseTwice)
  if (options.requireHttps) app.use(httpsCheck(trust, options.logger))
  app.use(routeCheck(options.beside))
  // Routes added later are found as well.
  app.use(router.routes())
  app.use(router.allowedMethods())
  return { app, router }
}

/** Node keeps the first of two of these, a proxy before us might have read the last. */
const ONCE = new Map([
  ['authorization', 'Authorization'],
  ['content-type', 'Content-Type'],
  ['host', 'Host'],
])

const LENGTHS = new Set([...ONCE.keys()].map(({ length }) => length))

const refuseTwice: HttpMiddleware = (ctx, next) => {
  const seen = new Set<string>()
  const { rawHeaders } = ctx.req
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const header = rawHeaders[at] ?? ''
    const name = LENGTHS.has(header.length) ? ONCE.get(header.toLowerCase()) : undefined
    if (name === undefined) continue
    if (seen.has(name)) throw new OAuthError('invalid_request', `more than one ${name} header`)
    seen.add(name)
  }
  return next()
}

/** An error of ours for the router's own 404, 405 and 501, with the Allow header it set. */
const routeCheck =
  (beside?: HttpRouter): HttpMiddleware =>
  async (ctx, next) => {
    await next()
    if (ctx.body !== undefined && ctx.body !== null) return
    const { status, method } = ctx
    const there = status === 404 && beside ? beside.match(ctx.path, method).path : []
    if (there.length > 0) ctx.set('Allow', [...new Set(there.flatMap(({ methods }) => methods))].join(', '))
    else if (status === 404) throw new OAuthError('not_found', 'there is nothing at this path')
    if (there.length > 0 || status === 405 || status === 501)
      throw new OAuthError('invalid_request', `${method} is not allowed here`, { status: 405 })
  }
