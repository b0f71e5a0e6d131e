import { setTimeout as pause } from 'node:timers/promises'
import { refresh } from '../support/refreshing.ts'
import { createRequests, type Credentials } from '../support/requests.ts'
import type { Pair } from '../support/ledger-seeds.ts'

/** One answer as a client saw it. `status: 0` = the connection broke, `-1` = no answer at all. */
export type Seen = { status: number; ms: number; at: number; retryAfter: string | null; body: Record<string, unknown> }

/** A client that never gives up: it presents the same refresh token until it has the next pair. */
export type HonestClient = {
  grant_id: string
  /** The latest pair, and every pair that it was answered with, in order. */
  pair: Pair
  acknowledged: Pair[]
  seen: Seen[]
}

export type Load = {
  clients: HonestClient[]
  /** How many answers of this kind there were since `since` (ms of performance.now). */
  count: (status: number, since?: number) => number
  /** Whether every client was served since `since`, and by its latest answer: each partition is folded then. */
  servesAll: (since: number) => boolean
  /** Resolves when every client has its last answer; they stop refreshing. */
  stop: () => Promise<void>
}

const THINK_MS = 40
const HASTY_MS = 100
/** Long after any answer is due: who hears nothing until then hangs. */
const HANGS_MS = 15_000

type Options = { as: Credentials; urls: () => string[]; pairs: Pair[] }

/** Every client refreshes its own grant, again and again, at endpoints in turn. */
export function startLoad({ as, urls, pairs }: Options): Load {
  let stopped = false
  const clients = pairs.map((pair): HonestClient => ({ grant_id: pair.grant_id, pair, acknowledged: [], seen: [] }))
  const running = clients.map(async (client, n) => {
    for (let turn = n; !stopped; turn++) {
      const url = urls()[turn % urls().length] ?? ''
      const seen = await present(client, as, url)
      // A test that failed stops nobody, and must not be kept alive by them.
      await pause(waitAfter(seen, n), undefined, { ref: false })
    }
  })
  return {
    clients,
    count: (status, since = 0) =>
      clients.reduce((sum, { seen }) => sum + seen.filter((one) => one.status === status && one.at >= since).length, 0),
    servesAll: (since) => clients.every(({ seen }) => (seen.at(-1)?.at ?? 0) > since && seen.at(-1)?.status === 200),
    stop: async () => {
      stopped = true
      await Promise.all(running)
    },
  }
}

/** Presents the client's refresh token once, and takes the pair if there is one. */
export async function present(client: HonestClient, as: Credentials, url: string): Promise<Seen> {
  const seen = await refreshAt(url, as, client.pair.refresh_token)
  client.seen.push(seen)
  if (seen.status !== 200) return seen
  const { access_token, refresh_token } = seen.body
  client.pair = {
    grant_id: client.grant_id,
    access_token: String(access_token),
    refresh_token: String(refresh_token),
  }
  client.acknowledged.push(client.pair)
  return seen
}

// Every other client does as it is told, the others are in a hurry.
function waitAfter({ status, retryAfter }: Seen, n: number): number {
  if (status === 200) return THINK_MS
  return n % 2 === 0 && retryAfter ? Number(retryAfter) * 1000 : HASTY_MS
}

async function refreshAt(url: string, as: Credentials, refresh_token: string): Promise<Seen> {
  const begun = performance.now()
  const at = () => ({ ms: Math.round(performance.now() - begun), at: begun })
  try {
    const { status, headers, body } = await refresh(createRequests(url, HANGS_MS), as, refresh_token)
    return { status, retryAfter: headers.get('retry-after'), ...at(), body }
  } catch (error) {
    const hangs = error instanceof Error && error.name === 'TimeoutError'
    return { status: hangs ? -1 : 0, retryAfter: null, ...at(), body: { problem: String(error) } }
  }
}
