import type { TopicPartition } from '../../event-log/places.ts'
import { NO_GENERATION } from '../../ledger/grant/state.ts'
import { SWEPT_AFTER_MS } from '../../ledger/grant/sweepable.ts'
import type { ReadModelTables } from '../read-model.ts'

/** What is looked through: grants that were revoked or never issued, or bearer tokens (and with them live grants). */
export type SweepKind = 'grants' | 'tokens'

/**
 * Rows of one partition that are due, in the order of an index: dead grants, or (`kid`) the bearer tokens of one key.
 * `from`: where to begin, as PostgreSQL prints its time, so that rows swept before are not passed again.
 */
export type SweepQueue = TopicPartition & { kid: number | null; from: string }

/** What one statement removed; `from`: where the queue goes on, `null` = nothing more is due in it. */
export type Swept = { tokens: number; grants: number; from: string | null }

/** The queues of these partitions of one topic in which something is due. Locks nothing. */
export async function dueQueues(
  { knex, schema }: ReadModelTables,
  kind: SweepKind,
  places: TopicPartition[],
): Promise<SweepQueue[]> {
  const { rows } = await knex.raw<{ rows: SweepQueue[] }>(DUE[kind](schema), [JSON.stringify(places)])
  return rows
}

/**
 * Removes what is due of a queue, `limit` rows at most, while its partition's checkpoint stands at `next`; `null`:
 * somebody writes there now, or has moved it. What was in the log when the partition was last fresh is folded, so that
 * nothing which is still to come can bring the dead back.
 */
export async function sweep(
  { knex, schema }: ReadModelTables,
  { topic, partition, kid, from }: SweepQueue,
  { next, limit }: { next: number; limit: number },
): Promise<Swept | null> {
  const queue = kid === null ? [partition, from] : [kid, partition, from]
  const sql = sweepSql(schema, kid === null ? 'grants' : 'tokens', Math.max(1, Math.floor(limit)))
  const { rows } = await knex.raw<{ rows: (Swept & { held: boolean })[] }>(sql, [topic, partition, next, ...queue])
  const [row] = rows
  return row?.held ? { tokens: row.tokens, grants: row.grants, from: row.from } : null
}

// A partition that is not fresh may have events still to be folded that a grant lived on by.
const DEAD_BY = `least(clock_timestamp(), c.fresh_as_of) - interval '${SWEPT_AFTER_MS} ms'`

const PLACES = (schema: string) => `
  places AS MATERIALIZED (
    SELECT c.topic, c.partition, ${DEAD_BY} AS dead_by
      FROM json_to_recordset(?::json) AS p(topic text, partition int)
      JOIN ${schema}.checkpoints c USING (topic, partition) WHERE c.status <> 'diverged')`

const DUE: Record<SweepKind, (schema: string) => string> = {
  grants: (schema) => `
WITH ${PLACES(schema)}
SELECT p.topic, p.partition, NULL::int AS kid, q.first::text AS "from"
  FROM places p CROSS JOIN LATERAL (
    SELECT g.dead_at AS first FROM ${schema}.grants g
     WHERE g.partition = p.partition AND g.dead_at IS NOT NULL AND g.dead_at <= p.dead_by
     ORDER BY g.dead_at LIMIT 1) q`,
  tokens: (schema) => `
WITH RECURSIVE kids (kid) AS (
  (SELECT kid FROM ${schema}.bearer_tokens ORDER BY kid LIMIT 1)
  UNION ALL
  SELECT (SELECT b.kid FROM ${schema}.bearer_tokens b WHERE b.kid > k.kid ORDER BY b.kid LIMIT 1)
    FROM kids k WHERE k.kid IS NOT NULL), ${PLACES(schema)}
SELECT p.topic, p.partition, k.kid, q.first::text AS "from"
  FROM kids k CROSS JOIN places p CROSS JOIN LATERAL (
    SELECT b.look_at AS first FROM ${schema}.bearer_tokens b
     WHERE b.kid = k.kid AND b.partition = p.partition AND b.look_at <= p.dead_by
     ORDER BY b.look_at LIMIT 1) q
 WHERE k.kid IS NOT NULL`,
}

/**
 * Until when anything of a live grant can be used, with its current access token `t`. Repeats
 * ledger/grant/sweepable.ts; read-model/projection/sweep.test.ts holds it to that.
 */
const GRANT_DEAD = (g: string, t: string) => `
  greatest(CASE WHEN ${g}.refresh_generation = ${NO_GENERATION} OR ${g}.refreshes_left = 0 THEN '-infinity'
                ELSE coalesce(to_timestamp(least(${g}.refresh_exp, ${g}.absolute_exp)), 'infinity') END,
           coalesce(to_timestamp(${t}.exp), 'infinity'), to_timestamp(${g}.older_access_exp))`

