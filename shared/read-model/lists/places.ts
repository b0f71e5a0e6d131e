import type { NamedKind } from '../../ledger/registry/kinds.ts'
import { registryKey } from '../../ledger/registry/kinds.ts'
import type { ReadModelTables } from '../read-model.ts'

/** At most so many places are told. */
export const MAX_PLACES = 10

/** Who names an entity that is to be deleted: the keys of those entities, and whether there are more. */
export type Places = { keys: string[]; more: boolean }

export type PlacesReader = (kind: NamedKind, name: string) => Promise<Places>

type Place = { kind: NamedKind; id: string; from: string; where: string }

// Each of these has an index, where there can be many: tables.ts.
const PLACES: Partial<Record<NamedKind, Place[]>> = {
  scope: [
    { kind: 'client', id: 'client_id', from: 'clients', where: "string_to_array(t.scope, ' ') @> ARRAY[n.name]" },
  ],
  group: [
    { kind: 'acl', id: 'name', from: 'acls', where: 'n.name = ANY (t.allowed_groups || t.denied_groups)' },
    { kind: 'client', id: 'client_id', from: 'clients', where: 't.groups @> ARRAY[n.name]' },
    { kind: 'user', id: 'sub', from: 'users', where: 't.groups @> ARRAY[n.name]' },
  ],
  acl: [{ kind: 'resource', id: 'name', from: 'resources', where: 't.execute_acl = n.name' }],
  resource: [
    { kind: 'scope', id: 'name', from: 'scopes', where: 't.includes @> ARRAY[n.name]' },
    { kind: 'client', id: 'client_id', from: 'clients', where: 't.resource_server_folders @> ARRAY[n.name]' },
  ],
}

/**
 * Reads who names an entity, in one statement. A name that stands for nothing any more (ledger/registry/naming.ts)
 * is in nobody's way.
 */
export function createPlacesReader({ knex, schema }: ReadModelTables): PlacesReader {
  return async (kind, name) => {
    const places = PLACES[kind]
    if (!places) return { keys: [], more: false }
    const { rows } = await knex.raw<{ rows: { kind: NamedKind; id: string }[] }>(placesSql(schema, kind, places), [
      name,
    ])
    const keys = rows.map((row) => registryKey(row.kind, row.id))
    return { keys: keys.slice(0, MAX_PLACES), more: keys.length > MAX_PLACES }
  }
}

const placesSql = (schema: string, kind: NamedKind, places: Place[]) => `
WITH n AS MATERIALIZED (SELECT name, coalesce(not_before, -1) AS since FROM ${schema}.${kind}s WHERE name = ?)
${places.map((place) => placeSql(schema, place)).join(' UNION ALL ')} LIMIT ${MAX_PLACES + 1}`

// OFFSET 0: looked for by the name, however many rows there are.
const placeSql = (schema: string, { kind, id, from, where }: Place) => `
(SELECT '${kind}' AS kind, p.id FROM n CROSS JOIN LATERAL (
  SELECT t.${id} AS id FROM ${schema}.${from} t WHERE NOT t.deleted AND ${where} AND t.last_offset > n.since
   LIMIT ${MAX_PLACES + 1}) p)`
