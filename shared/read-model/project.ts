import type { Knex } from 'knex'
import { chainNext, recordHash } from '../event-log/chain.ts'
import { decodeRecord, UndecodableRecord } from '../event-log/event-codec.ts'
import type { LogBatch } from '../event-log/event-log.ts'
import type { Recorded } from '../ledger/events.ts'
import { moveCheckpoints, type Checkpoint, type CheckpointMove } from './checkpoints.ts'
import { foldGrants, grantRecords, loadGrants, writeGrants } from './grant-projection.ts'
import { foldRegistry, loadRegistry, registryRecords, writeRegistry } from './registry-projection.ts'

/** One batch, read and ready to be folded: the move of its checkpoint, its events, and where it had to stop, if it had to. */
export type PreparedBatch = {
  move: CheckpointMove
  records: Recorded[]
  stop: { offset: number; reason: string } | null
}

type Standing = Pick<Checkpoint, 'next' | 'last_offset' | 'last_hash' | 'chain' | 'leader_epoch'>

/** Decodes a batch that begins where the checkpoint stands. It ends before the first record that cannot be read. */
export function prepareBatch(batch: LogBatch, standing: Standing): PreparedBatch {
  const { topic, partition } = batch
  const move: CheckpointMove = { ...standing, topic, partition, start: standing.next, next: batch.next }
  const prepared: PreparedBatch = { move, records: [], stop: null }
  for (const record of batch.records) {
    if (record.offset < standing.next) continue
    try {
      prepared.records.push(decodeRecord(batch, record))
    } catch (error) {
      if (!(error instanceof UndecodableRecord)) throw error
      prepared.stop = { offset: record.offset, reason: error.message }
      move.next = record.offset
      return prepared
    }
    move.chain = chainNext(move.chain, record)
    move.last_offset = record.offset
    move.last_hash = recordHash(record)
    move.leader_epoch = record.leader_epoch ?? null
  }
  return prepared
}

/** Another projector has moved one of these checkpoints: nothing was written, read them again. */
export class CheckpointTaken extends Error {
  constructor() {
    super('a checkpoint does not stand where this batch begins')
    this.name = 'CheckpointTaken'
  }
}

/**
 * Folds prepared batches into the read model in one transaction: checkpoints first, in order, then load, fold, write.
 * Throws CheckpointTaken, with nothing written, if any checkpoint stands elsewhere.
 */
export async function project(
  knex: Knex,
  schema: string,
  batches: PreparedBatch[],
  projectedAt: 'now' | 'record' = 'now',
): Promise<void> {
  await knex.transaction(async (tx) => {
    const moved = await moveCheckpoints(
      tx,
      schema,
      batches.map(({ move }) => move),
    )
    if (moved.length < batches.length) throw new CheckpointTaken()
    const records = batches.flatMap((batch) => batch.records)
    const voids = [
      ...(await projectRegistry(tx, schema, records)),
      ...(await projectGrants(tx, schema, records, projectedAt)),
    ]
    if (voids.length > 0) await countVoids(tx, schema, voids)
  })
}

type VoidPlace = { topic: string; partition: number }

async function projectGrants(
  tx: Knex,
  schema: string,
  all: Recorded[],
  projectedAt: 'now' | 'record',
): Promise<VoidPlace[]> {
  const records = grantRecords(all)
  if (records.length === 0) return []
  const changes = foldGrants(await loadGrants(tx, schema, records), records)
  await writeGrants(tx, schema, changes, projectedAt)
  return changes.verdicts.filter((verdict) => verdict.void !== undefined)
}

async function projectRegistry(tx: Knex, schema: string, all: Recorded[]): Promise<VoidPlace[]> {
  const records = registryRecords(all)
  const [first] = records
  if (!first) return []
  const changes = foldRegistry(await loadRegistry(tx, schema, records), records)
  await writeRegistry(tx, schema, changes)
  const { topic, partition } = first.position
  return Array.from({ length: changes.voids }, () => ({ topic, partition }))
}

async function countVoids(tx: Knex, schema: string, voids: VoidPlace[]): Promise<void> {
  await tx.raw(
    `UPDATE ${schema}.checkpoints c SET void_count = c.void_count + v.voids
       FROM (SELECT topic, partition, count(*) AS voids
               FROM json_to_recordset(?::json) AS v(topic text, partition int) GROUP BY 1, 2) v
      WHERE c.topic = v.topic AND c.partition = v.partition`,
    [JSON.stringify(voids.map(({ topic, partition }) => ({ topic, partition })))],
  )
}
