import { connect, type Socket } from 'node:net'

/**
 * The load generator, in a process of its own: `concurrency` keep-alive connections, each of which sends its next request when the
 * answer to the last one is there. In `chain` mode it presents the refresh token that it was given last, as a client does.
 */
type Order = {
  host: string
  port: number
  authorization: string
  tokens: string[]
  chain: boolean
  warmMs: number
  measureMs: number
}

export type LoadResult = {
  requests: number
  failures: number
  seconds: number
  p50: number
  p95: number
  p99: number
  tokens: string[]
}

process.on('message', (order: Order) => {
  void run(order).then((result) => process.send?.(result))
})

async function run(order: Order): Promise<LoadResult> {
  const started = performance.now()
  const from = started + order.warmMs
  const until = from + order.measureMs
  const latencies: number[] = []
  const tokens = [...order.tokens]
  let failures = 0
  await Promise.all(order.tokens.map((_, i) => drive(i)))
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * share))] ?? 0
  return {
    requests: latencies.length,
    failures,
    seconds: order.measureMs / 1000,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    tokens,
  }

  async function drive(i: number): Promise<void> {
    const exchange = await openConnection(order)
    while (performance.now() < until) {
      const sent = performance.now()
      const { status, body } = await exchange(requestOf(order, tokens[i] ?? ''))
      const done = performance.now()
      if (done >= from && done < until) {
        if (status === 200) latencies.push(done - sent)
        else failures++
      }
      if (order.chain && status === 200) tokens[i] = /"refresh_token":"([^"]+)"/.exec(body)?.[1] ?? ''
    }
    exchange.close()
  }
}

function requestOf({ host, port, authorization }: Order, token: string): string {
  const body = `grant_type=refresh_token&refresh_token=${token}`
  return [
    'POST /oauth2/token HTTP/1.1',
    `Host: ${host}:${port}`,
    `Authorization: ${authorization}`,
    'Content-Type: application/x-www-form-urlencoded',
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n')
}

type Answer = { status: number; body: string }

async function openConnection({ host, port }: Order) {
  const socket: Socket = connect(port, host)
  socket.setNoDelay(true)
  socket.setEncoding('latin1')
  let received = ''
  let waiting: ((answer: Answer) => void) | null = null
  socket.on('data', (chunk: string) => {
    received += chunk
    const end = received.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = Number(/content-length: (\d+)/i.exec(received)?.[1] ?? 0)
    if (received.length < end + 4 + length) return
    const answer = { status: Number(received.slice(9, 12)), body: received.slice(end + 4, end + 4 + length) }
    received = received.slice(end + 4 + length)
    waiting?.(answer)
  })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  const exchange = (request: string) =>
    new Promise<Answer>((resolve) => {
      waiting = resolve
      socket.write(request)
    })
  return Object.assign(exchange, { close: () => socket.destroy() })
}
