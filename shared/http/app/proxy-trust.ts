import type { IncomingMessage } from 'node:http'
import { isIP, isIPv6 } from 'node:net'
import type { Logger } from 'pino'
import type { HttpContext, HttpMiddleware } from '../context.ts'
import { OAuthError } from '../oauth-error.ts'

const REQUEST_ID_FORM = /^[\w.:-]{1,64}$/

const TRACEPARENT_FORM = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/

/** Whether an address is a proxy of ours, `hop` steps before us. */
type Trust = (address: string, hop: number) => boolean

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

/** What stands for an address that is none. */
const UNKNOWN_ADDRESS = 'unknown'

/** More proxies than anybody has; what stands further left is not looked at. */
const MOST_HOPS = 32

/**
 * The address of the caller: from ourselves backwards through X-Forwarded-For, the first that is no trusted proxy.
 * Always an IP address in its short form, IPv4 also where IPv6 carries it, or `unknown`: whoever writes the header can
 * put neither text nor length into logs and events.
 */
function clientAddress(req: IncomingMessage, trust: Trust): string {
  let address = addressIn(req.socket.remoteAddress?.replace(/%.*$/, '') ?? '')
  const hops = forwardedFor(req)
  for (let hop = 0; address !== UNKNOWN_ADDRESS && trust(address, hop); hop++) {
    const before = hops[hop]
    if (before === undefined) return hop < MOST_HOPS ? address : UNKNOWN_ADDRESS
    address = addressIn(before)
  }
  return address
}

/** The entries of the header, nearest first. */
function forwardedFor({ headers }: IncomingMessage): string[] {
  const header = headers['x-forwarded-for']
  if (header === undefined || header === '') return []
  return String(header).split(',').slice(-MOST_HOPS).toReversed()
}

/** `[v6]`, `[v6]:port` and `v4:port`: what proxies write besides a bare address. */
const WITH_PORT = /^(?:\[([\da-f:.]+)\]|([\d.]+))(?::\d{1,5})?$/i

/** The address that an entry names, in one spelling. */
export function addressIn(entry: string): string {
  const text = entry.trim()
  const ported = WITH_PORT.exec(text)
  const address = ported?.[1] ?? ported?.[2] ?? text
  if (ported?.[1] !== undefined && !isIPv6(address)) return UNKNOWN_ADDRESS
  const family = isIP(address)
  if (family === 4) return address
  // Node takes a zone of any length for part of an address; outside of its own machine it means nothing.
  return family === 6 && !address.includes('%') ? shortIPv6(address) : UNKNOWN_ADDRESS
}

const MAPPED = /^::ffff:(?:(\d+\.\d+\.\d+\.\d+)|([\da-f]{1,4}):([\da-f]{1,4}))$/i

/** RFC 5952, but an IPv4-mapped address (RFC 4291 §2.5.5.2) is written as the IPv4 address that it stands for. */
function shortIPv6(address: string): string {
  const mapped = MAPPED.exec(address) ?? MAPPED.exec(normalIPv6(address))
  if (!mapped) return normalIPv6(address)
  const [, dotted, high = '', low = ''] = mapped
  if (dotted !== undefined) return dotted
  return [high, low].flatMap((part) => [parseInt(part, 16) >> 8, parseInt(part, 16) & 255]).join('.')
}

/** As URLs write it (WHATWG URL §3.5). */
function normalIPv6(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1)
}
