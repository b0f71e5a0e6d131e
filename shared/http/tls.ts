import type { RequestListener, ServerOptions } from 'node:http'
import { createServer, type Server } from 'node:https'

/** A certificate, with those between it and a CA, and its key: both in PEM form. */
export type TlsPair = { cert: string; key: string }

/** Also where Node is told to speak older versions (RFC 8996). */
const FLOOR = { minVersion: 'TLSv1.2' } as const

const HANDSHAKE_MS = 10_000

/** A server that speaks nothing but TLS. Whoever cannot, or takes too long to begin, is cut off. */
export function createTlsServer(options: ServerOptions, pair: TlsPair, handle: RequestListener): Server {
  const server = createServer({ ...options, ...FLOOR, ...pair, handshakeTimeout: HANDSHAKE_MS }, handle)
  // Node has failed handshakes answered like malformed HTTP; nobody at the other end could read that.
  server.removeAllListeners('tlsClientError')
  return server.on('tlsClientError', (_error, socket) => socket.destroy())
}

/** Shows this certificate to connections that begin from now on; those that are open go on. */
export function showCertificate(server: Server, pair: TlsPair): void {
  server.setSecureContext({ ...FLOOR, ...pair })
}
