import type { Knex } from 'knex'
import { lockUntilCommit } from '../database/own-name.ts'
import { createLogTables } from '../event-log/postgres/tables.ts'
import { createReadModelTables } from '../read-model/tables.ts'

type Migration = { name: string; up: (knex: Knex) => Promise<void>; down: (knex: Knex) => Promise<void> }

/** Schema `ledger`: what the log cannot rebuild, and the embedded log itself. */
export const LEDGER_MIGRATIONS = sourceOf([
  {
    name: '0001-ledger',
    up: async (knex) => {
      await knex.raw(
        'CREATE TABLE ledger.ledger (singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton), ledger_id uuid NOT NULL)',
      )
      await createLogTables(knex)
    },
    down: refuseDown,
  },
])

/** The read model of one version, in a schema of its own, so that the next version can be built beside it. */
export function readModelMigrations(schema: string): Knex.MigrationSource<Migration> {
  return sourceOf([{ name: '0001-read-model', up: (knex) => createReadModelTables(knex, schema), down: refuseDown }])
}

/**
 * Brings both schemas up to date. Several processes may call it at once: on a server (`shared`) one waits for the
 * other. The embedded database belongs to this process alone. Where nothing is to be done it needs no right to create.
 */
export async function migrateDatabase(knex: Knex, readModel: string, { shared }: { shared: boolean }): Promise<void> {
  const migrateBoth = async () => {
    await latest(knex, 'ledger', LEDGER_MIGRATIONS)
    await latest(knex, readModel, readModelMigrations(readModel))
  }
  if (!shared) return migrateBoth()
  await knex.transaction(async (tx) => {
    await tx.raw('SET LOCAL idle_in_transaction_session_timeout = 0')
    await lockUntilCommit(tx, 'migrate')
    await migrateBoth()
  })
}

async function latest(knex: Knex, schemaName: string, migrationSource: Knex.MigrationSource<Migration>): Promise<void> {
  const config = { schemaName, tableName: 'migrations', migrationSource }
  // PostgreSQL asks for the right to create even where IF NOT EXISTS creates nothing.
  if (!(await hasSchema(knex, schemaName))) await knex.raw(`CREATE SCHEMA ${schemaName}`)
  const [, pending] = (await knex.migrate.list(config)) as [unknown[], unknown[]]
  if (pending.length === 0) return
  // Nobody else is here, so a lock that is left belongs to a process that was killed.
  await knex.migrate.forceFreeMigrationsLock(config)
  await knex.migrate.latest(config)
}

async function hasSchema(knex: Knex, name: string): Promise<boolean> {
  const { rows } = await knex.raw<{ rows: { there: boolean }[] }>('SELECT to_regnamespace(?) IS NOT NULL AS there', [
    name,
  ])
  return rows[0]?.there ?? false
}

function sourceOf(migrations: Migration[]): Knex.MigrationSource<Migration> {
  return {
    getMigrations: async () => migrations,
    getMigrationName: ({ name }) => name,
    getMigration: async ({ up, down }) => ({ up, down }),
  }
}

async function refuseDown(): Promise<void> {
  throw new Error('the ledger migrates forward only: restore a backup, or rebuild the read model from the log')
}
