import { type NamedKind, registryKey } from '../../ledger/registry/kinds.ts'
import type { ReadModelTables } from '../read-model.ts'

/** At most so many places are told. */
export const MAX_PLACES = 10

/** Who names an entity that is to be deleted: the keys of those entities, and whether there are more. */
export type Places = { keys: string[]; more: boolean }

export type PlacesReader = (kind: NamedKind, name: string) => Promise<Places>

type Place = { kind: NamedKind; id: string; from: string; where: string }

// Each of these has an index, where there can be many: tables.ts. The name stands in each as it is, so that the planner
// knows how many there are.
const PLACES: Partial<Record<NamedKind, Place[]>> = {
  scope: [
    { kind: 'client', id: 'client_id', from: 'clients', where: "string_to_array(t.scope, ' ') @> ARRAY[?::text]" },
  ],
  group: [
    { kind: 'acl', id: 'name', from: 'acls', where: '?::text = ANY (t.allowed_groups || t.denied_groups)' },
    { kind: 'client', id: 'client_id', from: 'clients', where: 't.groups @> ARRAY[?::text]' },
    { kind: 'user', id: 'sub', from: 'users', where: 't.groups @> ARRAY[?::text]' },
  ],
  acl: [{ kind: 'resource', id: 'name', from: 'resources', where: 't.execute_acl = ?::text' }],
  resource: [
    { kind: 'scope', id: 'name', from: 'scopes', where: 't.includes @> ARRAY[?::text]' },
    { kind: 'client', id: 'client_id', from: 'clients', where: 't.resource_server_folders @> ARRAY[?::text]' },
  ],
}

/**
 * Reads who names an entity, in one statement. A name that stands for nothing any more (ledger/registry/naming.ts) is
 * in nobody's way.
 */
export function createPlacesReader({ knex, schema }: ReadModelTables): PlacesReader {
  return async (kind, name) => {
    if (!PLACES[kind]) return { keys: [], more: false }
    const { sql, bindings } = placesSql(schema, kind, name)
    const { rows } = await knex.raw<{ rows: { kind: NamedKind; id: string }[] }>(sql, bindings)
    const keys = rows.map((row) => registryKey(row.kind, row.id))
    return { keys: keys.slice(0, MAX_PLACES), more: keys.length > MAX_PLACES }
  }
}

/**
 * The statement that finds them. Each place is planned for all of its rows, so by an index where they are few, and read
 * no further than is told.
 */
export function placesSql(schema: string, kind: NamedKind, name: string): { sql: string; bindings: string[] } {
  const places = PLACES[kind] ?? []
  const found = places.map((place, n) => `p${n} AS MATERIALIZED (${placeSql(schema, place)})`)
  const all = places.map((_, n) => `SELECT kind, id FROM p${n}`)
  const sql = `
WITH named AS MATERIALIZED (SELECT coalesce(max(not_before), -1) AS since FROM ${schema}.${kind}s WHERE name = ?),
${found.join(',\n')}
SELECT kind, id FROM (${all.join(' UNION ALL ')}) p LIMIT ${MAX_PLACES + 1}`
  return { sql, bindings: Array<string>(places.length + 1).fill(name) }
}

const placeSql = (schema: string, { kind, id, from, where }: Place) => `
SELECT '${kind}' AS kind, t.${id} AS id FROM ${schema}.${from} t
 WHERE NOT t.deleted AND ${where} AND t.last_offset > (SELECT since FROM named)`