/**
 * What is due of each kind. `ended`: grants that go, with all of their tokens. `spare`: tokens that go alone, because
 * newer ones took their place, or their grant was revoked. A token that is current waits for its grant: `later` says
 * when that will be dead, as it is now; a refresh makes another row. So does the one that the refresh token is of,
 * which without rotation is an old one.
 */
const LOOK: Record<SweepKind, (schema: string, limit: number) => string> = {
  grants: (schema, limit) => `
  due AS MATERIALIZED (
    SELECT grant_id, dead_at AS look_at FROM ${schema}.grants
     WHERE partition = ? AND dead_at IS NOT NULL AND dead_at >= ?::timestamptz AND dead_at <= (SELECT dead_by FROM held)
     ORDER BY dead_at LIMIT ${limit}),
  ended AS (SELECT grant_id, look_at FROM due),
  spare AS (SELECT NULL::tid AS place, NULL::timestamptz AS look_at WHERE false)`,
  tokens: (schema, limit) => `
  due AS MATERIALIZED (
    SELECT ctid AS place, grant_id, generation, exp, look_at FROM ${schema}.bearer_tokens
     WHERE kid = ? AND partition = ? AND look_at >= ?::timestamptz AND look_at <= (SELECT dead_by FROM held)
     ORDER BY look_at LIMIT ${limit}),
  judged AS MATERIALIZED (
    SELECT d.place, d.grant_id, d.look_at,
           CASE WHEN g.status = 'live' AND d.generation = g.access_generation THEN ${GRANT_DEAD('g', 'd')}
                WHEN g.status = 'live' AND d.generation = g.refresh_generation THEN 'infinity' END AS dead
      FROM due d LEFT JOIN LATERAL (SELECT * FROM ${schema}.grants g WHERE g.grant_id = d.grant_id OFFSET 0) g ON true),
  ended AS MATERIALIZED (SELECT grant_id, look_at FROM judged WHERE dead <= (SELECT dead_by FROM held)),
  spare AS (
    SELECT place, look_at FROM judged j
     WHERE dead IS NULL AND NOT EXISTS (SELECT FROM ended e WHERE e.grant_id = j.grant_id)),
  later AS (
    UPDATE ${schema}.bearer_tokens b SET look_at = nullif(j.dead, 'infinity')
      FROM judged j WHERE b.ctid = j.place AND j.dead > (SELECT dead_by FROM held))`,
}

// Rows are found by an index and removed by their place (ctid), which nobody can change: whoever writes to a partition
// moves its checkpoint first. A grant goes once all of its tokens go, in their order, so that the current is the last.
const sweepSql = (schema: string, kind: SweepKind, limit: number) => `
WITH held AS MATERIALIZED (
    SELECT ${DEAD_BY} AS dead_by FROM ${schema}.checkpoints c
     WHERE c.topic = ? AND c.partition = ? AND c.next = ? AND c.status <> 'diverged' FOR UPDATE SKIP LOCKED),
  ${LOOK[kind](schema, limit)},
  owned AS (
    SELECT b.place, e.grant_id, b.generation, e.look_at, count(b.place) OVER (PARTITION BY e.grant_id) AS tokens
      FROM ended e LEFT JOIN LATERAL (
        SELECT ctid AS place, generation FROM ${schema}.bearer_tokens b WHERE b.grant_id = e.grant_id OFFSET 0) b ON true),
  ranked AS MATERIALIZED (
    SELECT *, row_number() OVER (ORDER BY grant_id NULLS FIRST, generation) AS n FROM (
      SELECT place, NULL::uuid AS grant_id, NULL::int AS generation, look_at, NULL::bigint AS tokens FROM spare
      UNION ALL SELECT place, grant_id, generation, look_at, tokens FROM owned) r),
  gone AS MATERIALIZED (SELECT * FROM ranked WHERE n <= ${limit}),
  gone_tokens AS (
    DELETE FROM ${schema}.bearer_tokens
     WHERE ctid = ANY (ARRAY(SELECT place FROM gone WHERE place IS NOT NULL)) RETURNING 1),
  gone_grants AS (
    DELETE FROM ${schema}.grants
     WHERE grant_id = ANY (ARRAY(SELECT grant_id FROM gone GROUP BY grant_id HAVING count(place) = max(tokens)))
    RETURNING 1)
SELECT EXISTS (SELECT FROM held) AS held, (SELECT count(*)::int FROM gone_tokens) AS tokens,
       (SELECT count(*)::int FROM gone_grants) AS grants,
       coalesce((SELECT min(look_at) FROM ranked WHERE n > ${limit}),
                (SELECT max(look_at) FROM due HAVING count(*) >= ${limit}))::text AS "from"`
