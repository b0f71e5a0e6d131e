import { mkdir } from 'node:fs/promises'
import knexFactory, { type Knex } from 'knex'
import pg from 'pg'
import { cutQuotes } from './cut-quotes.ts'
import { sessionSql, startupOptions } from './session-settings.ts'

const INT8 = 20

// Offsets, counts and NumericDates stay far below 2^53: numbers, not strings.
pg.types.setTypeParser(INT8, Number)

/** Takes what the pool has to say, one message at a time: by itself it would print text, with stacks, to stderr. */
export type DatabaseWarning = (message: string) => void

/** What stands between us and the server: `transaction` gives a connection for one transaction at a time. */
export type Pooler = 'none' | 'transaction'

/** A PostgreSQL server, and who goes there: one URL, or its parts as they are. */
export type DatabaseAddress =
  { connectionString: string } | { host: string; port: number; database: string; user: string; password?: string }

type Pool = { pool: number; queryTimeoutMs: number; pooler?: Pooler; warn?: DatabaseWarning }

/** A pool on real PostgreSQL. A transaction left idle for 5 s (a frozen process) is ended by the server. */
export function openPostgres(address: DatabaseAddress, { pool, queryTimeoutMs, pooler = 'none', warn }: Pool): Knex {
  return openKnex({
    log: quiet(warn),
    connection: {
      ...address,
      connectionTimeoutMillis: 2_000,
      // A server that hangs answers no timeout of its own.
      query_timeout: queryTimeoutMs + 500,
      application_name: 'token-ledger',
      keepAlive: true,
      ...(pooler === 'none' && {
        statement_timeout: queryTimeoutMs,
        idle_in_transaction_session_timeout: 5_000,
        options: startupOptions(),
      }),
    },
    pool: { min: 0, max: pool, ...(pooler === 'transaction' && { afterCreate: nameNothing }) },
    acquireConnectionTimeout: 3_000,
  })
}

/** By itself knex writes parameters into the message of an error, in the place of operators such as `?`. */
function openKnex(config: Knex.Config): Knex {
  return knexFactory({ ...config, client: 'pg', compileSqlOnError: false }).on('query-error', cutQuotes)
}

type Query = (query: unknown, ...rest: unknown[]) => unknown

/** Behind a pooler the next transaction meets another session, which knows no statement prepared in this one. */
function nameNothing(connection: { query: Query }, done: (error: null, connection: unknown) => void): void {
  const query = connection.query.bind(connection)
  connection.query = (first, ...rest) => query(isNamed(first) ? { ...first, name: undefined } : first, ...rest)
  done(null, connection)
}

/** A statement as an object of its own, not one that pg would go on using. */
function isNamed(query: unknown): query is { text: string; name: string } {
  return typeof query === 'object' && query !== null && 'text' in query && 'name' in query && !('submit' in query)
}

function quiet(warn: DatabaseWarning = () => undefined) {
  const tell = (said: unknown) => warn(textOf(said))
  return { warn: tell, error: tell, deprecate: tell, debug: () => undefined }
}

/** The first line of it: whoever asked gets the error itself, and a stack of the pool's timers helps nobody. */
function textOf(said: unknown): string {
  return String(said instanceof Error ? said.message : said).split('\n', 1)[0] ?? ''
}

export type EmbeddedDatabase = { knex: Knex; close: () => Promise<void> }

/**
 * PGlite in a local folder (`null` = in memory). One session in the whole process, so exactly one pool of one
 * connection. The caller makes sure that no other process has the folder open.
 */
export async function openEmbedded(folder: string | null, warn?: DatabaseWarning): Promise<EmbeddedDatabase> {
  const { PGlite } = await import('@electric-sql/pglite')
  const { createPgConfig } = await import('@electric-sql/pglite/node-postgres')
  if (folder) await mkdir(folder, { recursive: true, mode: 0o700 })
  const lite = await (folder ? PGlite.create(folder) : PGlite.create())
  await lite.exec(sessionSql())
  // A function, because knex clones a plain connection object.
  const connection = () => createPgConfig(lite)
  const knex = openKnex({ log: quiet(warn), connection, pool: { min: 1, max: 1 } })
  return {
    knex,
    close: async () => {
      await knex.destroy()
      await lite.close()
    },
  }
}
