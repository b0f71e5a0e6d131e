import { foldersAbove } from '../../ledger/access/decision.ts'
import type { Acl, Resource, Scope } from '../../ledger/events.ts'
import { DEFAULT_ACL } from '../../ledger/registry/predefined.ts'
import { groupsNamed, type NamedLookup } from '../../ledger/registry/naming.ts'
import { namedJson, namedLookup, type NamedRow } from '../named.ts'
import { entityJson, entityOfRow, type RegistryRow } from '../registry-rows.ts'
import { createBesideReader } from './beside-tokens.ts'
import type { Patience, TimedReadModel, TokenKey, TokenView } from './tokens.ts'

/** A token and the folder or service that it is asked to be used at; `null` = any. */
export type AccessKey = TokenKey & { resource: string | null }

/**
 * A token's view and the part of the registry that decides whether it may use the resource, all from one statement.
 * `named`: the token's scopes and the principal's groups, if ever they were deleted.
 */
export type AccessView = TokenView & Found

type Found = { scopes: Scope[]; resources: Resource[]; acls: Acl[]; named: NamedLookup }

export type AccessReader = (key: AccessKey) => Promise<AccessView>

type Registry = {
  scopes: RegistryRow[] | null
  resources: RegistryRow[] | null
  acls: RegistryRow[] | null
  named: NamedRow[] | null
}

/**
 * Reads access views; while one query is in flight, the next collects. QueueFull where too many wait, or one too long.
 */
export function createAccessReader(readModel: TimedReadModel, patience: Patience = {}): AccessReader {
  return createBesideReader<AccessKey, Registry, Found>(readModel, patience, {
    name: 'read_access',
    sql: registrySql,
    bindings: (keys) => {
      const places = [...new Set(keys.flatMap(({ resource }) => (resource === null ? [] : foldersAbove(resource))))]
      return [places, places, [DEFAULT_ACL], places]
    },
    found: (row) => {
      const named = namedLookup(row.named)
      const registry = {
        named,
        scopes: valuesOf('scope', row.scopes),
        resources: valuesOf('resource', row.resources),
        acls: aclsOf(row.acls, named),
      }
      return () => registry
    },
  })
}

// The token's own scopes, and those that would do; the resources on the way up; the ACLs that these name, and Default.
const registrySql = (schema: string) => `
  (SELECT json_agg(${entityJson('scope', 's')}) FROM ${schema}.scopes s WHERE NOT s.deleted AND (s.includes && ?::text[]
     OR s.name IN (SELECT unnest(string_to_array(w.scope, ' ')) FROM wanted w))) AS scopes,
  (SELECT json_agg(${entityJson('resource', 'r')}) FROM ${schema}.resources r WHERE NOT r.deleted AND r.name = ANY (?::text[])) AS resources,
  (SELECT json_agg(${entityJson('acl', 'a')}) FROM ${schema}.acls a WHERE NOT a.deleted AND (a.name = ANY (?::text[])
     OR a.name IN (SELECT r.execute_acl FROM ${schema}.resources r WHERE NOT r.deleted AND r.name = ANY (?::text[])))) AS acls,
  ${namedJson(schema, {
    groups: `SELECT unnest(u.groups) FROM wanted w JOIN ${schema}.users u ON w.principal_type = 'user' AND u.sub = w.principal_id
             UNION ALL SELECT unnest(c.groups) FROM wanted w JOIN ${schema}.clients c USING (client_id)`,
    scopes: "SELECT unnest(string_to_array(w.scope, ' ')) FROM wanted w",
  })} AS named`

type Values = { scope: Scope; resource: Resource; acl: Acl }

// Of the groups that an ACL allows, those of the principals are enough.
function aclsOf(rows: RegistryRow[] | null, named: NamedLookup): Acl[] {
  return (rows ?? []).flatMap((row) =>
    valuesOf('acl', [row]).map((acl) => {
      return { ...acl, allowed_groups: groupsNamed(named, acl.allowed_groups, row.last_offset) }
    }),
  )
}

function valuesOf<Kind extends keyof Values>(kind: Kind, rows: RegistryRow[] | null): Values[Kind][] {
  return (rows ?? []).flatMap((row) => {
    const { value } = entityOfRow(kind, row) as unknown as { value: Values[Kind] | null }
    return value ? [value] : []
  })
}
