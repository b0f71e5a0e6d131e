import type { Knex } from 'knex'
import { chainStart } from '../event-log/chain.ts'
import type { FoldPosition } from '../event-log/fold-log.ts'
import { isSamePlace, type TopicPartition } from '../event-log/places.ts'
import { STALL_MS, STALLS_KEPT } from './stall.ts'
import type { ReadModelTables } from './read-model.ts'

export type CheckpointStatus = 'ok' | 'stopped' | 'diverged'

/** How far the read model has folded one partition, and the proof of what it folded. */
export type Checkpoint = TopicPartition &
  FoldPosition & {
    cluster_id: string | null
    status: CheckpointStatus
    status_reason: string | null
    void_count: number
    /** Of the registry's partition: how many events that the guard decided have counted. */
    guard_revision: number
    /** How many records name a person in clear, whatever became of them: they stay in the log. */
    plain_user_records: number
  }

/**
 * A checkpoint's move over one batch: from `start`, where its `next` must stand, to where it stands then.
 * `guard_revision`: where the guard's counter stands then, `null` = where it stood.
 */
export type CheckpointMove = TopicPartition &
  FoldPosition & { start: number; voids: number; guard_revision: number | null; plain_user_records: number }

/** Makes a checkpoint at 0 for every partition that has none; where none lacks one it writes nothing. */
export async function createCheckpoints(
  { knex, schema }: ReadModelTables,
  partitions: TopicPartition[],
): Promise<void> {
  const existing = await knex.withSchema(schema).from('checkpoints').select<TopicPartition[]>('topic', 'partition')
  const rows = partitions
    .filter((place) => !existing.some((one) => isSamePlace(one, place)))
    .map(({ topic, partition }) => ({ topic, partition, chain: chainStart(topic, partition) }))
  if (rows.length === 0) return
  await knex.withSchema(schema).table('checkpoints').insert(rows).onConflict(['topic', 'partition']).ignore()
}

/** All checkpoints of these topics, in order. */
export async function loadCheckpoints({ knex, schema }: ReadModelTables, topics: string[]): Promise<Checkpoint[]> {
  return knex
    .withSchema(schema)
    .from('checkpoints')
    .whereIn('topic', topics)
    .orderBy(['topic', 'partition'])
    .select<Checkpoint[]>(
      'topic',
      'partition',
      'next',
      'last_offset',
      'last_hash',
      'first_hash',
      'chain',
      'leader_epoch',
      'cluster_id',
      'status',
      'status_reason',
      'void_count',
      'guard_revision',
      'plain_user_records',
    )
}

/** Where the guard's counter stands at the registry's checkpoint. */
export async function loadGuardRevision({ knex, schema }: ReadModelTables, place: TopicPartition): Promise<number> {
  const { topic, partition } = place
  const row = await knex
    .withSchema(schema)
    .from('checkpoints')
    .where({ topic, partition })
    .first<{ guard_revision: number } | undefined>('guard_revision')
  return row?.guard_revision ?? 0
}

/**
 * SQL (CTEs) that moves every checkpoint from its batch's start, or none of them: `ready.ok` tells which. One that
 * stands elsewhere (`standing`) belongs to another projector now. Rows are locked in order, so that two projectors
 * never deadlock. `ready`: its SQL, where it takes more. Its first binding is `movesJson`.
 */
export const moveSql = (schema: string, ready = 'ready AS (SELECT ok FROM standing)') => `
  moves AS MATERIALIZED (
    SELECT * FROM json_to_recordset(?::json) AS m(topic text, partition int, start bigint, next bigint,
           last_offset bigint, last_hash bytea, first_hash bytea, chain bytea, leader_epoch int, voids int,
           guard_revision int, plain_user_records int)),
  locked AS MATERIALIZED (
    SELECT c.next = m.start AND c.status <> 'diverged' AS stands
      FROM ${schema}.checkpoints c JOIN moves m USING (topic, partition)
     ORDER BY c.topic, c.partition FOR UPDATE OF c),
  standing AS MATERIALIZED (
    SELECT count(*) FILTER (WHERE stands) = (SELECT count(*) FROM moves) AS ok FROM locked), ${ready},
  moved AS (
    UPDATE ${schema}.checkpoints c
       SET next = m.next, last_offset = m.last_offset, last_hash = m.last_hash, chain = m.chain,
           first_hash = coalesce(c.first_hash, m.first_hash), leader_epoch = m.leader_epoch, status = 'ok', status_reason = NULL,
           void_count = c.void_count + m.voids, guard_revision = coalesce(m.guard_revision, c.guard_revision),
           plain_user_records = c.plain_user_records + m.plain_user_records
      FROM moves m, ready
     WHERE ready.ok AND c.topic = m.topic AND c.partition = m.partition AND c.next = m.start)`

