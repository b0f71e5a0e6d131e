import type { ExecutionContext } from 'ava'
import { until } from '../support/waiting.ts'
import { assertNobodyWasHurt } from './aftermath.ts'
import { startLoad, type Load } from './load.ts'
import type { System } from './system.ts'

const CLIENTS = 10
/** Seconds, shorter than the outages: what the ledger's own outage takes must not count. */
const GRACE = 2
/** Where others go on answering nothing stands still, so the grace must be what a client needs to ask again. */
const BRIDGED_GRACE = 15

export type Outage = {
  begin: (load: Load) => Promise<unknown> | void
  end?: () => Promise<unknown> | void
  /** Where the answering process itself is killed. */
  lostConnections?: boolean
  /** Another answers in its place: nobody needs to see a 503. */
  bridged?: boolean
}

/** An outage in the middle of a load, longer than the grace, and what must be true after it. */
export async function assertSurvives(t: ExecutionContext, ledger: System, outage: Outage): Promise<void> {
  const as = await ledger.client({ refresh_grace_seconds: outage.bridged ? BRIDGED_GRACE : GRACE })
  const pairs = await ledger.grants(as, CLIENTS)
  const load = startLoad({ as, urls: () => ledger.endpoints.map(({ url }) => url), pairs })
  try {
    await until(() => load.clients.every(({ acknowledged }) => acknowledged.length >= 3), 'load')
    await outage.begin(load)
    const begun = performance.now()
    if (outage.end) await until(() => isFelt(load, begun, outage.bridged ?? false), 'an outage longer than the grace')
    await outage.end?.()
    const ended = performance.now()
    // Everybody goes on by himself, and for longer than the grace: no late event may hurt anybody.
    await until(() => hasGoneOn(load, ended), 'refreshes after the outage')
  } catch (error) {
    await load.stop()
    throw new Error(`${String(error)}: ${summaryOf(load)}`, { cause: error })
  }
  await assertNobodyWasHurt(t, { ledger, load }, { as, lostConnections: outage.lostConnections ?? false })
  t.log(summaryOf(load))
}

function isFelt({ clients }: Load, begun: number, bridged: boolean): boolean {
  if (performance.now() - begun < (GRACE + 1) * 1000) return false
  return bridged || clients.every(({ seen }) => seen.some(({ status, at }) => status === 503 && at >= begun))
}

function hasGoneOn({ clients }: Load, ended: number): boolean {
  if (performance.now() - ended < GRACE * 1000) return false
  return clients.every(({ seen }) => seen.filter(({ status, at }) => status === 200 && at >= ended).length >= 3)
}

/** What the clients saw, for the one who reads the test's output. */
export function summaryOf({ clients }: Load): string {
  const counts = new Map<string, number>()
  let slowest = 0
  for (const { status, ms, body } of clients.flatMap(({ seen }) => seen)) {
    const name = status === 200 || status === 503 ? String(status) : `${status} ${JSON.stringify(body)}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
    slowest = Math.max(slowest, ms)
  }
  return `${[...counts].map(([name, count]) => `${count} × ${name}`).join(', ')}; slowest ${slowest} ms`
}
