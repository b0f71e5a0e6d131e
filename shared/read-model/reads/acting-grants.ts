import type { ActingGrants } from '../../ledger/access/administrators.ts'
import type { Client, User } from '../../ledger/events.ts'
import { viewOf } from '../../ledger/registry/evolve.ts'
import { EVERYBODY } from '../../ledger/registry/predefined.ts'
import type { RegistryEntity } from '../../ledger/registry/state.ts'
import type { NamedLookup } from '../../ledger/registry/naming.ts'
import type { ReadModelTables } from '../read-model.ts'
import { entityJson, entityOfRow, type RegistryRow } from '../registry-rows.ts'

/** What users can act with, whom it belongs to, and the clients that it goes through. */
export type Acting = { grants: ActingGrants[]; users: User[]; clients: Client[] }

/** Who is asked about: in one of these groups, with one of these scopes, by something made with one of these keys. */
export type Reach = { groups: readonly string[]; scopes: readonly string[]; kids: readonly number[] }

/**
 * What enabled users in one of these groups can do something with now: live access tokens and refresh tokens with one
 * of these scopes, made with one of these keys, 1,000 pairs of user and scope at most. It looks at the grants of
 * these users and of nobody else.
 */
export async function readActingGrants(
  { knex, schema }: ReadModelTables,
  { groups, scopes, kids }: Reach,
  lookup?: NamedLookup,
): Promise<Acting> {
  const bindings = [[...groups], groups.includes(EVERYBODY), [...kids], [...scopes]]
  const { rows } = await knex
    .raw<{ rows: Rows[] }>(actingSql(schema), bindings)
    .options({ name: `read_acting_${schema}` })
  const [row] = rows
  const users = (row?.users ?? []).map((one): RegistryEntity => entityOfRow('user', one))
  const clients = (row?.clients ?? []).map((one): RegistryEntity => entityOfRow('client', one))
  const view = viewOf([...users, ...clients], lookup)
  return { grants: row?.grants ?? [], users: [...view.users], clients: [...view.clients] }
}

type Rows = { grants: ActingGrants[] | null; users: RegistryRow[] | null; clients: RegistryRow[] | null }

// Repeats ledger/grant/liveness.ts; read-model/still-living.test.ts holds it to that.
const actingSql = (schema: string) => `
WITH members AS MATERIALIZED (
  SELECT sub, not_before FROM ${schema}.users WHERE enabled AND NOT deleted AND (groups && ?::text[] OR ?::boolean)),
usable AS MATERIALIZED (
  SELECT u.sub, g.client_id, t.kind, g.grant_id, array_to_string(ARRAY(
           SELECT name FROM unnest(string_to_array(t.scope, ' ')) AS name WHERE NOT EXISTS (
             SELECT FROM ${schema}.scopes s WHERE s.name = name.name AND s.not_before >= g.registry_position)), ' ') AS scope
    FROM members u
   CROSS JOIN LATERAL (
     SELECT * FROM ${schema}.grants WHERE principal_type = 'user' AND principal_id = u.sub AND status = 'live' OFFSET 0) g
    JOIN ${schema}.clients c ON c.client_id = g.client_id AND c.enabled AND NOT c.deleted
   CROSS JOIN LATERAL (
     SELECT * FROM ${schema}.bearer_tokens WHERE grant_id = g.grant_id AND kid = ANY (?::int[]) OFFSET 0) b
   CROSS JOIN LATERAL (
     SELECT 'at' AS kind, b.scope
      WHERE b.exp > extract(epoch FROM now()) OR (b.exp IS NULL AND b.generation = g.access_generation)
      UNION ALL
     SELECT 'rt', g.scope
      WHERE b.generation = g.refresh_generation AND g.refreshes_left IS DISTINCT FROM 0
        AND (g.refresh_exp IS NULL OR g.refresh_exp > extract(epoch FROM now()))) t
   WHERE string_to_array(t.scope, ' ') && ?::text[]
     AND g.registry_position > greatest(c.not_before, u.not_before, -1)),
acting AS MATERIALIZED (
  SELECT sub, client_id, kind, scope, (array_agg(DISTINCT grant_id::text))[1:2] AS grant_ids
    FROM usable GROUP BY sub, client_id, kind, scope LIMIT 1000)
SELECT
  (SELECT json_agg(to_jsonb(a)) FROM acting a) AS grants,
  (SELECT json_agg(${entityJson('user', 'u')}) FROM ${schema}.users u WHERE u.sub IN (SELECT sub FROM acting)) AS users,
  (SELECT json_agg(${entityJson('client', 'c')}) FROM ${schema}.clients c WHERE c.client_id IN (SELECT client_id FROM acting)) AS clients`
