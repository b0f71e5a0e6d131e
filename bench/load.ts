import autocannon, { type Client } from 'autocannon'

/**
 * The load generator, in a process of its own: one keep-alive connection a token, each of which sends its next request when the answer
 * to the last one is there. In `chain` mode it presents the refresh token that it was given last, as a client does.
 */
type Order = { port: number; authorization: string; tokens: string[]; chain: boolean; measureMs: number }

export type LoadResult = {
  requests: number
  failures: number
  seconds: number
  p50: number
  p95: number
  p99: number
  tokens: string[]
}

process.on('message', (order: Order) => void run(order).then((result) => process.send?.(result)))

async function run({ port, authorization, tokens, chain, measureMs }: Order): Promise<LoadResult> {
  const latencies: number[] = []
  const latest = [...tokens]
  let failures = 0
  let connection = 0
  const started = performance.now()
  const { errors, timeouts } = await autocannon({
    url: `http://127.0.0.1:${port}/oauth2/token`,
    method: 'POST',
    headers: { authorization, 'content-type': 'application/x-www-form-urlencoded' },
    body: formOf(tokens[0]),
    connections: tokens.length,
    duration: measureMs / 1000,
    setupClient: (client) => drive(client, connection++),
  })
  const seconds = (performance.now() - started) / 1000
  latencies.sort((a, b) => a - b)
  const at = (share: number) => latencies[Math.floor((latencies.length - 1) * share)] ?? 0
  return {
    requests: latencies.length,
    failures: failures + errors + timeouts,
    seconds,
    p50: at(0.5),
    p95: at(0.95),
    p99: at(0.99),
    tokens: latest,
  }

  function drive(client: Client, i: number): void {
    client.setBody(formOf(latest[i]))
    client.on('response', (status, _bytes, milliseconds) => {
      if (status === 200) latencies.push(milliseconds)
      else failures++
    })
    if (!chain) return
    client.on('body', (body) => {
      const token = /"refresh_token":"([^"]+)"/.exec(body.toString('latin1'))?.[1]
      if (token === undefined) return
      latest[i] = token
      client.setBody(formOf(token))
    })
  }
}

function formOf(token = ''): string {
  return `grant_type=refresh_token&refresh_token=${token}`
}