/** The binding of `moveSql`. */
export function movesJson(moves: CheckpointMove[]): string {
  const inHex = (move: CheckpointMove) => ({
    last_hash: hex(move.last_hash),
    first_hash: hex(move.first_hash),
    chain: hex(move.chain),
  })
  return JSON.stringify(moves.map((move) => ({ ...move, ...inHex(move) })))
}

/** Bytes as JSON that a bytea is read from. */
function hex(bytes: Buffer | null): string | null {
  return bytes && `\\x${bytes.toString('hex')}`
}

/**
 * Marks a partition as not to be answered from: `stopped` at a record that cannot be read, or `diverged` from the log.
 * With `next` only while its checkpoint stands there: another projector may know the way on.
 */
export async function markPartition(
  { knex, schema }: ReadModelTables,
  { topic, partition, next }: TopicPartition & { next?: number | undefined },
  status: 'stopped' | 'diverged',
  reason: string,
): Promise<void> {
  await knex
    .withSchema(schema)
    .table('checkpoints')
    .where({ topic, partition, ...(next !== undefined && { next }) })
    .update({ status, status_reason: reason })
}

/** Remembers which log the read model was folded from. */
export async function rememberCluster({ knex, schema }: ReadModelTables, cluster_id: string): Promise<void> {
  await knex.withSchema(schema).table('checkpoints').whereNull('cluster_id').update({ cluster_id })
}

/** Remembers which record each of these partitions began with when it was folded, where that is not known yet. */
export async function rememberFirstRecords(
  { knex, schema }: ReadModelTables,
  firsts: (TopicPartition & { first_hash: Buffer })[],
): Promise<void> {
  await knex.raw(
    `UPDATE ${schema}.checkpoints c SET first_hash = f.first_hash
       FROM json_to_recordset(?::json) AS f(topic text, partition int, first_hash bytea)
      WHERE c.topic = f.topic AND c.partition = f.partition AND c.first_hash IS NULL AND c.last_offset IS NOT NULL`,
    [JSON.stringify(firsts.map((first) => ({ ...first, first_hash: hex(first.first_hash) })))],
  )
}

/** The database's clock as text, precise enough to be written back. */
export async function databaseClock(knex: Knex): Promise<string> {
  const { rows } = await knex.raw<{ rows: { now: string }[] }>('SELECT clock_timestamp()::text AS now')
  return rows[0]?.now ?? ''
}

const STALL = `interval '${STALL_MS} ms'`

/**
 * Says that the read model showed everything the log held at `asOf`: true for each partition whose checkpoint has
 * reached the end that the log had then (`end` and `next` both name the record to come). Tells which those are. A stamp
 * later than the database's own time, from before its clock was set back, is replaced, and the stalls go back with the
 * clock; such an `asOf` is not written. Where the last stamp is so old that nobody could be answered in the meantime,
 * the stall is noted beside the latest ones; a range never ends before it begins, whatever the clock did.
 */
export async function markFresh(
  { knex, schema }: ReadModelTables,
  asOf: string,
  ends: (TopicPartition & { end: number })[],
): Promise<TopicPartition[]> {
  const { rows } = await knex
    .raw<{ rows: TopicPartition[] }>(
      `WITH ends AS MATERIALIZED (
         SELECT * FROM json_to_recordset(?::json) AS e(topic text, partition int, "end" bigint)),
       locked AS MATERIALIZED (
         SELECT c.topic, c.partition, e."end" FROM ${schema}.checkpoints c JOIN ends e USING (topic, partition)
          WHERE c.next >= e."end" ORDER BY c.topic, c.partition FOR UPDATE OF c SKIP LOCKED)
       UPDATE ${schema}.checkpoints c
          SET fresh_as_of = CASE WHEN c.fresh_as_of > asked.now THEN asked.as_of
                                 ELSE greatest(c.fresh_as_of, asked.as_of) END,
              stalls = CASE WHEN c.fresh_as_of > asked.now
                            THEN ARRAY(SELECT tstzrange(least(lower(s) - (c.fresh_as_of - asked.as_of), asked.now),
                                                        least(upper(s) - (c.fresh_as_of - asked.as_of), asked.now), '[]')
                                         FROM unnest(c.stalls) WITH ORDINALITY AS u(s, n) ORDER BY n)
                            WHEN asked.as_of - c.fresh_as_of > ${STALL}
                            THEN c.stalls[greatest(1, cardinality(c.stalls) - ${STALLS_KEPT - 2}):] ||
                                 tstzrange(least(greatest(c.fresh_as_of, upper(c.stalls[cardinality(c.stalls)])),
                                                 asked.now), asked.now, '[]')
                            ELSE c.stalls END
         FROM locked l, (SELECT ?::timestamptz AS as_of, clock_timestamp() AS now) AS asked
        WHERE c.topic = l.topic AND c.partition = l.partition AND c.next >= l."end" AND asked.as_of <= asked.now
    RETURNING c.topic, c.partition`,
      [JSON.stringify(ends), asOf],
    )
    .options({ name: `mark_fresh_${schema}` })
  return rows
}
