import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { ExecutionContext } from 'ava'

export type Application = {
  /** Its origin, of another site than the ledger's. */
  url: string
  /** What came back to /cb, in its order: the parameters of each answer. */
  arrived: Record<string, string>[]
}

/**
 * An application on another site than the ledger's. `/start?TO` links to TO; `/cb` takes an answer; `/onward` takes it
 * too and sends it on to an app of the device; what `pages` names is answered as HTML.
 */
export async function startApplication(
  t: Pick<ExecutionContext, 'teardown'>,
  { host = 'localhost', pages = {} }: { host?: 'localhost' | '[::1]'; pages?: Record<string, string> } = {},
): Promise<Application> {
  const arrived: Application['arrived'] = []
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, search, searchParams } = new URL(request.url ?? '/', url)
    const html = (text: string) =>
      response
        .writeHead(200, { 'content-type': 'text/html' })
        .end(`<!doctype html><link rel="icon" href="data:,"><title>Application</title>${text}`)
    if (pathname === '/start') return html(`<a href="${escaped(search.slice(1))}">Go to the login</a>`)
    if (pathname === '/onward') return response.writeHead(302, { location: `com.example.app:/cb${search}` }).end()
    if (pathname === '/cb') {
      arrived.push(Object.fromEntries(searchParams))
      return html('<h1>You are back</h1>')
    }
    const page = pages[pathname]
    return page === undefined ? response.writeHead(404).end() : html(page)
  }
  const server = createServer(answer)
  server.listen(0, host === '[::1]' ? '::1' : '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  const url = `http://${host}:${(server.address() as AddressInfo).port}`
  return { url, arrived }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('"', '&quot;')
}
