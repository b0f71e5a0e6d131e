import type { Opened, People, Revealed } from '../../accounts/people.ts'
import { isGrantEvent, type Recorded, type RegistryEvent } from '../../ledger/events.ts'
import { createRegistry } from '../../ledger/registry/evolve.ts'
import { LEDGER_KEY, NAMED_KINDS, parseRegistryKey } from '../../ledger/registry/kinds.ts'
import { type RegistryEntity, registryKeyOf } from '../../ledger/registry/state.ts'
import { externalOf, isSealed, type SealedUser } from '../../ledger/user.ts'
import {
  entityJson,
  entityOfRow,
  isNamed,
  registryColumns,
  registryRow,
  REGISTRY_TABLES,
  type RegistryRow,
  type StoredKind,
} from '../registry-rows.ts'
import { sealedUserOf, usernameSort } from '../../accounts/person-columns.ts'
import { loadGuardRevision } from '../checkpoints.ts'
import type { ReadModelTables } from '../read-model.ts'

type Stored = RegistryEntity & { kind: StoredKind }

/** What a fold of registry events changes, and what became of each event. */
export type RegistryChanges = {
  entities: Stored[]
  /** The guard's counter behind these events. */
  guard_revision: number
  verdicts: { topic: string; partition: number; void?: string | undefined }[]
}

/** The registry records among recorded ones. */
export function registryRecords(records: Recorded[]): Recorded<RegistryEvent>[] {
  return records.filter((recorded): recorded is Recorded<RegistryEvent> => !isGrantEvent(recorded.event))
}

/** What of the registry a batch is folded over: the entities it needs, and the guard's counter. */
export type KnownRegistry = { entities: RegistryEntity[]; guard_revision: number }

/** Folds registry events over the entities at hand. Names are unique: the first in log order has it. */
export function foldRegistry(known: KnownRegistry, records: Recorded<RegistryEvent>[]): RegistryChanges {
  const registry = createRegistry(known.entities, known.guard_revision)
  const changed = new Set<string>()
  const verdicts = records.map((recorded) => {
    const evolved = registry.apply(recorded)
    if (evolved.entity) changed.add(evolved.entity.key)
    return { ...recorded.position, void: evolved.void }
  })
  const entities = registry.entities().filter((entity) => changed.has(entity.key))
  return { entities: entities.filter(isStored), guard_revision: registry.guardRevision(), verdicts }
}

/**
 * Loads what these events need: the entities they name, those that hold a name which one of them claims, and the
 * guard's counter.
 */
export async function loadRegistry(
  tables: ReadModelTables,
  records: Recorded<RegistryEvent>[],
  registryBegins: number,
): Promise<KnownRegistry> {
  const [first] = records
  if (!first) return { entities: [], guard_revision: 0 }
  const keys = records.flatMap(({ event }) => parseRegistryKey(registryKeyOf(event)) ?? [])
  const loading = NAMED_KINDS.flatMap((kind) => {
    const ids = keys.filter((key) => key.kind === kind).map(({ id }) => id)
    return ids.length > 0 ? [loadKind(tables, kind, { ids, records })] : []
  })
  const [guard_revision, ...loaded] = await Promise.all([loadGuardRevision(tables, first.position), ...loading])
  return { entities: [...ledgerEntity(first, registryBegins), ...loaded.flat()], guard_revision }
}

type Wanted = { ids: string[]; records: Recorded<RegistryEvent>[] }

async function loadKind(
  { knex, schema }: ReadModelTables,
  kind: StoredKind,
  { ids, records }: Wanted,
): Promise<RegistryEntity[]> {
  const { table, id } = REGISTRY_TABLES[kind]
  const claimed = claims(kind, records)
  const { rows } = await knex
    .raw<{ rows: { row: RegistryRow }[] }>(
      `SELECT ${entityJson(kind, 't')} AS row FROM ${schema}.${table} t WHERE t.${id} = ANY (?) ${claimed.sql}`,
      [ids, ...claimed.bindings],
    )
    .options({ name: `load_${table}_${schema}` })
  return rows.map(({ row }) => entityOfRow(kind, row))
}

