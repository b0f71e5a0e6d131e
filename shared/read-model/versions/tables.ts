import type { Knex } from 'knex'

/**
 * Which read models there are, and which processes read and project them: in schema `ledger`, because no read model can
 * say it of another. The log cannot rebuild them, and nothing is lost with them: a lost list is made anew by `migrate`
 * and by the processes themselves.
 */
export async function createVersionTables(knex: Knex): Promise<void> {
  await knex.raw(`
CREATE TABLE ledger.read_models (
  schema_name text PRIMARY KEY,
  layout integer NOT NULL,
  tables_sha256 text,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  built_at timestamptz,
  chosen boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX read_models_chosen ON ledger.read_models (layout) WHERE chosen;
CREATE TABLE ledger.processes (
  process_id uuid PRIMARY KEY,
  host text NOT NULL,
  pid integer NOT NULL,
  services text[] NOT NULL,
  release text NOT NULL,
  reads text,
  pinned boolean NOT NULL,
  projects text[] NOT NULL,
  seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
)`)
  await knex.raw(FOUND)
}

// Those of the releases before this list, which had one layout, and counted the changes to it in a table of its own.
const FOUND = `
INSERT INTO ledger.read_models (schema_name, layout, built_at, chosen)
SELECT nspname, 1, clock_timestamp(), row_number() OVER (ORDER BY nspname) = 1
  FROM pg_namespace
 WHERE (SELECT count(*) FROM pg_class c
         WHERE c.relnamespace = pg_namespace.oid AND c.relname IN ('checkpoints', 'bearer_tokens', 'migrations')) = 3`
