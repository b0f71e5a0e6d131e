import { mkdir } from 'node:fs/promises'
import knexFactory, { type Knex } from 'knex'
import pg from 'pg'
import { sessionSql, startupOptions } from './session-settings.ts'

const INT8 = 20

// Offsets, counts and NumericDates stay far below 2^53: numbers, not strings.
pg.types.setTypeParser(INT8, Number)

/** A pool on real PostgreSQL. A transaction left idle for 5 s (a frozen process) is ended by the server. */
export function openPostgres(url: string, { pool, queryTimeoutMs }: { pool: number; queryTimeoutMs: number }): Knex {
  return knexFactory({
    client: 'pg',
    connection: {
      connectionString: url,
      connectionTimeoutMillis: 2_000,
      statement_timeout: queryTimeoutMs,
      // A server that hangs answers no timeout of its own.
      query_timeout: queryTimeoutMs + 500,
      idle_in_transaction_session_timeout: 5_000,
      application_name: 'token-ledger',
      options: startupOptions(),
      keepAlive: true,
    },
    pool: { min: 0, max: pool },
    acquireConnectionTimeout: 3_000,
  })
}

export type EmbeddedDatabase = { knex: Knex; close: () => Promise<void> }

/**
 * PGlite in a local folder (`null` = in memory). One session in the whole process, so exactly one pool of one
 * connection. The caller makes sure that no other process has the folder open.
 */
export async function openEmbedded(folder: string | null): Promise<EmbeddedDatabase> {
  const { PGlite } = await import('@electric-sql/pglite')
  const { createPgConfig } = await import('@electric-sql/pglite/node-postgres')
  if (folder) await mkdir(folder, { recursive: true, mode: 0o700 })
  const lite = await (folder ? PGlite.create(folder) : PGlite.create())
  await lite.exec(sessionSql())
  // A function, because knex clones a plain connection object.
  const knex = knexFactory({ client: 'pg', connection: () => createPgConfig(lite), pool: { min: 1, max: 1 } })
  return {
    knex,
    close: async () => {
      await knex.destroy()
      await lite.close()
    },
  }
}
