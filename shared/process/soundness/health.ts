import { placeText } from '../../event-log/places.ts'
import type { HttpRouter } from '../../http/context.ts'
import { incompleteBecause, type PartitionHealth, readTimedHealth } from '../../read-model/partition-health.ts'
import type { ReadModel } from '../../read-model/read-model.ts'
import type { Clocks } from '../../read-model/reads/clocks.ts'
import { readKeys } from '../../read-model/reads/keys.ts'
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
  /** Older than this it is no longer what refreshes need: told, also where the process is ready. */
  usualLagMs: number
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
    const { problems, notes } = await standingOf(health)
    ctx.status = problems.length === 0 ? 200 : 503
    if (problems.length > 0) ctx.set('Retry-After', '1')
    ctx.body = { status: problems.length === 0 ? 'ok' : 'unavailable', problems, ...(notes.length > 0 && { notes }) }
  })
  router.get('/version', (ctx) => {
    ctx.body = { name: 'token-ledger', version: health.version }
  })
}

/** `problems` keep it from its work; `notes` do not yet. */
type Standing = { problems: string[]; notes: string[] }

async function standingOf(health: Health): Promise<Standing> {
  if (health.stopping()) return { problems: ['stopping'], notes: [] }
  const { problems, notes } = await readModelStanding(health)
  const preparing = health.preparing()
  const own = preparing === null ? [] : [preparing]
  return { problems: [...own, ...health.partProblems(), ...problems, ...health.clocks.problems()], notes }
}

async function readModelStanding({ clocks, maxLagMs, usualLagMs, held, ...readModel }: Health): Promise<Standing> {
  const timeout = new Promise<null>((resolve) => setTimeout(resolve, READY_TIMEOUT_MS, null).unref())
  const reading = Promise.all([readTimedHealth(readModel), readKeys(readModel)])
  const read = await Promise.race([reading.catch(() => null), timeout])
  if (!read) return { problems: ['the database does not answer'], notes: [] }
  const [{ partitions, now, sentAt }, { keys }] = read
  if (now !== null) clocks.database(now, sentAt)
  const late = problemsAmong(partitions, maxLagMs)
  const old = problemsAmong(partitions, usualLagMs)
  return {
    problems: [...late, ...(held ? keyProblems(held, keys) : [])],
    notes: old.filter((problem) => !late.includes(problem)),
  }
}

function problemsAmong(partitions: PartitionHealth[], maxLagMs: number): string[] {
  return partitions.flatMap((partition) => {
    const { status, status_reason } = partition
    const name = placeText(partition)
    if (status !== 'ok') return [`${name} is ${status}: ${status_reason ?? ''}`]
    const reason = incompleteBecause(partition, maxLagMs)
    return reason === null ? [] : [`${name}: ${reason}`]
  })
}
