import type { Knex } from 'knex'
import { createPasswordTable } from '../accounts/passwords/tables.ts'
import { addAuthTime, createLoginOutcomeTable, createSessionTables } from '../accounts/sessions/tables.ts'
import {
  createAssertionTable,
  createIdempotencyTable,
  createLimitsTable,
  createPersonsVersion,
  createPersonTables,
} from '../accounts/tables.ts'
import { lockUntilCommit } from '../database/own-name.ts'
import { createLogTables } from '../event-log/postgres/tables.ts'
import { createVersionTables } from '../read-model/versions/tables.ts'

type Migration = { name: string; up: (knex: Knex) => Promise<void>; down: (knex: Knex) => Promise<void> }

/** Schema `ledger`: what the log cannot rebuild, and the embedded log itself. Read models are made whole instead. */
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
  { name: '0002-read-models', up: createVersionTables, down: refuseDown },
  { name: '0003-persons', up: createPersonTables, down: refuseDown },
  { name: '0004-idempotent-requests', up: createIdempotencyTable, down: refuseDown },
  { name: '0005-passwords', up: createPasswordTable, down: refuseDown },
  { name: '0006-assertions', up: createAssertionTable, down: refuseDown },
  { name: '0007-limits', up: createLimitsTable, down: refuseDown },
  { name: '0008-sessions', up: createSessionTables, down: refuseDown },
  { name: '0009-login-outcomes', up: createLoginOutcomeTable, down: refuseDown },
  { name: '0010-auth-time', up: addAuthTime, down: refuseDown },
  { name: '0011-persons-version', up: createPersonsVersion, down: refuseDown },
])

/**
 * Brings schema `ledger` up to date. Several processes may call it at once: on a server (`shared`) one waits for the
 * other. The embedded database belongs to this process alone. Where nothing is to be done it needs no right to create.
 */
export async function migrateDatabase(knex: Knex, { shared }: { shared: boolean }): Promise<void> {
  if (!shared) return latest(knex)
  await knex.transaction(async (tx) => {
    await tx.raw('SET LOCAL idle_in_transaction_session_timeout = 0')
    await lockUntilCommit(tx, 'migrate')
    await latest(knex)
  })
}

async function latest(knex: Knex): Promise<void> {
  const config = { schemaName: 'ledger', tableName: 'migrations', migrationSource: LEDGER_MIGRATIONS }
  // PostgreSQL asks for the right to create even where IF NOT EXISTS creates nothing.
  const { rows } = await knex.raw<{ rows: { there: boolean }[] }>(
    "SELECT to_regnamespace('ledger') IS NOT NULL AS there",
  )
  if (!rows[0]?.there) await knex.raw('CREATE SCHEMA ledger')
  const [, pending] = (await knex.migrate.list(config)) as [unknown[], unknown[]]
  if (pending.length === 0) return
  // Nobody else is here, so a lock that is left belongs to a process that was killed.
  await knex.migrate.forceFreeMigrationsLock(config)
  await knex.migrate.latest(config)
}

function sourceOf(migrations: Migration[]): Knex.MigrationSource<Migration> {
  return {
    getMigrations: async () => migrations,
    getMigrationName: ({ name }) => name,
    getMigration: async ({ up, down }) => ({ up, down }),
  }
}

async function refuseDown(): Promise<void> {
  throw new Error('the ledger migrates forward only: restore a backup')
}
