import { NAMING_COLUMNS } from '../../accounts/person-columns.ts'
import type { SealedUser } from '../../ledger/user.ts'
import { registryColumns } from '../registry-rows.ts'

/**
 * SQL (CTEs, after `moveSql`) that keeps the keys of these persons as they are until all is written. Whoever is
 * forgotten at that moment is waited for, and read as forgotten. `keysHeld` gives its bindings. Compared in a join of
 * its own: joined before it is locked, all of `persons` would be read.
 */
export const KEYS_HELD = `
  keys_held AS MATERIALIZED (
    SELECT p.sub, p.key_id FROM ledger.persons p, ready
     WHERE ready.ok AND p.sub = ANY (?::text[]) ORDER BY p.sub FOR KEY SHARE OF p),
  keys_compared AS MATERIALIZED (
    SELECT k.sub, k.key_id, k.key_id = r.key_id AS opens
      FROM keys_held k JOIN unnest(?::text[], ?::uuid[]) AS r (sub, key_id) USING (sub))`

/** The bindings of `KEYS_HELD`: whose keys, and which key each one's record was sealed under. */
export function keysHeld(sealed: readonly SealedUser[]): string[][] {
  const subs = sealed.map(({ sub }) => sub)
  return [subs, subs, sealed.map(({ personal }) => personal.key_id)]
}

/**
 * SQL (a CTE, after `KEYS_HELD`) that writes rows of users, each with its names only while the key is there that they
 * were read with: a projector that read them just before the person was forgotten writes them no more.
 */
export function usersSql(schema: string): string {
  const columns = registryColumns('user')
  return `users_changed AS (
    INSERT INTO ${schema}.users (${columns.join(', ')})
    SELECT ${columns.map(valueOf).join(', ')}
      FROM json_populate_recordset(NULL::${schema}.users, ?::json) AS r LEFT JOIN keys_compared k ON k.sub = r.sub, ready
     WHERE ready.ok AND (SELECT count(*) FROM keys_held) >= 0
    ON CONFLICT (sub) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')})`
}

// What stands in clear in the log has no key.
const IS_OPEN = 'r.username_index IS NULL OR k.opens'
const STATE = `CASE WHEN r.username_index IS NULL THEN r.personal_state
                    WHEN k.sub IS NOT NULL AND k.key_id IS NULL THEN 'forgotten'
                    WHEN r.personal_state IS NULL AND NOT coalesce(${IS_OPEN}, false) THEN 'unreadable'
                    ELSE r.personal_state END`

function valueOf(column: string): string {
  if (column === 'personal_state') return STATE
  return NAMING_COLUMNS.includes(column) ? `CASE WHEN ${IS_OPEN} THEN r.${column} END` : `r.${column}`
}
