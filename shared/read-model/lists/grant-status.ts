import type { DeadReason } from '../../ledger/grant/liveness.ts'

/** What became of a grant, by its own events, its client, its user and its keys; each has one. */
export const GRANT_STATUSES = ['authorized', 'live', 'disabled', 'expired', 'ended', 'revoked'] as const

/**
 * `authorized`: its code can be exchanged. `live`: something of it can be used. `disabled`: it could, were its client
 * and user enabled. `expired`: nothing of it can be used any more. `ended`: with its client, user or key, for ever.
 * `revoked`: by an event of its own.
 */
export type EffectiveStatus = (typeof GRANT_STATUSES)[number]

/** Why a grant of these statuses ended, or cannot be used now, in a stable word; that of a revocation is free text. */
export type EndedReason = DeadReason | 'key_retired'

const reason = (word: EndedReason) => `'${word}'`

/**
 * SQL for the rows of `grants` in `rows`, in their order, with `effective` (an EffectiveStatus) and `because` (a
 * reason, or NULL). Both are NULL for a grant that was decided on more of the registry than this read model shows.
 * Repeats ledger/grant/liveness.ts and sweepable.ts; read-model/still-living.test.ts holds it to them. What is looked
 * up for each row stands in a LATERAL with a limit, which the planner cannot turn into a scan.
 */
export const withStatus = (schema: string, registryTopic: string) => (rows: string) => `(
  SELECT g.*, s.effective, CASE s.effective WHEN 'revoked' THEN g.reason WHEN 'ended' THEN e.reason
           WHEN 'disabled' THEN CASE WHEN c.enabled THEN ${reason('user_disabled')} ELSE ${reason('client_disabled')} END END AS because
    FROM ${rows} g
    LEFT JOIN LATERAL (SELECT * FROM ${schema}.clients WHERE client_id = g.client_id LIMIT 1) c ON true
    LEFT JOIN LATERAL (
      SELECT * FROM ${schema}.users WHERE g.principal_type = 'user' AND sub = g.principal_id LIMIT 1) u ON true
   CROSS JOIN LATERAL (SELECT ${refreshable} AS refreshable LIMIT 1) r
   CROSS JOIN LATERAL (SELECT ${usable(schema)} AS usable LIMIT 1) a
   CROSS JOIN LATERAL (SELECT ${endedReason(schema)} AS reason LIMIT 1) e
   CROSS JOIN LATERAL (
     SELECT CASE WHEN g.registry_position > (
              SELECT next FROM ${schema}.checkpoints WHERE topic = '${registryTopic}' AND partition = 0) THEN NULL
            WHEN g.status = 'revoked' THEN 'revoked'
            WHEN e.reason IS NOT NULL THEN 'ended'
            WHEN NOT a.usable THEN 'expired'
            WHEN NOT c.enabled OR NOT coalesce(u.enabled, true) THEN 'disabled'
            ELSE g.status END AS effective LIMIT 1) s)`

const NOW = 'extract(epoch FROM now())'

const refreshable = `g.refresh_generation > 0 AND g.refreshes_left IS DISTINCT FROM 0
          AND coalesce(least(g.refresh_exp, g.absolute_exp) > ${NOW}, true)`

const usable = (schema: string) => `CASE g.status WHEN 'authorized' THEN g.dead_at > now() ELSE
          r.refreshable OR coalesce(g.older_access_exp > ${NOW}, false) OR coalesce((
            SELECT coalesce(b.exp > ${NOW}, true) FROM ${schema}.bearer_tokens b
             WHERE b.grant_id = g.grant_id AND b.generation = g.access_generation LIMIT 1), false) END`

const endedReason = (schema: string) => `CASE
          ${endedWith('c', 'client')}
          WHEN g.principal_type = 'user' THEN CASE ${endedWith('u', 'user')} ELSE ${endedWithKey(schema)} END
          ELSE ${endedWithKey(schema)} END`

const endedWith = (
  row: string,
  kind: 'client' | 'user',
) => `WHEN ${row}.deleted IS NULL THEN ${reason(`${kind}_unknown`)}
          WHEN ${row}.deleted THEN ${reason(`${kind}_deleted`)}
          WHEN g.registry_position <= coalesce(${row}.not_before, -1) THEN ${reason(`${kind}_grants_revoked`)}`

// What could be used was made with keys that were retired, all of it.
const endedWithKey = (schema: string) => `CASE WHEN a.usable AND EXISTS (SELECT FROM ${schema}.keys WHERE deleted)
            AND NOT coalesce(CASE g.status WHEN 'authorized' THEN ${counts(schema, "(g.authorization_terms->'terms'->>'kid')::int")} ELSE (
              SELECT true FROM ${schema}.bearer_tokens b
               WHERE b.grant_id = g.grant_id AND ${counts(schema, 'b.kid')}
                 AND ((r.refreshable AND b.generation = g.refresh_generation) OR b.exp > ${NOW}
                      OR (b.exp IS NULL AND b.generation = g.access_generation))
               ORDER BY b.generation DESC LIMIT 1) END, false) THEN ${reason('key_retired')} END`

const counts = (schema: string, kid: string) =>
  `NOT coalesce((SELECT k.deleted FROM ${schema}.keys k WHERE k.kid = ${kid} LIMIT 1), false)`
