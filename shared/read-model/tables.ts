import { createHash } from 'node:crypto'
import type { Knex } from 'knex'

// `value`: json, as it is read whole and never searched; jsonb is made of each member when a row is written.
const REGISTRY_COLUMNS = `
  value json,
  revision integer NOT NULL,
  deleted boolean NOT NULL,
  not_before bigint,
  last_offset bigint NOT NULL,
  at timestamptz NOT NULL`

/**
 * The number of these tables. A release that changes one of them, or an index or a view, raises it, once: it is the N
 * of the schema `ledger_vN`, which is built beside the one in use.
 */
export const LAYOUT = 2

/** Everything that a read model is, in `schema`. */
const tablesOf = (schema: string): string[] => [
  checkpoints(schema),
  grants(schema),
  bearerTokens(schema),
  registry(schema),
  liveBearerTokens(schema),
]

/**
 * Creates the read model's tables in `schema`. Everything here can be thrown away and folded again from the log.
 * No foreign key leads from grants to the registry: the order between their partitions is undefined.
 */
export async function createReadModelTables(knex: Knex, schema: string): Promise<void> {
  for (const sql of tablesOf(schema)) await knex.raw(sql)
}

// `plain_user_records`: how many records name a person in clear, void ones too.
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
  stalls tstzrange[] NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'ok' CHECK (status IN ('ok', 'stopped', 'diverged')),
  status_reason text,
  void_count bigint NOT NULL DEFAULT 0,
  guard_revision integer NOT NULL DEFAULT 0,
  plain_user_records bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (topic, partition)
) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000)`

// `dead_at`: when a code expires, or when the grant was revoked; null while it lives, so that a refresh changes nothing
// that has an index, and stays on its page (HOT).
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
  older_access_exp bigint,
  reason text,
  dead_at timestamptz,
  authorization_terms jsonb,
  code jsonb
) WITH (fillfactor = 70);
CREATE INDEX grants_dead ON ${schema}.grants (partition, dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX grants_client ON ${schema}.grants (client_id, grant_id);
CREATE INDEX grants_principal ON ${schema}.grants (principal_type, principal_id, grant_id);
CREATE INDEX grants_not_live ON ${schema}.grants (status, grant_id) WHERE status <> 'live'`

// `look_at`: when the sweeper looks at a token next; null = at no time. The primary key ends the index, so that the
// tokens of one time, or of none, can be gone through in pages as well.
const bearerTokens = (schema: string) => `
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
  partition smallint NOT NULL,
  look_at timestamptz,
  PRIMARY KEY (grant_id, generation)
);
CREATE INDEX bearer_tokens_key ON ${schema}.bearer_tokens (kid, partition, look_at, grant_id, generation)`

// What is listed, in the order of these columns: names in the collation "C" are in one order on every server.
const LISTS: [table: string, ...key: string[]][] = [
  ['clients', 'client_id'],
  ['clients', 'client_name', 'client_id'],
  ['users', 'sub'],
  ['users', 'username_sort', 'sub'],
  ['scopes', 'name'],
  ['groups', 'name'],
  ['acls', 'name'],
  ['resources', 'name'],
]

const listIndex = (schema: string, table: string, key: string[]) =>
  `CREATE INDEX ${[table, ...key].join('_')}_list ON ${schema}.${table}
  (${key.map((column) => `${column} COLLATE "C"`).join(', ')}) WHERE NOT deleted`

// What names a person stands in the columns `username`, `name` and `email` of `users` alone, in clear, as far as it can
// be read, and in `username_sort`, the folded name that lists go by and users are found by (`usernameSort`).
// `personal_state`: why it cannot be read. `external_indexes`: of the accounts elsewhere, null where there are none.
// Names are unique by the fold, not by an index: a batch is written as its final state, where a name may change hands
// twice.
const registry = (schema: string) => `
CREATE TABLE ${schema}.clients (
  client_id text PRIMARY KEY,
  client_name text, client_version text, client_type text, grant_types text[], redirect_uris text[], scope text,
  token_endpoint_auth_method text, access_token_lifetime integer, refresh_token_limit integer,
  refresh_token_lifetime integer, refresh_token_absolute_lifetime integer, refresh_grace_seconds integer,
  refresh_rotation boolean, groups text[], resource_server_folders text[], enabled boolean, secret jsonb,
  description text, jwks jsonb, previous_secret jsonb,
  ${REGISTRY_COLUMNS});
CREATE INDEX clients_name ON ${schema}.clients (client_name, client_version);
CREATE INDEX clients_groups ON ${schema}.clients USING gin (groups) WHERE NOT deleted;
CREATE INDEX clients_scope ON ${schema}.clients USING gin (string_to_array(scope, ' ')) WHERE NOT deleted;
CREATE INDEX clients_folders ON ${schema}.clients USING gin (resource_server_folders) WHERE NOT deleted;
CREATE INDEX clients_disabled ON ${schema}.clients (client_id COLLATE "C") WHERE NOT deleted AND NOT enabled;
CREATE TABLE ${schema}.scopes (name text PRIMARY KEY, description text, includes text[], ${REGISTRY_COLUMNS});
CREATE TABLE ${schema}.users (
  sub text PRIMARY KEY, username text, name text, email text, groups text[], enabled boolean, username_index text,
  username_sort text, external_indexes text[],
  personal_state text CHECK (personal_state IN ('forgotten', 'unreadable')),
  password_epoch integer NOT NULL DEFAULT 0, ${REGISTRY_COLUMNS});
CREATE INDEX scopes_named ON ${schema}.scopes (name) WHERE not_before IS NOT NULL;
CREATE INDEX users_username_index ON ${schema}.users (username_index);
CREATE INDEX users_external ON ${schema}.users USING gin (external_indexes) WHERE external_indexes IS NOT NULL;
CREATE INDEX users_forgotten ON ${schema}.users (sub COLLATE "C") WHERE personal_state = 'forgotten';
CREATE INDEX users_groups ON ${schema}.users USING gin (groups) WHERE NOT deleted;
CREATE INDEX users_disabled ON ${schema}.users (sub COLLATE "C") WHERE NOT deleted AND NOT enabled;
CREATE INDEX users_unreadable ON ${schema}.users (sub) WHERE personal_state = 'unreadable';
CREATE TABLE ${schema}.groups (name text PRIMARY KEY, description text, ${REGISTRY_COLUMNS});
CREATE INDEX groups_named ON ${schema}.groups (name) WHERE not_before IS NOT NULL;
CREATE TABLE ${schema}.acls (
  name text PRIMARY KEY, allowed_groups text[], denied_groups text[], ${REGISTRY_COLUMNS});
CREATE TABLE ${schema}.resources (
  name text PRIMARY KEY, execute_acl text, templates jsonb, ${REGISTRY_COLUMNS});
CREATE TABLE ${schema}.keys (kid smallint PRIMARY KEY, checks jsonb, ${REGISTRY_COLUMNS});
${LISTS.map(([table, ...key]) => listIndex(schema, table, key)).join(';\n')}`

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

/** What these tables are told by: two builds of one release may differ, as long as it is not released. */
export const TABLES_SHA256 = createHash('sha256').update(tablesOf('schema').join('\n')).digest('hex')
