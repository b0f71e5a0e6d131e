import type { RegistryEntity } from '../ledger/registry/state.ts'

type Table = { table: string; id: string; columns: string[] }

/**
 * Where each kind of registry entity lives, and its columns; `personal` of a user is spread over columns of its own.
 */
export const REGISTRY_TABLES = {
  client: {
    table: 'clients',
    id: 'client_id',
    columns: [
      'client_id',
      'client_name',
      'client_version',
      'client_type',
      'grant_types',
      'redirect_uris',
      'scope',
      'token_endpoint_auth_method',
      'access_token_lifetime',
      'refresh_token_limit',
      'refresh_token_lifetime',
      'refresh_token_absolute_lifetime',
      'refresh_grace_seconds',
      'refresh_rotation',
      'groups',
      'resource_server_folders',
      'enabled',
      'secret',
    ],
  },
  scope: { table: 'scopes', id: 'name', columns: ['name', 'description', 'includes'] },
  user: { table: 'users', id: 'sub', columns: ['sub', 'username', 'name', 'email', 'groups', 'enabled'] },
  group: { table: 'groups', id: 'name', columns: ['name', 'description'] },
  acl: { table: 'acls', id: 'name', columns: ['name', 'allowed_groups', 'denied_groups'] },
  resource: { table: 'resources', id: 'name', columns: ['name', 'execute_acl', 'templates'] },
} satisfies Record<Exclude<RegistryEntity['kind'], 'ledger'>, Table>

export type StoredKind = keyof typeof REGISTRY_TABLES

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
  const { personal, ...value } = { personal: {}, ...entity.value }
  return {
    ...value,
    ...personal,
    [id]: entity.key.slice(entity.kind.length + 1),
    revision: entity.revision,
    deleted: entity.deleted,
    not_before: entity.not_before,
    last_offset: entity.last_offset,
    at: new Date(entity.at).toISOString(),
  }
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
    key: `${kind}/${String(row[id])}`,
    revision: row.revision,
    deleted: row.deleted,
    value: row.deleted ? null : stored,
    not_before: row.not_before,
    last_offset: row.last_offset,
    at: Date.parse(row.at),
  } as unknown as Extract<RegistryEntity, { kind: Kind }>
}

function personalOf({ username, name, email }: RegistryRow): Record<string, unknown> {
  return { username, name, email }
}
