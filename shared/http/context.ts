import Router from '@koa/router'
import Koa, { type Middleware } from 'koa'

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
  /** The code of the error that was answered; for the access log. */
  error?: string
  /** Why the request was refused, for the access log: never told to the client. */
  reason?: string | undefined
}

export type HttpContext = Koa.ParameterizedContext<HttpState>

export type HttpRouter = Router<HttpState>

export type HttpMiddleware = Middleware<HttpState>
