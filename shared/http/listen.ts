import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { Server as TlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createTlsServer, showCertificate, type TlsPair } from './tls.ts'

/** Longer than common load balancers keep a connection, so that they close first and never send into a closed one. */
const KEEP_ALIVE_MS = 65_000

const IDLE_SWEEP_MS = 100

/** How often Node looks for requests that are late; its own 30 s would be added to every timeout. */
const TIMEOUT_SWEEP_MS = 1_000

export type Listener = {
  /** The real port, also when 0 was asked for. */
  port: number
  /** `http://host:port` of this listener, or `https:`. */
  url: string
  /** Shows this certificate to new connections, where TLS is spoken. */
  renew(tls: TlsPair): void
  /** Takes no new connection and resolves when every request under way is answered, or cut off after `graceMs`. */
  close(graceMs: number): Promise<void>
}

/** A Koa application, or what stands before several. */
type App = { callback(): RequestListener }

export type Address = {
  host: string
  port: number
  /** Absent: plain HTTP. */
  tls?: TlsPair | undefined
  /** How long a request and its headers may take to arrive. */
  patience?: { requestMs: number; headersMs: number }
}

const PATIENCE = { requestMs: 30_000, headersMs: 10_000 }

/** Listens on this address; rejects when that is impossible (port taken, unknown host). */
export async function listen(app: App, { host, port, tls, patience = PATIENCE }: Address): Promise<Listener> {
  const handle = app.callback()
  const options = {
    requestTimeout: patience.requestMs,
    headersTimeout: patience.headersMs,
    connectionsCheckingInterval: TIMEOUT_SWEEP_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // Node's own answer to a request without a Host has no body: ours is JSON.
    requireHostHeader: false,
  }
  const answer: RequestListener = (request, response) => {
    if (!server.listening) response.setHeader('Connection', 'close')
    if (request.httpVersion === '1.1' && request.headers.host === undefined) return refuse(response, MALFORMED)
    void handle(request, response)
  }
  const secure = tls && createTlsServer(options, tls, answer)
  const server = secure ?? createServer(options, answer)
  // Their size is limited: a header that is dropped for their number would be seen by a proxy, and not by us.
  server.maxHeadersCount = 0
  server.on('clientError', answerMalformed)
  server.on('checkExpectation', (_request, response: ServerResponse) => refuse(response, EXPECTATION_FAILED))
  const cut = cutterOf(server)
  server.listen(port, host)
  await once(server, 'listening')
  const bound = portOf(server)
  const name = host.includes(':') ? `[${host}]` : host
  return {
    port: bound,
    url: `${secure ? 'https' : 'http'}://${name}:${bound}`,
    renew: (pair) => secure && showCertificate(secure, pair),
    close: (graceMs) => closeServer(server, graceMs, cut),
  }
}

type AnyServer = Server | TlsServer

/** Ends every connection, also one that has not begun to speak TLS yet, of which Node's own list knows nothing. */
function cutterOf(server: AnyServer): () => void {
  const open = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  return () => open.forEach((socket) => socket.destroy())
}

function portOf(server: AnyServer): number {
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
function answerMalformed(error: Error & { code?: string }, socket: Duplex): void {
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

async function closeServer(server: AnyServer, graceMs: number, cutAll: () => void): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  // A connection that is busy now is idle after its answer, and would otherwise be kept alive for a minute.
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS)
  const cut = setTimeout(cutAll, graceMs)
  await closed
  clearInterval(sweep)
  clearTimeout(cut)
}
