import type { Knex } from 'knex'
import { createLogTables } from '../event-log/postgres-tables.ts'
import { createReadModelTables } from '../read-model/read-model-tables.ts'

type Migration = { name: string; up: (knex: Knex) => Promise<void>; down: (knex: Knex) => Promise<void> }

/** Schema `ledger`: what the log cannot rebuild, and the embedded log itself. */
export const LEDGER_MIGRATIONS = sourceOf([
  {
    name: '0001-ledger',
    up: async (knex) => {
      await knex.raw(
        'CREATE TABLE ledger.ledger (only boolean PRIMARY KEY DEFAULT true CHECK (only), ledger_id uuid NOT NULL)',
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

/** Brings both schemas up to date. Safe to run from several processes at once: knex takes its migration lock. */
export async function migrateDatabase(knex: Knex, readModel: string): Promise<void> {
  await latest(knex, 'ledger', LEDGER_MIGRATIONS)
  await latest(knex, readModel, readModelMigrations(readModel))
}

async function latest(knex: Knex, schemaName: string, migrationSource: Knex.MigrationSource<Migration>): Promise<void> {
  await knex.raw(`CREATE SCHEMA IF NOT EXISTS ${schemaName}`)
  await knex.migrate.latest({ schemaName, tableName: 'migrations', migrationSource })
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
