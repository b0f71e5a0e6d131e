import type { ReadModelTables } from '../read-model.ts'

/**
 * People whose key is not there, or is another one: also those whose name was read while it was there, as it is lost to
 * the next read model. `subs`: the first of them.
 */
export async function readUnreadable(
  { knex, schema }: ReadModelTables,
  most: number,
): Promise<{ subs: string[]; count: number }> {
  const { rows } = await knex.raw<{ rows: { sub: string; count: number }[] }>(
    `SELECT u.sub, (count(*) OVER ())::int AS count
       FROM ${schema}.users u LEFT JOIN ledger.persons k ON k.sub = u.sub
      WHERE u.username_index IS NOT NULL
        AND (u.personal_state = 'unreadable'
             OR (k.forgotten_at IS NULL AND k.key_id::text IS DISTINCT FROM u.value #>> '{personal,key_id}'))
      ORDER BY u.sub LIMIT ?`,
    [most],
  )
  return { subs: rows.map(({ sub }) => sub), count: rows[0]?.count ?? 0 }
}

/** How many people are shown as unreadable. */
export async function countUnreadable({ knex, schema }: ReadModelTables): Promise<number> {
  const { rows } = await knex.raw<{ rows: { count: number }[] }>(
    `SELECT count(*)::int AS count FROM ${schema}.users WHERE personal_state = 'unreadable'`,
  )
  return rows[0]?.count ?? 0
}
