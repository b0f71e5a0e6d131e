import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { OperatorError } from '../../../../shared/config/operator-error.ts'

const HOST = '127.0.0.1'
const PATH = '/callback'

export type Callback = {
  /** Where the browser comes back to (RFC 8252 §7.3). */
  redirect_uri: string
  /** Gives every answer with this state to `handle`, until one is taken; what comes of that is told in the browser. */
  answer<T>(state: string, handle: (answer: URL) => Promise<T>): Promise<T>
  close(): void
}

/** Listens on loopback for one answer. `port` 0: any. OperatorError where it cannot. */
export async function openCallback(port: number): Promise<Callback> {
  const server = createServer()
  server.listen(port, HOST)
  await once(server, 'listening').catch((cause: unknown) => {
    throw new OperatorError(`--redirect-port: cannot listen on ${HOST}:${port}: ${String(cause)}`, { cause })
  })
  const redirect_uri = `http://${HOST}:${(server.address() as AddressInfo).port}${PATH}`
  return {
    redirect_uri,
    answer: (state, handle) =>
      new Promise((resolve, reject) => {
        server.on('request', (request, response) => {
          const url = new URL(request.url ?? '/', redirect_uri)
          if (request.method !== 'GET' || url.pathname !== PATH) return tell(response, 404, 'Nothing is here.')
          // Any page in the browser can ask this port: what is not ours must not end the command.
          if (url.searchParams.get('state') !== state) return tell(response, 400, STRANGE)
          handle(new URL(`${redirect_uri}${url.search}`)).then(
            (value) => tell(response, 200, DONE, () => resolve(value)),
            (error: unknown) => tell(response, 200, FAILED, () => reject(asError(error))),
          )
        })
      }),
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error))
}

const DONE = 'You may close this page: the tokens are in the terminal.'
const FAILED = 'You may close this page: the terminal says why there are no tokens.'
const STRANGE = 'This answer does not belong to the command that is waiting here.'

function tell(response: ServerResponse, status: number, sentence: string, then: () => void = () => undefined): void {
  response.once('close', then)
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Cache-Control': 'no-store',
    'Referrer-Policy': 'no-referrer',
    Connection: 'close',
  })
  response.end(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>token-ledger</title></head>
<body><main><h1>token-ledger</h1><p>${sentence}</p></main></body></html>
`)
}
