import { placeText } from '../event-log/places.ts'
import type { HttpRouter } from '../http/context.ts'
import { incompleteBecause, type PartitionHealth, readTimedHealth } from '../read-model/partition-health.ts'
import type { ReadModel } from '../read-model/read-model.ts'
import type { Clocks } from '../read-model/reads/clocks.ts'
import { readKeys } from '../read-model/reads/keys.ts'
import { type HeldKeys, keyProblems } from './key-soundness.ts'

export type Health = ReadModel & {
  /** Told the database's time whenever readiness is asked for; its problems are readiness's too. */
  clocks: Clocks
  version: string
  stopping: () => boolean
  /** What must still be made before anybody can use this process; `null`: nothing. */
  preparing: () => string | null
  /** Problems of log and database that would lose, reorder or hide history. */
  partProblems: () => string[]
  /** The read model may be this old before the process is not ready. */
  maxLagMs: number
  /** Compared with the keys that the log knows; `null` = this process has none. */
  held: HeldKeys | null
}

const READY_TIMEOUT_MS = 2_000

/**
 * /health/alive: the process answers. /health/ready: it can do its work; 503 with every reason otherwise. /version.
 * Open to everybody, so no names, addresses or numbers of tokens are in them.
 */
export function healthRoutes(router: HttpRouter, health: Health): void {
  router.get('/health/alive', (ctx) => {
    ctx.body = { status: 'ok' }
  })
  router.get('/health/ready', async (ctx) => {
    const problems = await problemsOf(health)
    ctx.status = problems.length === 0 ? 200 : 503
    if (problems.length > 0) ctx.set('Retry-After', '1')
    ctx.body = { status: problems.length === 0 ? 'ok' : 'unavailable', problems }
  })
  router.get('/version', (ctx) => {
    ctx.body = { name: 'token-ledger', version: health.version }
  })
}

async function problemsOf(health: Health): Promise<string[]> {
  if (health.stopping()) return ['stopping']
  const preparing = health.preparing()
  const problems = [...health.partProblems(), ...(await readModelProblems(health)), ...health.clocks.problems()]
  return preparing === null ? problems : [preparing, ...problems]
}

async function readModelProblems({ clocks, maxLagMs, held, ...readModel }: Health): Promise<string[]> {
  const timeout = new Promise<null>((resolve) => setTimeout(resolve, READY_TIMEOUT_MS, null).unref())
  const reading = Promise.all([readTimedHealth(readModel), readKeys(readModel)])
  const read = await Promise.race([reading.catch(() => null), timeout])
  if (!read) return ['the database does not answer']
  const [{ partitions, now, sentAt }, { keys }] = read
  if (now !== null) clocks.database(now, sentAt)
  return [...partitionProblems(partitions, maxLagMs), ...(held ? keyProblems(held, keys) : [])]
}

function partitionProblems(partitions: PartitionHealth[], maxLagMs: number): string[] {
  return partitions.flatMap((partition) => {
    const { status, status_reason } = partition
    const name = placeText(partition)
    if (status !== 'ok') return [`${name} is ${status}: ${status_reason ?? ''}`]
    const reason = incompleteBecause(partition, maxLagMs)
    return reason === null ? [] : [`${name}: ${reason}`]
  })
}
