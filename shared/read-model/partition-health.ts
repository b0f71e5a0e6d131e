import { epochMs } from '../database/epoch-ms.ts'
import type { CheckpointStatus } from './checkpoints.ts'
import type { ReadModelTables } from './read-model.ts'

/** How one partition stands: `lag_ms` by the database's clock, `null` = never known to be complete. */
export type PartitionHealth = {
  topic: string
  partition: number
  next: number
  status: CheckpointStatus
  status_reason: string | null
  void_count: number
  lag_ms: number | null
}

/** How every partition of the read model stands, in order. */
export async function readPartitionHealth({ knex, schema }: ReadModelTables): Promise<PartitionHealth[]> {
  const { rows } = await knex.raw<{ rows: PartitionHealth[] }>(
    `SELECT topic, partition, next, status, status_reason, void_count,
            ${epochMs('clock_timestamp()')} - ${epochMs('fresh_as_of')} AS lag_ms
       FROM ${schema}.checkpoints ORDER BY topic, partition`,
  )
  return rows
}
