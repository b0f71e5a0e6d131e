import { v7 as uuidv7 } from 'uuid'
import type { Runtime } from '../../shared/process/runtime.ts'

/** What of each kind is written; all in one call share the last eight hours. */
export type ManyGrants = { expired?: number; revoked?: number; live?: number }

/**
 * Writes rows of grants that are in no log, as the projector would: each with one bearer token. What is dead has been
 * for two hours and more.
 */
export async function writeManyGrants(
  { knex, schema, topics }: Pick<Runtime, 'knex' | 'schema' | 'topics'>,
  many: ManyGrants,
) {
  // Random but for its end, which says the partition.
  const start = uuidv7().slice(0, 8)
  for (const [kind, count] of Object.entries(many))
    await knex.raw(
      `WITH made AS MATERIALIZED (
         SELECT n, (? || substr(md5(random()::text), 1, 16) || lpad(to_hex(n), 8, '0'))::uuid AS grant_id, (n % 12)::int AS partition,
                extract(epoch FROM now())::bigint - 10800 - n % 18000 AS iat
           FROM generate_series(1, ?::int) AS n),
       grants AS (
         INSERT INTO ${schema}.grants (grant_id, topic, partition, last_offset, at, status, client_id, principal_type,
                principal_id, grant_type, scope, registry_position, access_generation, refresh_generation, refresh_lifetime,
                refresh_exp, refresh_grace_seconds, refresh_rotation, reason, dead_at)
         SELECT grant_id, ?, partition, 0, to_timestamp(iat), CASE ? WHEN 'revoked' THEN 'revoked' ELSE 'live' END, 'shop', 'user',
                'ada', 'administrator', 'read write', 0, 1, 1, 3600, iat + CASE ? WHEN 'expired' THEN 3600 ELSE 864000 END, 30, true,
                CASE ? WHEN 'revoked' THEN 'client_request' END, CASE ? WHEN 'revoked' THEN to_timestamp(iat) END FROM made)
       INSERT INTO ${schema}.bearer_tokens (grant_id, generation, event_id, kid, scope, at, iat, exp, projected_at, partition, look_at)
       SELECT grant_id, 1, n::text, 1, 'read write', to_timestamp(iat), iat, iat + 3600, to_timestamp(iat), partition,
              to_timestamp(iat + 3600) FROM made`,
      [start, count, topics.grants, kind, kind, kind, kind],
    )
}
