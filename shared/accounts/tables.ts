import type { Knex } from 'knex'

/**
 * The keys of persons, which the log does not have: one row for each `sub`, so that a key is made or is forgotten for
 * ever by one row's lock. The name key makes the index of user names; it never changes, only what wraps it.
 */
export async function createPersonTables(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE ledger.persons (
      sub text PRIMARY KEY,
      key_id uuid UNIQUE,
      kid smallint,
      wrapped bytea,
      forgotten_at timestamptz,
      CHECK (num_nonnulls(key_id, kid, wrapped) = CASE WHEN forgotten_at IS NULL THEN 3 ELSE 0 END))`)
  await knex.raw('CREATE INDEX persons_kid ON ledger.persons (kid)')
  await knex.raw('CREATE INDEX persons_forgotten ON ledger.persons (sub) WHERE forgotten_at IS NOT NULL')
  await knex.raw(`
    CREATE TABLE ledger.name_key (
      singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton), kid smallint NOT NULL, wrapped bytea NOT NULL)`)
}

/**
 * Which version of the keys of persons this is: another one whenever a key was forgotten, replaced or lost, by whatever
 * statement. Whoever writes a name holds it by a share of this one row, instead of the row of each key.
 */
export async function createPersonsVersion(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE ledger.persons_version (
      singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton), version uuid NOT NULL DEFAULT gen_random_uuid())`)
  await knex.raw('INSERT INTO ledger.persons_version DEFAULT VALUES')
  await knex.raw(`
    CREATE FUNCTION ledger.renew_persons_version() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      UPDATE ledger.persons_version SET version = gen_random_uuid();
      RETURN NULL;
    END
    $$`)
  await knex.raw(`
    CREATE TRIGGER renew_version AFTER UPDATE OF key_id OR DELETE OR TRUNCATE ON ledger.persons
      FOR EACH STATEMENT EXECUTE FUNCTION ledger.renew_persons_version()`)
}

/**
 * Which request made what, for as long as its sender may repeat it: hashes and ids, nothing that lets anybody in.
 * `body_mac`: keyed (`kid`), as a body with a name in it can be guessed; null once the person in it was forgotten.
 */
export async function createIdempotencyTable(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE ledger.idempotent_requests (
      principal text NOT NULL,
      key_sha256 bytea NOT NULL,
      route text NOT NULL,
      kid smallint NOT NULL,
      body_mac bytea,
      id text NOT NULL,
      revision integer NOT NULL,
      salt text NOT NULL,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (principal, key_sha256))`)
  await knex.raw('CREATE INDEX idempotent_requests_created_at ON ledger.idempotent_requests (created_at)')
}

/**
 * How often something failed in the last minute, by keys that name nobody; the columns are those of
 * rate-limiter-flexible, `expire` in ms. A crash may empty it, and a standby does not have it: who was refused is heard
 * again.
 */
export async function createLimitsTable(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE UNLOGGED TABLE ledger.limits (key text PRIMARY KEY, points integer NOT NULL, expire bigint NOT NULL)
      WITH (fillfactor = 70)`)
  await knex.raw('CREATE INDEX limits_expire ON ledger.limits (expire)')
}

/** Which assertions were used for what, while they are good: hashes only. `jti` is the client's own, of any length. */
export async function createAssertionTable(knex: Knex): Promise<void> {
  await knex.raw(`
    CREATE TABLE ledger.assertions (
      client_id text NOT NULL,
      jti_sha256 bytea NOT NULL,
      request_sha256 bytea NOT NULL,
      expires_at timestamptz NOT NULL,
      PRIMARY KEY (client_id, jti_sha256))`)
  await knex.raw('CREATE INDEX assertions_expires_at ON ledger.assertions (expires_at)')
}
