import type { Knex } from 'knex'

const REGISTRY_COLUMNS = `
  revision integer NOT NULL,
  deleted boolean NOT NULL,
  not_before bigint,
  last_offset bigint NOT NULL,
  at timestamptz NOT NULL`

/**
 * Creates the read model's tables in `schema`. Everything here can be thrown away and folded again from the log.
 * No foreign key leads from grants to the registry: the order between their partitions is undefined.
 */
export async function createReadModelTables(knex: Knex, schema: string): Promise<void> {
  await knex.raw(checkpoints(schema))
  await knex.raw(grants(schema))
  await knex.raw(registry(schema))
  await knex.raw(liveBearerTokens(schema))
  await createKeyTable(knex, schema)
}

/** The keys that the log knows; a ledger of before has no such table yet. */
export async function createKeyTable(knex: Knex, schema: string): Promise<void> {
  await knex.raw(
    `CREATE TABLE IF NOT EXISTS ${schema}.keys (kid smallint PRIMARY KEY, checks jsonb, ${REGISTRY_COLUMNS})`,
  )
}

// A checkpoint row changes with every batch: room on its page keeps the updates in place (HOT).
const checkpoints = (schema: string) => `
CREATE TABLE ${schema}.checkpoints (
  topic text NOT NULL,
  partition integer NOT NULL,
  next bigint NOT NULL DEFAULT 0,
  last_offset bigint,
  last_hash bytea,
  first_hash bytea,
  chain bytea NOT NULL,
  leader_epoch integer,
  cluster_id text,
  fresh_as_of timestamptz,
  stalled_at timestamptz,
  resumed_at timestamptz,
  status text NOT NULL DEFAULT 'ok' CHECK (status IN ('ok', 'stopped', 'diverged')),
  status_reason text,
  void_count bigint NOT NULL DEFAULT 0,
  guard_revision integer NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, partition)
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`

/** The read model of an installed ledger remembers each of the latest stalls, and not what they come to. */
export async function addStalls(knex: Knex, schema: string): Promise<void> {
  await knex.raw(`ALTER TABLE ${schema}.checkpoints ADD COLUMN stalls tstzrange[] NOT NULL DEFAULT '{}'`)
  await knex.raw(
    `UPDATE ${schema}.checkpoints SET stalls = ARRAY[tstzrange(stalled_at, resumed_at, '[]')]
      WHERE stalled_at <= resumed_at`,
  )
  await knex.raw(`ALTER TABLE ${schema}.checkpoints DROP COLUMN stalled_at, DROP COLUMN resumed_at`)
}

/** The read model of an installed ledger learns which record each partition of its log began with. */
export async function addFirstHash(knex: Knex, schema: string): Promise<void> {
  await knex.raw(`ALTER TABLE ${schema}.checkpoints ADD COLUMN IF NOT EXISTS first_hash bytea`)
}

/** No event of before was decided under the guard's counter. */
export async function addGuardRevision(knex: Knex, schema: string): Promise<void> {
  await knex.raw(`ALTER TABLE ${schema}.checkpoints ADD COLUMN IF NOT EXISTS guard_revision integer NOT NULL DEFAULT 0`)
}

const grants = (schema: string) => `
CREATE TABLE ${schema}.grants (
  grant_id uuid PRIMARY KEY,
  topic text NOT NULL,
  partition integer NOT NULL,
  last_offset bigint NOT NULL,
  at timestamptz NOT NULL,
  status text NOT NULL CHECK (status IN ('authorized', 'live', 'revoked')),
  client_id text NOT NULL,
  principal_type text NOT NULL CHECK (principal_type IN ('user', 'client')),
  principal_id text NOT NULL,
  grant_type text NOT NULL,
  scope text NOT NULL,
  registry_position bigint NOT NULL,
  access_generation integer NOT NULL,
  refresh_generation integer NOT NULL,
  refresh_lifetime bigint,
  refresh_exp bigint,
  absolute_exp bigint,
  refreshes_left integer,
  refresh_grace_seconds integer,
  refresh_rotation boolean,
  reason text,
  authorization_terms jsonb
) WITH (fillfactor = 70);
CREATE TABLE ${schema}.bearer_tokens (
  grant_id uuid NOT NULL,
  generation integer NOT NULL,
  event_id text NOT NULL,
  kid smallint NOT NULL,
  scope text NOT NULL,
  at timestamptz NOT NULL,
  iat bigint NOT NULL,
  exp bigint,
  projected_at timestamptz NOT NULL,
  PRIMARY KEY (grant_id, generation)
)`

// Names are unique by the fold, not by an index: a batch is written as its final state, where a name may change hands
// twice.
const registry = (schema: string) => `
CREATE TABLE ${schema}.clients (
  client_id text PRIMARY KEY,
  client_name text, client_version text, client_type text, grant_types text[], redirect_uris text[], scope text,
  token_endpoint_auth_method text, access_token_lifetime integer, refresh_token_limit integer,
  refresh_token_lifetime integer, refresh_token_absolute_lifetime integer, refresh_grace_seconds integer,
  refresh_rotation boolean, groups text[], resource_server_folders text[], enabled boolean, secret jsonb,
  ${REGISTRY_COLUMNS});
CREATE INDEX clients_name ON ${schema}.clients (client_name, client_version);
CREATE TABLE ${schema}.scopes (name text PRIMARY KEY, description text, includes text[], ${REGISTRY_COLUMNS});
CREATE TABLE ${schema}.users (
  sub text PRIMARY KEY, username text, name text, email text, groups text[], enabled boolean, ${REGISTRY_COLUMNS});
CREATE INDEX users_username ON ${schema}.users (username);
CREATE TABLE ${schema}.groups (name text PRIMARY KEY, description text, ${REGISTRY_COLUMNS});
CREATE TABLE ${schema}.acls (
  name text PRIMARY KEY, allowed_groups text[], denied_groups text[], ${REGISTRY_COLUMNS});
CREATE TABLE ${schema}.resources (
  name text PRIMARY KEY, execute_acl text, templates jsonb, ${REGISTRY_COLUMNS})`

// For people with SQL: which bearer tokens live now, whose they are and through which client. Repeats what
// ledger/grant/liveness.ts says; read-model/still-living.test.ts holds it to that.
const liveBearerTokens = (schema: string) => `
CREATE VIEW ${schema}.live_bearer_tokens AS
SELECT b.grant_id, b.generation, b.scope, to_timestamp(b.iat) AS issued_at, to_timestamp(b.exp) AS expires_at,
       g.client_id, c.client_name, c.client_version, g.principal_type, g.principal_id,
       u.username, u.name, u.email, u.groups
  FROM ${schema}.bearer_tokens b
  JOIN ${schema}.grants g USING (grant_id)
  JOIN ${schema}.clients c USING (client_id)
  LEFT JOIN ${schema}.users u ON g.principal_type = 'user' AND u.sub = g.principal_id
 WHERE g.status = 'live'
   AND (b.exp > extract(epoch FROM now()) OR (b.exp IS NULL AND b.generation = g.access_generation))
   AND c.enabled AND NOT c.deleted AND g.registry_position > coalesce(c.not_before, -1)
   AND (g.principal_type = 'client'
        OR (u.enabled AND NOT u.deleted AND g.registry_position > coalesce(u.not_before, -1)))`
