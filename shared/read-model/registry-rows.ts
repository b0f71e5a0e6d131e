import {
  type NamedKind,
  parseRegistryKey,
  REGISTRY_KINDS,
  registryKey,
  type RegistryValues,
} from '../ledger/registry/kinds.ts'
import type { RegistryEntity, UserEntity } from '../ledger/registry/state.ts'
import { externalOf, type Person, type PersonalState, type ShownPerson, type User } from '../ledger/user.ts'
import { NAMING, type Naming, personColumns, shownPerson } from '../accounts/person-columns.ts'

/** The kinds that have a table: all but the ledger itself. */
export type StoredKind = NamedKind

/** The members of a kind's value, each a column; what names a user stands in columns of its own. */
type Column<Kind extends StoredKind> = Kind extends 'user'
  ? Exclude<keyof User, 'personal'> | Naming | 'personal_state' | 'password_epoch' | 'external_indexes'
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
    description: true,
    jwks: true,
    previous_secret: true,
  },
  scope: { name: true, description: true, includes: true },
  user: {
    ...NAMING,
    sub: true,
    groups: true,
    enabled: true,
    username_index: true,
    external_indexes: true,
    personal_state: true,
    password_epoch: true,
  },
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

type EntityState = {
  revision: number
  deleted: boolean
  not_before: number | null
  last_offset: number
  at: string
}

/**
 * A row as it is written: the members that are asked for in columns, and `value`, the whole of the entity. The id is
 * always set, so that a tombstone keeps its place.
 */
export type StoredRow = Record<string, unknown> & EntityState & { value: unknown }

const STATE_COLUMNS = ['value', 'revision', 'deleted', 'not_before', 'last_offset', 'at'] as const

/** A row as it is read: the whole entity, also what only a later release knows of it. */
export type RegistryRow = EntityState & {
  id: string | number
  value: unknown
  person?: ShownPerson
  password_epoch?: number
}

/** SQL for a row of this kind's table, under this alias, as a `RegistryRow`. json: built as the text that is sent. */
export function entityJson(kind: StoredKind, alias: string): string {
  const state = STATE_COLUMNS.map((column) => `'${column}', ${alias}.${column}`).join(', ')
  return `json_build_object('id', ${alias}.${REGISTRY_TABLES[kind].id}, ${state}${kind === 'user' ? personJson(alias) : ''})`
}

const personJson = (alias: string) =>
  `, 'person', json_build_object('username', ${alias}.username, 'name', ${alias}.name, 'email', ${alias}.email, 'state', ${alias}.personal_state), 'password_epoch', ${alias}.password_epoch`

/** SQL (a condition with one binding): living users with one of these `usernameSort`, by the index of lists. */
export function isNamed(alias: string): string {
  return `(NOT ${alias}.deleted AND ${alias}.username_sort COLLATE "C" = ANY (?::text[]))`
}

/** The members of an entity that this release knows, without those of a later one, and without what names a person. */
export function knownMembers<Kind extends StoredKind>(
  kind: Kind,
  value: RegistryValues[Kind],
): Record<string, unknown> {
  const columns: readonly string[] = REGISTRY_TABLES[kind].columns
  return Object.fromEntries(Object.entries(value).filter(([member]) => columns.includes(member)))
}

/** Every column of a kind's table, in order. */
export function registryColumns(kind: StoredKind): string[] {
  return [...REGISTRY_TABLES[kind].columns, ...STATE_COLUMNS]
}

/** The row that an entity is stored as; `revealed`: what is behind a sealed user. */
export function registryRow(
  entity: RegistryEntity & { kind: StoredKind },
  revealed?: Person | PersonalState,
): StoredRow {
  const { value, revision, deleted, not_before, last_offset } = entity
  const state = { value, revision, deleted, not_before, last_offset, at: new Date(entity.at).toISOString() }
  // Added to, not copied once more: a log is folded at the pace that these rows are made at.
  const row: Record<string, unknown> = entity.kind === 'user' ? userColumns(entity, revealed) : { ...value }
  row[REGISTRY_TABLES[entity.kind].id] = idOf(entity)
  return Object.assign(row, state)
}

// Without `personal`, which has no column: what is sealed stands in `value`, and is not sent twice.
function userColumns(entity: UserEntity, revealed?: Person | PersonalState): Record<string, unknown> {
  const { sub, groups, enabled, username_index } = entity.value ?? {}
  const { password_epoch = 0 } = entity
  const indexes = (entity.value ? externalOf(entity.value) : []).map(({ sub_index }) => sub_index)
  const external_indexes = indexes.length > 0 ? indexes : null
  const terms = { sub, groups, enabled, username_index, external_indexes, password_epoch }
  return Object.assign(terms, personColumns(shownPerson(entity, revealed)))
}

// The id of a tombstone stands in its key only, as text.
function idOf({ kind, key }: RegistryEntity): string | number | undefined {
  const id = parseRegistryKey(key)?.id
  return kind === 'key' ? Number(id) : id
}

/** The entity that a row stands for. */
export function entityOfRow<Kind extends StoredKind>(
  kind: Kind,
  { id, value, at, ...state }: RegistryRow,
): Extract<RegistryEntity, { kind: Kind }> {
  const forgotten = state.deleted && state.person?.state === 'forgotten'
  const key = registryKey(kind, String(id))
  const entity = { kind, key, ...state, ...(forgotten && { forgotten }), value, at: Date.parse(at) }
  return entity as unknown as Extract<RegistryEntity, { kind: Kind }>
}
