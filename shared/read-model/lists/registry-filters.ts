import { foldedUsername } from '../../ledger/registry/folded-username.ts'
import { REGISTRY_KINDS } from '../../ledger/registry/kinds.ts'
import type { StoredKind } from '../registry-rows.ts'
import type { Condition } from './page.ts'

/** What a list is narrowed to, by the name of each filter. */
export type RegistryFilters = { [filter: string]: string | boolean }

type Filter = (schema: string, value: string | boolean) => Condition

// A partial index has the few that are disabled, so the words must be these.
const enabled: Filter = (_, value) => ({ sql: value === true ? 't.enabled' : 'NOT t.enabled', bindings: [] })

const equal =
  (column: string): Filter =>
  (_, value) => ({ sql: `${column} = ?`, bindings: [String(value)] })

const holds =
  (array: string): Filter =>
  (_, value) => ({ sql: `${array} @> ARRAY[?::text]`, bindings: [String(value)] })

// Whoever was put into a group that was deleted since is not in it, also where there is one of that name again.
const member: Filter = (schema, value) => ({
  sql: `t.groups @> ARRAY[?::text] AND NOT EXISTS (
    SELECT FROM ${schema}.groups g WHERE g.name = ? AND (g.deleted OR g.not_before >= t.last_offset))`,
  bindings: [String(value), String(value)],
})

/** What each kind can be narrowed by. */
const FILTERS = {
  client: { enabled, group: member, client_type: equal('t.client_type') },
  user: { enabled, group: member },
  scope: { includes: holds('t.includes') },
  group: {},
  acl: { group: (_, value) => ({ sql: '? = ANY (t.allowed_groups || t.denied_groups)', bindings: [String(value)] }) },
  resource: { execute_acl: equal('t.execute_acl') },
  key: {},
} satisfies { [Kind in StoredKind]: Record<string, Filter> }

/** SQL for one filter of a list. */
export function conditionOf(
  schema: string,
  { kind, name, value }: { kind: StoredKind; name: string; value: string | boolean },
): Condition {
  const filters: Record<string, Filter> = FILTERS[kind]
  const filter = filters[name]
  if (!filter) throw new Error(`no list of this kind is narrowed by ${name}`)
  return filter(schema, value)
}

/** By what a kind is searched. */
export function nameColumn(kind: StoredKind): string {
  if (kind === 'user') return 't.username_sort COLLATE "C"'
  if (kind === 'client') return 't.client_name COLLATE "C"'
  return `t.${REGISTRY_KINDS[kind].id} COLLATE "C"`
}

// Nothing that is named holds the last code point there is, and by bytes nothing comes after it.
const LAST = '\u{10FFFF}'

/** All whose name begins so; a user's name in whatever letter case. */
export function prefixCondition(kind: StoredKind, prefix: string): Condition {
  const name = nameColumn(kind)
  const begins = kind === 'user' ? foldedUsername(prefix) : prefix
  return { sql: `${name} >= ? AND ${name} < ?`, bindings: [begins, begins + LAST] }
}
