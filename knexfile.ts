import { LEDGER_MIGRATIONS } from './shared/migrations/migrations.ts'

/**
 * For knex's own command line, on schema `ledger` of LEDGER_DATABASE_URL (NODE_OPTIONS='--import tsx' npx knex
 * migrate:status). `token-ledger migrate` does this and everything else that a ledger needs.
 */
export default {
  client: 'pg',
  connection: process.env['LEDGER_DATABASE_URL'],
  migrations: { schemaName: 'ledger', tableName: 'migrations', migrationSource: LEDGER_MIGRATIONS },
}
