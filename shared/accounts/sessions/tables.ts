import type { Knex } from 'knex'

/**
 * Who is logged in, which grant an approval made, and which links set a password: none of it stands in the log. What is
 * found by an id that lets somebody in stands here by the hash of that id. Whether a session or a link still counts,
 * the log says: each has the registry position that it was made at.
 */
export async function createSessionTables(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE ledger.sessions (
      id_sha256 bytea PRIMARY KEY,
      sid uuid NOT NULL UNIQUE,
      sub text NOT NULL,
      amr text[] NOT NULL,
      registry_position bigint NOT NULL,
      logged_in_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      used_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      network text)`)
  await knex.raw('CREATE INDEX sessions_sub ON ledger.sessions (sub, used_at)')
  await knex.raw('CREATE INDEX sessions_used_at ON ledger.sessions (used_at)')
  await knex.raw(`
    CREATE TABLE ledger.approvals (
      consent_id uuid PRIMARY KEY, grant_id uuid NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp())`)
  await knex.raw('CREATE INDEX approvals_created_at ON ledger.approvals (created_at)')
  await knex.raw(`
    CREATE TABLE ledger.links (
      id_sha256 bytea PRIMARY KEY,
      sub text NOT NULL,
      kind text NOT NULL,
      guarded boolean NOT NULL,
      registry_position bigint NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      expires_at timestamptz NOT NULL)`)
  await knex.raw('CREATE INDEX links_sub ON ledger.links (sub, created_at)')
  await knex.raw('CREATE INDEX links_expires_at ON ledger.links (expires_at)')
}

/** What login applications answered, until the browser is back and nobody can answer any more. */
export async function createLoginOutcomeTable(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE ledger.login_outcomes (
      id uuid PRIMARY KEY,
      browser text NOT NULL,
      onward jsonb NOT NULL,
      outcome jsonb NOT NULL,
      answer_sha256 bytea NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      used_at timestamptz)`)
}

/** When people proved who they are, where another server tells; and what sweeps old answers finds them by. */
export async function addAuthTime(knex: Knex): Promise<void> {
  await knex.raw('ALTER TABLE ledger.sessions ADD COLUMN auth_time timestamptz')
  await knex.raw('CREATE INDEX login_outcomes_created_at ON ledger.login_outcomes (created_at)')
}
