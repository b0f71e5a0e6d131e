import { MAX_GRACE_SECONDS } from '../../ledger/grant/times.ts'

// Repeats ledger/grant/liveness.ts; read-model/still-living.test.ts holds it to that. Every statement reads a bounded
// part of an index, whatever the planner believes of the tables: what is looked up for each row stands in a LATERAL
// with a limit, which it cannot turn into a scan.

const epoch = (expression: string) => `extract(epoch FROM ${expression})::float8`

/** Every kid of `bearer_tokens`, one probe of the index each; those of the codes that live; those of client secrets. */
export const kidsSql = (schema: string) => `
WITH RECURSIVE kids AS (
  (SELECT kid FROM ${schema}.bearer_tokens ORDER BY kid LIMIT 1)
   UNION ALL
  SELECT (SELECT b.kid FROM ${schema}.bearer_tokens b WHERE b.kid > kids.kid ORDER BY b.kid LIMIT 1)
    FROM kids WHERE kids.kid IS NOT NULL),
codes AS (${codesSql(schema)})
SELECT kid FROM kids WHERE kid IS NOT NULL
 UNION SELECT kid FROM codes
 UNION SELECT kid FROM (${secretsSql(schema)}) s
 ORDER BY kid`

/** The clients of which a secret that counts is stored under a kid. */
export const clientsSql = (schema: string) => `
SELECT DISTINCT client_id FROM (${secretsSql(schema)}) s WHERE kid = :kid ORDER BY client_id`

// Repeats `secretsOf` (ledger/client.ts).
const secretsSql = (schema: string) => `
SELECT client_id, (secret->>'kid')::int AS kid FROM ${schema}.clients WHERE NOT deleted AND secret->>'kid' IS NOT NULL
 UNION ALL
SELECT client_id, (previous_secret->>'kid')::int FROM ${schema}.clients
 WHERE NOT deleted AND (previous_secret->>'expires_at')::float8 > ${epoch('clock_timestamp()')}`

/** What lives of a kid (`:kid`), among so many of its tokens (`:most`), those first that end last. */
export const countSql = (schema: string) => `
WITH looked AS MATERIALIZED (
  SELECT b.* FROM ${schema}.checkpoints k CROSS JOIN LATERAL (
    SELECT * FROM ${schema}.bearer_tokens
     WHERE kid = CAST(:kid AS smallint) AND partition = k.partition::smallint ORDER BY look_at DESC LIMIT :most) b
   WHERE k.topic = :grants LIMIT :most),
codes AS (${codesSql(schema)}),
made AS (${madeSql(schema)}
  UNION ALL SELECT grant_id, at, NULL, NULL, NULL, code_end FROM codes WHERE kid = :kid),
ending AS (
  SELECT *, greatest(access_end, refresh_end, retry_end, code_end) AS "end", ${epoch('now()')} AS now FROM made)
SELECT (SELECT count(*)::int FROM looked) AS looked,
       count(DISTINCT grant_id) FILTER (WHERE "end" > now)::int AS grants,
       count(*) FILTER (WHERE refresh_end > now)::int AS refresh_tokens,
       count(*) FILTER (WHERE access_end > now)::int AS access_tokens,
       count(*) FILTER (WHERE code_end > now)::int AS authorization_codes,
       max("end") FILTER (WHERE "end" > now AND "end" < 'infinity') AS ends,
       coalesce(bool_or("end" = 'infinity'), false) AS never, max(at) AS last_made
  FROM ending`

/** Tokens of one partition in the order of the index `bearer_tokens_key`: those with a date, or those without. */
export type TokenRange = 'dated' | 'never'

const BEYOND = {
  dated: `(look_at, grant_id, generation) > (timestamptz 'epoch' + CAST(:look_at AS bigint) * interval '1 microsecond',
      CAST(:grant_id AS uuid), CAST(:generation AS int))`,
  never: 'look_at IS NULL AND (grant_id, generation) > (CAST(:grant_id AS uuid), CAST(:generation AS int))',
}

