import type { User } from '../ledger/events.ts'
import {
  type NamedKind,
  parseRegistryKey,
  REGISTRY_KINDS,
  registryKey,
  type RegistryValues,
} from '../ledger/registry/kinds.ts'
import type { RegistryEntity } from '../ledger/registry/state.ts'

/** The kinds that have a table: all but the ledger itself. */
export type StoredKind = NamedKind

/** The members of a kind's value, each a column; `personal` of a user is spread over columns of its own. */
type Column<Kind extends StoredKind> = Kind extends 'user'
  ? Exclude<keyof User, 'personal'> | keyof User['personal']
  : keyof RegistryValues[Kind]

const COLUMNS: { [Kind in StoredKind]: Record<Column<Kind>, true> } = {
  client: {
    client_id: true,
    client_name: true,
    client_version: true,
    client_type: true,
    grant_types: true,
    redirect_uris: true,
    scope: true,
    token_endpoint_auth_method: true,
    access_token_lifetime: true,
    refresh_token_limit: true,
    refresh_token_lifetime: true,
    refresh_token_absolute_lifetime: true,
    refresh_grace_seconds: true,
    refresh_rotation: true,
    groups: true,
    resource_server_folders: true,
    enabled: true,
    secret: true,
  },
  scope: { name: true, description: true, includes: true },
  user: { sub: true, username: true, name: true, email: true, groups: true, enabled: true },
  group: { name: true, description: true },
  acl: { name: true, allowed_groups: true, denied_groups: true },
  resource: { name: true, execute_acl: true, templates: true },
  key: { kid: true, checks: true },
}

type Table = { table: string; id: string; columns: string[] }

/** Where each kind of registry entity lives, and the columns of its value. */
export const REGISTRY_TABLES: { readonly [Kind in StoredKind]: Table } = {
  client: tableOf('client'),
  scope: tableOf('scope'),
  user: tableOf('user'),
  group: tableOf('group'),
  acl: tableOf('acl'),
  resource: tableOf('resource'),
  key: tableOf('key'),
}

function tableOf(kind: StoredKind): Table {
  const { plural, id } = REGISTRY_KINDS[kind]
  return { table: plural, id, columns: Object.keys(COLUMNS[kind]) }
}

const STATE_COLUMNS = ['revision', 'deleted', 'not_before', 'last_offset', 'at']

/** A registry row as JSON, with the id always set, so that a tombstone keeps its place. */
export type RegistryRow = Record<string, unknown> & {
  revision: number
  deleted: boolean
  not_before: number | null
  last_offset: number
  at: string
}

/** Every column of a kind's table, in order. */
export function registryColumns(kind: StoredKind): string[] {
  return [...REGISTRY_TABLES[kind].columns, ...STATE_COLUMNS]
}

/** The row that an entity is stored as. */
export function registryRow(entity: RegistryEntity & { kind: StoredKind }): RegistryRow {
  const { id } = REGISTRY_TABLES[entity.kind]
  const { personal, ...value } = { personal: null, ...entity.value }
  return {
    ...value,
    // Each by its name: what else a record of a later release has in there must not become another column.
    ...(personal && personalOf(personal)),
    [id]: idOf(entity),
    revision: entity.revision,
    deleted: entity.deleted,
    not_before: entity.not_before,
    last_offset: entity.last_offset,
    at: new Date(entity.at).toISOString(),
  }
}

// The id of a tombstone stands in its key only, as text.
function idOf({ kind, key }: RegistryEntity): string | number | undefined {
  const id = parseRegistryKey(key)?.id
  return kind === 'key' ? Number(id) : id
}

/** The entity that a row (from `row_to_json`) stands for. */
export function entityOfRow<Kind extends StoredKind>(
  kind: Kind,
  row: RegistryRow,
): Extract<RegistryEntity, { kind: Kind }> {
  const { id, columns } = REGISTRY_TABLES[kind]
  const value = Object.fromEntries(columns.map((column) => [column, row[column] ?? null]))
  const stored =
    kind === 'user'
      ? { sub: row['sub'], groups: row['groups'], enabled: row['enabled'], personal: personalOf(row) }
      : value
  return {
    kind,
    key: registryKey(kind, String(row[id])),
    revision: row.revision,
    deleted: row.deleted,
    value: row.deleted ? null : stored,
    not_before: row.not_before,
    last_offset: row.last_offset,
    at: Date.parse(row.at),
  } as unknown as Extract<RegistryEntity, { kind: Kind }>
}

function personalOf({ username, name, email }: Record<string, unknown>): Record<string, unknown> {
  return { username, name, email }
}
