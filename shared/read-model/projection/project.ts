import type { Knex } from 'knex'
import { chainNext, recordHash } from '../../event-log/chain.ts'
import { decodeRecord, UndecodableRecord } from '../../event-log/event-codec.ts'
import type { LogBatch } from '../../event-log/event-log.ts'
import type { Recorded } from '../../ledger/events.ts'
import { movesJson, moveSql, type Checkpoint, type CheckpointMove } from '../checkpoints.ts'
import {
  foldGrants,
  grantBindings,
  grantRecords,
  loadGrants,
  writeGrantsSql,
  type GrantChanges,
  type KnownGrants,
} from './grants.ts'
import { foldRegistry, loadRegistry, registryRecords, writeRegistrySql, type RegistryChanges } from './registry.ts'

/**
 * One batch, read and ready to be folded: the move of its checkpoint, its events, and where it had to stop, if it had
 * to.
 */
export type PreparedBatch = {
  move: CheckpointMove
  records: Recorded[]
  stop: { offset: number; reason: string } | null
  known?: KnownGrants | undefined
}

/** Where a checkpoint stands, and what this process knows of its grants there. */
export type Standing = Pick<Checkpoint, 'next' | 'last_offset' | 'last_hash' | 'chain' | 'leader_epoch'> & {
  known?: KnownGrants | undefined
}

/** Decodes a batch that begins where the checkpoint stands. It ends before the first record that cannot be read. */
export function prepareBatch(batch: LogBatch, standing: Standing): PreparedBatch {
  const { topic, partition } = batch
  const { next: start, last_offset, last_hash, chain, leader_epoch, known } = standing
  const move: CheckpointMove = {
    topic,
    partition,
    start,
    next: batch.next,
    last_offset,
    last_hash,
    chain,
    leader_epoch,
  }
  const prepared: PreparedBatch = { move, records: [], stop: null, known }
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

type Projected = { schema: string; projectedAt?: 'now' | 'record' }

/**
 * Folds prepared batches into the read model with one statement: it moves the checkpoints and writes the rows, or, if
 * any checkpoint stands elsewhere, does nothing and CheckpointTaken is thrown. What the fold needs is read before: as
 * long as a checkpoint stands where its batch begins, nobody else has written what the batch depends on.
 */
export async function project(
  knex: Knex,
  { schema, projectedAt = 'now' }: Projected,
  batches: PreparedBatch[],
): Promise<void> {
  const records = batches.flatMap((batch) => batch.records)
  const grantEvents = grantRecords(records)
  const known = knownOf(batches)
  const states = await loadGrants(knex, schema, grantEvents, (grant_id) => known.get(grant_id)?.get(grant_id))
  const grants = foldGrants(states, grantEvents)
  const registryEvents = registryRecords(records)
  const registry = foldRegistry(await loadRegistry(knex, schema, registryEvents), registryEvents)
  const statement = writeSql({ schema, projectedAt }, { moves: movesOf(batches, grants, registry), grants, registry })
  const { rows } = await knex
    .raw<{ rows: { ok: boolean }[] }>(statement.sql, statement.bindings)
    .options(statement.options)
  if (!rows[0]?.ok) throw new CheckpointTaken()
  for (const { grant_id } of grants.grants) {
    const state = states.get(grant_id)
    if (state) known.get(grant_id)?.set(grant_id, state)
  }
}

type Changes = { moves: ReturnType<typeof movesOf>; grants: GrantChanges; registry: RegistryChanges }

function writeSql({ schema, projectedAt }: Required<Projected>, { moves, grants, registry }: Changes) {
  const parts = [moveSql(schema)]
  const bindings = [movesJson(moves)]
  if (grants.grants.length > 0) {
    parts.push(writeGrantsSql(schema, projectedAt))
    bindings.push(...grantBindings(grants))
  }
  const entities = writeRegistrySql(schema, registry)
  const sql = `WITH ${[...parts, ...entities.sql].join(',')} SELECT ok FROM ready`
  // The registry changes seldom, in too many combinations for prepared statements.
  const options = entities.sql.length === 0 ? { name: `project_${projectedAt}_${parts.length}_${schema}` } : {}
  return { sql, bindings: [...bindings, ...entities.bindings], options }
}

/** For each grant, what is known where its own events lie: partitions of the registry have the same numbers. */
function knownOf(batches: PreparedBatch[]): Map<string, KnownGrants | undefined> {
  return new Map(
    batches.flatMap(({ records, known }) => grantRecords(records).map(({ event }) => [event.data.grant_id, known])),
  )
}

function movesOf(batches: PreparedBatch[], grants: GrantChanges, registry: RegistryChanges) {
  return batches.map(({ move }) => {
    const { topic, partition } = move
    const isHere = (place: { topic: string; partition: number }) =>
      place.topic === topic && place.partition === partition
    const voids = [...grants.verdicts, ...registry.verdicts].filter(
      (verdict) => verdict.void !== undefined && isHere(verdict),
    )
    return { ...move, voids: voids.length }
  })
}