// `LedgerCreated` has no table in the read model: it is the first record of the registry that is not skipped, so
// whatever comes later knows it.
function ledgerEntity({ position }: Recorded<RegistryEvent>, registryBegins: number): RegistryEntity[] {
  return position.offset > registryBegins ? [LEDGER_ENTITY] : []
}

const LEDGER_ENTITY: RegistryEntity = {
  kind: 'ledger',
  key: LEDGER_KEY,
  revision: 1,
  deleted: false,
  value: { ledger_id: '' },
  not_before: null,
  last_offset: 0,
  at: 0,
}

/**
 * What opens the sealed users that these events may leave behind. Their keys may be read early: whoever writes the
 * names looks whether they are still the same (`VERSION_HELD`).
 */
export function openFor(people: Pick<People, 'open'>, records: Recorded[]): Promise<Opened> {
  return people.open(
    records.flatMap(({ event }) => ('user' in event.data && isSealed(event.data.user) ? [event.data.user] : [])),
  )
}

/** The sealed users that changed. */
export function sealedUsers({ entities }: RegistryChanges): SealedUser[] {
  return entities.flatMap(sealedUserOf)
}

/**
 * SQL (CTEs, after `moveSql`) that writes changed entities, one for each table that changes, and its bindings.
 */
export function writeRegistrySql(
  schema: string,
  { entities }: RegistryChanges,
  revealed: Revealed,
): { sql: string[]; bindings: string[] } {
  const written = NAMED_KINDS.flatMap((kind) => {
    const rows = entities
      .filter((entity) => entity.kind === kind)
      .map((entity) => registryRow(entity, entity.kind === 'user' ? revealed.get(subOf(entity)) : undefined))
    return rows.length === 0 ? [] : [{ sql: upsertSql(schema, kind), binding: JSON.stringify(rows) }]
  })
  return { sql: written.map(({ sql }) => sql), bindings: written.map(({ binding }) => binding) }
}

function subOf({ key }: RegistryEntity): string {
  return parseRegistryKey(key)?.id ?? ''
}

function upsertSql(schema: string, kind: StoredKind): string {
  const { table, id } = REGISTRY_TABLES[kind]
  const columns = registryColumns(kind)
  return `${table}_changed AS (
    INSERT INTO ${schema}.${table} (${columns.join(', ')})
    SELECT ${columns.map((column) => `r.${column}`).join(', ')}
      FROM json_populate_recordset(NULL::${schema}.${table}, ?::json) AS r, ready WHERE ready.ok
    ON CONFLICT (${id}) DO UPDATE SET ${columns.map((column) => `${column} = excluded.${column}`).join(', ')})`
}

function claims(kind: StoredKind, records: Recorded<RegistryEvent>[]): { sql: string; bindings: string[][] } {
  const clients = records.flatMap(({ event }) => ('client' in event.data ? [event.data.client] : []))
  const users = records.flatMap(({ event }) => ('user' in event.data ? [event.data.user] : []))
  if (kind === 'client')
    return { sql: 'OR t.client_name = ANY (?)', bindings: [clients.map((client) => client.client_name)] }
  if (kind === 'user') {
    const plain = users.flatMap((user) => (isSealed(user) ? [] : [usernameSort(user.personal.username)]))
    const indexes = users.flatMap((user) => user.username_index ?? [])
    const external = users.flatMap(externalOf).map(({ sub_index }) => sub_index)
    return {
      sql: `OR ${isNamed('t')} OR t.username_index = ANY (?) OR t.external_indexes && ?::text[]`,
      bindings: [plain, indexes, external],
    }
  }
  return { sql: '', bindings: [] }
}

function isStored(entity: RegistryEntity): entity is Stored {
  return entity.kind !== 'ledger'
}
