import type { Knex } from 'knex'

/** All that stands in any table of this database, as one text; of the log its records too. */
export async function everythingIn(knex: Knex): Promise<string> {
  const { rows } = await knex.raw<{ rows: { name: string }[] }>(
    `SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) AS name FROM pg_tables
      WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  )
  const texts = await Promise.all(rows.map(async ({ name }) => `${name} ${await contentsOf(knex, name)}`))
  return texts.join('\n')
}

// Bytes as text as well: a record is stored as such.
async function contentsOf(knex: Knex, table: string): Promise<string> {
  const { rows } = await knex.raw<{ rows: Record<string, unknown>[] }>(`SELECT * FROM ${table}`)
  return JSON.stringify(rows, (_name, value: unknown) =>
    isBuffer(value) ? Buffer.from(value.data).toString('latin1') : value,
  )
}

function isBuffer(value: unknown): value is { type: 'Buffer'; data: number[] } {
  return typeof value === 'object' && value !== null && 'type' in value && value.type === 'Buffer' && 'data' in value
}
