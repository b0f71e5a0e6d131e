import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type Koa from 'koa'
import type { Logger } from 'pino'

const REQUEST_TIMEOUT_MS = 30_000
const HEADERS_TIMEOUT_MS = 10_000
/** Longer than common load balancers keep a connection, so that they close first and never send into a closed one. */
const KEEP_ALIVE_MS = 65_000
const IDLE_SWEEP_MS = 100

export type Listener = {
  /** The real port, also when 0 was asked for. */
  port: number
  /** `http://host:port` of this listener. */
  url: string
  /** Takes no new connection and resolves when every request under way is answered, or cut off after `graceMs`. */
  close(graceMs: number): Promise<void>
}

/** Listens on this address; rejects when that is impossible (port taken, unknown host). */
export async function listen<S>(app: Koa<S>, { host, port }: { host: string; port: number }): Promise<Listener> {
  const handle = app.callback()
  const timeouts = {
    requestTimeout: REQUEST_TIMEOUT_MS,
    headersTimeout: HEADERS_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
  }
  // Node's own answer to a request without a Host has no body: ours is JSON.
  const server = createServer({ ...timeouts, requireHostHeader: false }, (request, response) => {
    if (!server.listening) response.setHeader('Connection', 'close')
    if (request.httpVersion === '1.1' && request.headers.host === undefined) return refuse(response, MALFORMED)
    void handle(request, response)
  })
  server.on('clientError', answerMalformed)
  server.on('checkExpectation', (_request, response: ServerResponse) => refuse(response, EXPECTATION_FAILED))
  server.listen(port, host)
  await once(server, 'listening')
  const bound = portOf(server)
  const name = host.includes(':') ? `[${host}]` : host
  return { port: bound, url: `http://${name}:${bound}`, close: (graceMs) => closeServer(server, graceMs) }
}

function portOf(server: Server): number {
  const address = server.address() as AddressInfo
  return address.port
}

type Refused = { status: string; description: string }

const MALFORMED: Refused = { status: '400 Bad Request', description: 'malformed HTTP' }
const EXPECTATION_FAILED: Refused = { status: '417 Expectation Failed', description: 'this expectation cannot be met' }

/** By Node's code of what is wrong; anything else is malformed. */
const REFUSED: Partial<Record<string, Refused>> = {
  HPE_HEADER_OVERFLOW: { status: '431 Request Header Fields Too Large', description: 'the header is too large' },
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', description: 'the request did not arrive in time' },
}

/** What is not HTTP gets the same kind of answer as a malformed token request. */
function answerMalformed(error: Error & { code?: string }, socket: Socket | import('node:stream').Duplex): void {
  if (!socket.writable) return
  const refused = REFUSED[error.code ?? ''] ?? MALFORMED
  const { headers, body } = refusalOf(refused)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${refused.status}`, ...lines, '', body].join('\r\n'))
}

/** Answers a request that is HTTP, but that no application should see. */
function refuse(response: ServerResponse, refused: Refused): void {
  const { headers, body } = refusalOf(refused)
  response.writeHead(parseInt(refused.status), headers).end(body)
}

function refusalOf({ description }: Refused) {
  const body = JSON.stringify({ error: 'invalid_request', error_description: description })
  const headers = {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': body.length,
    'Cache-Control': 'no-store',
    Pragma: 'no-cache',
    Connection: 'close',
  }
  return { headers, body }
}

async function closeServer(server: Server, graceMs: number): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  // A connection that is busy now is idle after its answer, and would otherwise be kept alive for a minute.
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS)
  const cut = setTimeout(() => server.closeAllConnections(), graceMs)
  await closed
  clearInterval(sweep)
  clearTimeout(cut)
}

export type Lifecycle = {
  /** True from the moment that stopping began: readiness must answer 503 then. */
  stopping(): boolean
  /** Registers what must be closed, in the order in which it was opened; stopping closes in the reverse order. */
  onStop(name: string, close: () => Promise<unknown>): void
  /** Begins to stop, or joins the stop under way. Resolves to false when a part failed or the hard limit passed. */
  stop(): Promise<boolean>
}

export type LifecycleOptions = {
  logger: Logger
  /** How long to go on serving after readiness turned 503, so that load balancers notice. */
  drainMs: number
  /** After this long in all, stopping gives up waiting. */
  hardLimitMs: number
}

/** One orderly end for a whole process: not ready, wait, close in reverse order of opening, within a hard limit. */
export function createLifecycle({ logger, drainMs, hardLimitMs }: LifecycleOptions): Lifecycle {
  const parts: { name: string; close: () => Promise<unknown> }[] = []
  let stopped: Promise<boolean> | null = null

  const closeParts = async (): Promise<boolean> => {
    await pause(drainMs)
    let clean = true
    for (const { name, close } of parts.toReversed())
      await close().catch((error: unknown) => {
        // One part that cannot close must not keep the next ones open.
        logger.error({ part: name, problem: String(error) }, 'closing failed')
        clean = false
      })
    return clean
  }

  return {
    stopping: () => stopped !== null,
    onStop: (name, close) => void parts.push({ name, close }),
    stop: () => (stopped ??= within(closeParts(), hardLimitMs)),
  }
}

/** SIGTERM and SIGINT stop the process in order; a second signal ends it at once. */
export function stopOnSignals(lifecycle: Lifecycle, exit: (code: number) => void): void {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.on(signal, () => {
      if (lifecycle.stopping()) return exit(1)
      void lifecycle.stop().then((clean) => exit(clean ? 0 : 1))
    })
}

async function within(work: Promise<boolean>, ms: number): Promise<boolean> {
  const limit = new AbortController()
  const late = pause(ms, limit.signal).then(() => false)
  const clean = await Promise.race([work, late])
  limit.abort()
  return clean
}

function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms)
    signal?.addEventListener('abort', () => clearTimeout(timer))
  })
}
