import type { Knex } from 'knex'
import { GRANT_COLUMNS } from '../grant-rows.ts'
import { REGISTRY_TABLES, type StoredKind } from '../registry-rows.ts'

/** The schema that people with SQL are given rights on: its views stay where they are, whatever is read underneath. */
export const VIEWS = 'ledger_read'

const SECRETS = ['secret', 'previous_secret']

const STATE = ['revision', 'deleted', 'not_before', 'last_offset', 'at']

// No secret of a client, and nothing that only the sweeper asks for.
const COLUMNS: Record<string, string[]> = {
  grants: GRANT_COLUMNS,
  bearer_tokens: ['grant_id', 'generation', 'event_id', 'kid', 'scope', 'at', 'iat', 'exp', 'projected_at'],
  checkpoints: [
    'topic',
    'partition',
    'next',
    'last_offset',
    'chain',
    'fresh_as_of',
    'status',
    'status_reason',
    'void_count',
  ],
  ...Object.fromEntries(
    (Object.keys(REGISTRY_TABLES) as StoredKind[]).map((kind) => {
      const { table, columns } = REGISTRY_TABLES[kind]
      return [table, [...columns.filter((column) => !SECRETS.includes(column)), ...STATE]]
    }),
  ),
  live_bearer_tokens: ['*'],
}

type Right = { view: string; grantee: string; privilege: string }

/**
 * Points the views of `ledger_read` at this read model, and makes them where they are not there. Whoever had rights on
 * them has the same afterwards.
 */
export async function pointViews(knex: Knex, schema: string): Promise<void> {
  await knex.transaction(async (tx) => {
    const { rows: found } = await tx.raw<{ rows: { there: boolean }[] }>(
      'SELECT to_regnamespace(?) IS NOT NULL AS there',
      [VIEWS],
    )
    if (!found[0]?.there) await tx.raw(`CREATE SCHEMA ${VIEWS}`)
    const rights = await rightsOn(tx)
    for (const [view, columns] of Object.entries(COLUMNS)) {
      await tx.raw(`DROP VIEW IF EXISTS ${VIEWS}.${view}`)
      await tx.raw(`CREATE VIEW ${VIEWS}.${view} AS SELECT ${columns.join(', ')} FROM ${schema}.${view}`)
    }
    for (const { view, grantee, privilege } of rights)
      await tx.raw(`GRANT ${privilege} ON ${VIEWS}.${view} TO ${grantee}`)
  })
}

async function rightsOn(tx: Knex): Promise<Right[]> {
  const { rows } = await tx.raw<{ rows: Right[] }>(
    `SELECT c.relname AS view, a.privilege_type AS privilege,
            CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END AS grantee
       FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) a
      WHERE c.relnamespace = to_regnamespace(?) AND c.relkind = 'v' AND a.grantee <> c.relowner`,
    [VIEWS],
  )
  return rows.filter(({ view }) => view in COLUMNS)
}

/** The read model that the views show; `null` = there are none yet. */
export async function viewedSchema(knex: Knex): Promise<string | null> {
  const { rows } = await knex.raw<{ rows: { schema: string }[] }>(
    `SELECT DISTINCT n.nspname AS schema
       FROM pg_rewrite r
       JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
       JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace n ON n.oid = t.relnamespace
      WHERE r.ev_class = to_regclass(?) AND n.nspname <> ?`,
    [`${VIEWS}.grants`, VIEWS],
  )
  return rows[0]?.schema ?? null
}
