import type { Knex } from 'knex'

/** Who is logged in, by the hash of a cookie, and which grant an approval made, while it may be repeated. */
export async function createSessionTables(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE ledger.sessions (
      id_sha256 bytea PRIMARY KEY,
      sid text NOT NULL UNIQUE,
      sub text NOT NULL,
      amr text[] NOT NULL,
      registry_position bigint NOT NULL,
      logged_in_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      seen_at timestamptz NOT NULL DEFAULT clock_timestamp())`)
  await knex.raw(`
    CREATE TABLE ledger.approvals (
      consent_id uuid PRIMARY KEY, grant_id uuid NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp())`)
}
