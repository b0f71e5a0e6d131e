import { epochMs } from '../database/epoch-ms.ts'
import { placeText } from '../event-log/places.ts'
import type { CheckpointStatus } from './checkpoints.ts'
import type { ReadModelTables } from './read-model.ts'
import { createStamps } from './stamps.ts'

/**
 * How one partition stands: `lag_ms` since it was last known to be complete; `null` = that is not known, and `unknown`
 * says why.
 */
export type PartitionHealth = {
  topic: string
  partition: number
  next: number
  status: CheckpointStatus
  status_reason: string | null
  void_count: number
  lag_ms: number | null
  unknown: string | null
}

type Row = Omit<PartitionHealth, 'lag_ms' | 'unknown'> & { now: number; fresh_as_of: number | null }

/** How every partition of the read model stands, in order. */
export async function readPartitionHealth(tables: ReadModelTables): Promise<PartitionHealth[]> {
  const { partitions } = await readTimedHealth(tables)
  return partitions
}

/** The same with the database's time (ms); `sentAt`: this process's `performance.now()` before it was asked. */
export async function readTimedHealth({ knex, schema, stamps = createStamps() }: ReadModelTables) {
  const sentAt = performance.now()
  const { rows } = await knex.raw<{ rows: Row[] }>(
    `SELECT topic, partition, next, status, status_reason, void_count,
            ${epochMs('clock_timestamp()')} AS now, ${epochMs('fresh_as_of')} AS fresh_as_of
       FROM ${schema}.checkpoints ORDER BY topic, partition`,
  )
  const partitions = rows.map(({ now, fresh_as_of: stamp, ...row }): PartitionHealth => {
    const believed = stamps(row, { stamp, now, sentAt })
    if (believed === null) return { ...row, lag_ms: null, unknown: unknownBecause(stamp, now) }
    return { ...row, lag_ms: now - believed, unknown: null }
  })
  return { partitions, now: rows[0]?.now ?? null, sentAt }
}

function unknownBecause(stamp: number | null, now: number): string {
  if (stamp === null) return 'it was never known to be complete'
  const ahead = stamp > now ? `${stamp - now} ms ahead of` : 'before a step of'
  return `it is stamped ${ahead} the database's clock, which was set back`
}

/** Why nothing may be concluded from what a partition does not show, in words; `null` = it is complete. */
export function incompleteBecause(health: PartitionHealth, maxLagMs: number): string | null {
  const { status, status_reason, lag_ms, unknown } = health
  if (status !== 'ok') return `it is ${status}: ${status_reason ?? ''}`
  if (lag_ms === null) return unknown
  return lag_ms > maxLagMs ? `it was last complete ${Math.round(lag_ms / 1000)} s ago` : null
}

/** The first partition that is older than this, and why; `null` = the read model shows what the log holds. */
export async function incompleteFor(tables: ReadModelTables, maxLagMs: number): Promise<string | null> {
  const [first] = (await readPartitionHealth(tables)).flatMap((one) => {
    const reason = incompleteBecause(one, maxLagMs)
    return reason === null ? [] : [`${placeText(one)}: ${reason}`]
  })
  return first ?? null
}
