import type { Knex } from 'knex'

/**
 * Passwords, which the log does not have: one row for each `sub`, so that of two changes at once one comes first. Which
 * of them counts, the log says: that of the user's epoch, which never falls, so that no old row is ever taken again.
 */
export async function createPasswordTable(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE ledger.passwords (
      sub text PRIMARY KEY,
      epoch integer NOT NULL,
      pending boolean NOT NULL,
      set_by text NOT NULL,
      kid smallint,
      salt bytea,
      cost jsonb,
      hash bytea,
      CHECK (num_nonnulls(kid, salt, cost, hash) IN (0, 4)))`)
  await knex.raw('CREATE INDEX passwords_kid ON ledger.passwords (kid)')
}
