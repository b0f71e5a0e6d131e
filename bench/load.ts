import { Agent, request } from 'node:http'
import autocannon, { type Client } from 'autocannon'

/**
 * The load generator, in a process of its own: one keep-alive connection a token, each of which sends its next request
 * when the answer to the last one is there. It presents the refresh token that it was given last, as a client does.
 *
 * `autocannon` costs little itself, so bare Koa shows its own limit. `http` is Node's own client, as applications use
 * it: it costs more than Koa does, so what it measures of bare Koa is mostly itself.
 */
export type Generator = 'autocannon' | 'http'
type Order = { generator: Generator; port: number; authorization: string; tokens: string[]; measureMs: number }

export type LoadResult = {
  requests: number
  failures: number
  seconds: number
  p50: number
  p95: number
  p99: number
  tokens: string[]
}

/** What both generators report to: the answers so far, and each connection's latest token. */
type Tally = { latencies: number[]; failures: number; latest: string[] }

process.on('message', (order: Order) => void run(order).then((result) => process.send?.(result)))

async function run(order: Order): Promise<LoadResult> {
  const tally: Tally = { latencies: [], failures: 0, latest: [...order.tokens] }
  const started = performance.now()
  await (order.generator === 'http' ? driveHttp(order, tally) : driveAutocannon(order, tally))
  const seconds = (performance.now() - started) / 1000
  const { latencies, failures, latest } = tally
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor((latencies.length - 1) * share)] ?? 0
  return { requests: latencies.length, failures, seconds, p50: at(0.5), p95: at(0.95), p99: at(0.99), tokens: latest }
}

function note(tally: Tally, status: number, milliseconds: number): void {
  if (status === 200) tally.latencies.push(milliseconds)
  else tally.failures++
}

async function driveAutocannon({ port, authorization, tokens, measureMs }: Order, tally: Tally): Promise<void> {
  let connection = 0
  const { errors, timeouts } = await autocannon({
    url: `http://127.0.0.1:${port}/oauth2/token`,
    method: 'POST',
    headers: headersOf(authorization),
    body: formOf(tokens[0]),
    connections: tokens.length,
    duration: measureMs / 1000,
    setupClient: (client) => drive(client, connection++),
  })
  tally.failures += errors + timeouts

  function drive(client: Client, i: number): void {
    client.setBody(formOf(tally.latest[i]))
    client.on('response', (status, _bytes, milliseconds) => note(tally, status, milliseconds))
    client.on('body', (body) => {
      const token = tokenIn(body.toString('latin1'))
      if (token === undefined) return
      tally.latest[i] = token
      client.setBody(formOf(token))
    })
  }
}

async function driveHttp({ port, authorization, tokens, measureMs }: Order, tally: Tally): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: tokens.length })
  const until = performance.now() + measureMs
  await Promise.all(tokens.map((_, i) => drive(i)))
  agent.destroy()

  async function drive(i: number): Promise<void> {
    while (performance.now() < until) {
      const sent = performance.now()
      const { status, body } = await post(formOf(tally.latest[i]))
      note(tally, status, performance.now() - sent)
      tally.latest[i] = tokenIn(body) ?? tally.latest[i] ?? ''
    }
  }

  function post(body: string): Promise<{ status: number; body: string }> {
    const headers = { ...headersOf(authorization), 'content-length': body.length }
    return new Promise((resolve, reject) => {
      const sending = request({ host: '127.0.0.1', port, path: '/oauth2/token', method: 'POST', agent, headers })
      sending.once('error', reject).once('response', (response) => {
        let text = ''
        response.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
        response.once('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
      })
      sending.end(body)
    })
  }
}

function headersOf(authorization: string): Record<string, string> {
  return { authorization, 'content-type': 'application/x-www-form-urlencoded' }
}

function tokenIn(body: string): string | undefined {
  return /"refresh_token":"([^"]+)"/.exec(body)?.[1]
}

function formOf(token = ''): string {
  return `grant_type=refresh_token&refresh_token=${token}`
}
