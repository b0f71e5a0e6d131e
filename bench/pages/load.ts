import autocannon from 'autocannon'

/** The load generator, in a process of its own: the same page again and again, on each connection. */
export type PageOrder = { url: string; headers: Record<string, string>; connections: number; each: number }

export type PagesLoaded = { answered: number; failures: number }

process.on('message', (order: PageOrder) => void run(order).then((loaded) => process.send?.(loaded)))

async function run({ url, headers, connections, each }: PageOrder): Promise<PagesLoaded> {
  const loaded: PagesLoaded = { answered: 0, failures: 0 }
  const { errors, timeouts } = await autocannon({
    ...{ url, method: 'GET', headers, connections, amount: connections * each },
    setupClient: (client) => {
      client.on('response', (status) => (status === 200 ? loaded.answered++ : loaded.failures++))
    },
  })
  return { ...loaded, failures: loaded.failures + errors + timeouts }
}