/** The grants with something living of this kid, among the next few of its tokens in one partition. */
export const tokensPageSql = (schema: string, range: TokenRange) => `
WITH looked AS MATERIALIZED (
  SELECT * FROM ${schema}.bearer_tokens
   WHERE kid = CAST(:kid AS smallint) AND partition = CAST(:partition AS smallint) AND ${BEYOND[range]} ORDER BY look_at, grant_id, generation LIMIT :most),
made AS (${madeSql(schema)})
SELECT (SELECT count(*)::int FROM looked) AS looked,
       (SELECT json_build_object('look_at', CAST(extract(epoch FROM look_at) * 1000000 AS bigint)::text, 'grant_id', grant_id, 'generation', generation) FROM looked
         ORDER BY look_at DESC, grant_id DESC, generation DESC LIMIT 1) AS last,
       (SELECT json_agg(DISTINCT grant_id) FROM made
         WHERE greatest(access_end, refresh_end, retry_end) > ${epoch('now()')}) AS found`

/** The grants of the codes of this kid that live, beyond one of them. */
export const codesPageSql = (schema: string) => `
WITH codes AS (${codesSql(schema)}),
looked AS (SELECT grant_id FROM codes WHERE kid = :kid AND grant_id > CAST(:grant_id AS uuid) ORDER BY grant_id LIMIT :most)
SELECT count(*)::int AS looked, json_agg(grant_id) AS found,
       (SELECT json_build_object('look_at', NULL, 'grant_id', grant_id, 'generation', 0) FROM looked
         ORDER BY grant_id DESC LIMIT 1) AS last
  FROM looked`

/**
 * Until when (NumericDate, NULL = it is dead) each part of the tokens in `looked` can be used. Dead for ever because of
 * `not_before` is dead; a disabled client or user may come back. A spent refresh token answers with the pair after it
 * as long as the longest grace of any client.
 */
function madeSql(schema: string): string {
  return `
  SELECT b.grant_id, ${epoch('b.at')} AS at,
         CASE WHEN NOT g.alive THEN NULL WHEN b.exp IS NOT NULL THEN b.exp::float8
              WHEN b.generation = g.access_generation THEN 'infinity' END AS access_end,
         CASE WHEN g.alive AND b.generation = g.refresh_generation AND g.refreshes_left IS DISTINCT FROM 0
              THEN coalesce(g.refresh_exp::float8, 'infinity') END AS refresh_end,
         CASE WHEN g.alive AND b.generation < g.refresh_generation
              THEN s.spent + ${MAX_GRACE_SECONDS} + greatest(${stalled('k')}, ${stalled('r')}) END AS retry_end,
         NULL::float8 AS code_end
    FROM looked b
   CROSS JOIN LATERAL (${grantSql(schema, `${schema}.grants`, 'g.grant_id = b.grant_id LIMIT 1')}) g
    LEFT JOIN LATERAL (
      SELECT ${epoch('n.projected_at')} AS spent FROM ${schema}.bearer_tokens n
       WHERE n.grant_id = b.grant_id AND n.generation > b.generation AND b.generation < g.refresh_generation
       ORDER BY n.generation LIMIT 1) s ON true
    LEFT JOIN ${schema}.checkpoints k ON k.topic = g.topic AND k.partition = g.partition
    LEFT JOIN ${schema}.checkpoints r ON r.topic = :registry AND r.partition = 0`
}

/** Codes that live: what is dead, or will be, is found by its index. */
function codesSql(schema: string): string {
  const dying = `(SELECT * FROM ${schema}.grants
    WHERE partition = k.partition AND dead_at > now() AND status = 'authorized' OFFSET 0)`
  return `
  SELECT g.grant_id, (g.authorization_terms->'terms'->>'kid')::int AS kid, ${epoch('g.at')} AS at,
         (g.authorization_terms->>'code_exp')::float8 AS code_end
    FROM ${schema}.checkpoints k CROSS JOIN LATERAL (${grantSql(schema, dying, 'true')}) g
   WHERE k.topic = :grants AND g.alive`
}

function grantSql(schema: string, from: string, where: string): string {
  return `SELECT g.*, g.status <> 'revoked' AND g.registry_position > greatest(c.not_before, u.not_before, -1) AS alive
      FROM ${from} g
      LEFT JOIN ${schema}.clients c USING (client_id)
      LEFT JOIN ${schema}.users u ON g.principal_type = 'user' AND u.sub = g.principal_id
     WHERE ${where}`
}

// How long the read model stood still after `spent`: a grace does not run meanwhile (`stalledMs`).
function stalled(checkpoint: string): string {
  return `(SELECT coalesce(sum(greatest(0, ${epoch('upper(t)')} - greatest(${epoch('lower(t)')}, s.spent))), 0)
      FROM unnest(${checkpoint}.stalls) AS t)`
}
