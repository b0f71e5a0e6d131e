import { registryKey } from '../ledger/registry/kinds.ts'
import type { Named, NamedLookup } from '../ledger/registry/naming.ts'

/** A group or scope that was deleted once, as a query tells it. */
export type NamedRow = Named & { kind: 'scope' | 'group'; name: string }

/** SQL for a JSON array of `NamedRow`: of the groups and scopes with these names (SQL of one column each). */
export function namedJson(schema: string, { groups, scopes }: { groups: string; scopes?: string }): string {
  return `(SELECT json_agg(json_build_object('kind', n.kind, 'name', n.name, 'deleted', n.deleted, 'not_before', n.not_before))
     FROM (${[namedSql(schema, 'group', groups), ...(scopes ? [namedSql(schema, 'scope', scopes)] : [])].join(' UNION ALL ')}) n)`
}

const namedSql = (schema: string, kind: NamedRow['kind'], names: string) =>
  `SELECT '${kind}' AS kind, e.name, e.deleted, e.not_before FROM ${schema}.${kind}s e
    WHERE e.not_before IS NOT NULL AND e.name IN (${names})`

/** Looks up what the query told. */
export function namedLookup(rows: NamedRow[] | null): NamedLookup {
  const byKey = new Map((rows ?? []).map((row) => [registryKey(row.kind, row.name), row]))
  return (key) => byKey.get(key)
}
