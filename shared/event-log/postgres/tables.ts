import type { Knex } from 'knex'
import { lockUntilCommit } from '../../database/own-name.ts'

const TABLES = `
CREATE SCHEMA IF NOT EXISTS ledger;

CREATE TABLE IF NOT EXISTS ledger.log_identity (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  cluster_id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO ledger.log_identity DEFAULT VALUES ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS ledger.log_partitions (
  topic text NOT NULL,
  partition integer NOT NULL CHECK (partition >= 0),
  next bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE IF NOT EXISTS ledger.log_records (
  topic text NOT NULL,
  partition integer NOT NULL,
  "offset" bigint NOT NULL CHECK ("offset" >= 0),
  at timestamptz NOT NULL,
  key bytea NOT NULL,
  value bytea NOT NULL,
  PRIMARY KEY (topic, partition, "offset")
);

CREATE OR REPLACE FUNCTION ledger.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'ledger.% is append-only: % is refused', TG_TABLE_NAME, TG_OP;
END
$$;

CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.log_records
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON ledger.log_partitions
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();
CREATE OR REPLACE TRIGGER only_rising BEFORE UPDATE ON ledger.log_partitions
  FOR EACH ROW WHEN (NEW.next < OLD.next OR NEW.topic <> OLD.topic OR NEW.partition <> OLD.partition)
  EXECUTE FUNCTION ledger.refuse_change();
CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.log_identity
  FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse_change();

REVOKE UPDATE, DELETE, TRUNCATE ON ledger.log_records, ledger.log_identity FROM PUBLIC;
`

// Of a trigger that is disabled, or fires for a replica only, there is none.
const IN_PLACE = `
SELECT to_regclass('ledger.log_identity') IS NOT NULL AND to_regclass('ledger.log_partitions') IS NOT NULL
       AND to_regclass('ledger.log_records') IS NOT NULL
       AND 4 = (SELECT count(*) FROM pg_trigger
                 WHERE tgrelid IN (to_regclass('ledger.log_identity'), to_regclass('ledger.log_partitions'),
                                   to_regclass('ledger.log_records'))
                   AND tgname IN ('append_only', 'only_rising') AND tgenabled IN ('O', 'A')) AS complete`

/**
 * Creates the tables of the log in schema `ledger`, append-only by trigger: who may write may not rewrite. Idempotent,
 * and needs no right to create where all is in place; inside of the caller's transaction when `knex` is one.
 */
export async function createLogTables(knex: Knex): Promise<void> {
  await knex.transaction(async (trx) => {
    // Two migrations at once must not both find a table missing.
    await lockUntilCommit(trx, 'log tables')
    const { rows } = await trx.raw<{ rows: { complete: boolean }[] }>(IN_PLACE)
    if (!rows[0]?.complete) await trx.raw(TABLES)
  })
}
