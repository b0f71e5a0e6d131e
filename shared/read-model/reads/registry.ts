import { epochMs } from '../../database/epoch-ms.ts'
import type { Client } from '../../ledger/events.ts'
import { viewOf } from '../../ledger/registry/evolve.ts'
import { type NamedKind, NAMED_KINDS, REGISTRY_KINDS } from '../../ledger/registry/kinds.ts'
import { type NamedLookup, withNames } from '../../ledger/registry/naming.ts'
import type { RegistryEntity, RegistryView } from '../../ledger/registry/state.ts'
import { entityJson, entityOfRow, isNamed, type RegistryRow } from '../registry-rows.ts'
import { usernameSort } from '../../accounts/person-columns.ts'
import { registryPlace } from '../../event-log/places.ts'
import { createStamps } from '../stamps.ts'
import { type Acting, type Reach, readActingGrants } from './acting-grants.ts'
import { type Freshness, NO_FRESHNESS } from './freshness.ts'
import type { TimedReadModel } from './tokens.ts'

/** The clients and users that an answer must hold; scopes, groups, ACLs and resources are always all there. */
export type RegistryQuestion = {
  client_ids: string[]
  subs: string[]
  /** Also whoever holds one of these names. */
  client_names: string[]
  usernames: string[]
  username_indexes: string[]
  /** Of accounts elsewhere. */
  external_indexes: string[]
}

/** A part of the registry, all from one statement. Times are ms of the database's clock. */
export type RegistryRead = {
  now: number
  checkpoint: Freshness
  /** The guard's counter: what is decided on this is decided under it. */
  guard_revision: number
  /** By key, tombstones too; each with the names that still stand for something. */
  entities: Map<string, RegistryEntity>
  /** The living ones. */
  view: RegistryView
}

export type RegistryReader = {
  read(question: Partial<RegistryQuestion>): Promise<RegistryRead>
  /**
   * Enabled clients with client_credentials, in one of these groups and with one of these scopes, 1,000 at most.
   * `lookup`: groups and scopes.
   */
  members(reach: Omit<Reach, 'kids'>, lookup: NamedLookup): Promise<Client[]>
  /** What users in these groups can act with now. */
  acting: (reach: Reach, lookup: NamedLookup) => Promise<Acting>
}

type RegistryCheckpoint = Freshness & { guard_revision: number }

type Rows = Partial<Record<keyof RegistryView, RegistryRow[] | null>>

/** Reads what a write to the registry is decided on. */
export function createRegistryReader(readModel: TimedReadModel): RegistryReader {
  const { knex, schema, topics, clocks, stamps = createStamps() } = readModel

  async function query<Row>(name: string, sql: string, bindings: (string | string[])[]): Promise<Row> {
    const { rows } = await knex.raw<{ rows: Row[] }>(sql, bindings).options({ name: `${name}_${schema}` })
    const [row] = rows
    if (!row) throw new Error('the read of the registry gave no row')
    return row
  }

  return {
    async read({ client_ids = [], client_names = [], subs = [], usernames = [], ...asked }) {
      const { username_indexes = [], external_indexes = [] } = asked
      const bindings = [
        client_ids,
        client_names,
        subs,
        usernames.map(usernameSort),
        username_indexes,
        external_indexes,
        topics.registry,
      ]
      const sentAt = performance.now()
      const row = await query<Rows & { now: number; registry: RegistryCheckpoint | null }>(
        'read_registry',
        registrySql(schema),
        bindings,
      )
      const entities = named(entitiesOf(row))
      const { now } = row
      const { guard_revision, ...registry } = row.registry ?? { ...NO_FRESHNESS, guard_revision: 0 }
      clocks?.database(now, sentAt)
      const fresh_as_of = stamps(registryPlace(topics), { stamp: registry.fresh_as_of, now, sentAt })
      return {
        now,
        checkpoint: { ...registry, fresh_as_of },
        guard_revision,
        entities,
        view: viewOf(entities.values()),
      }
    },
    async members({ groups, scopes }, lookup) {
      const row = await query<Rows>('read_members', membersSql(schema), [[...groups], [...scopes]])
      return [...viewOf(entitiesOf(row).values(), lookup).clients]
    },
    acting: (reach, lookup) => readActingGrants(readModel, reach, lookup),
  }
}

function entitiesOf(rows: Rows): Map<string, RegistryEntity> {
  const entities = NAMED_KINDS.flatMap((kind) =>
    (rows[REGISTRY_KINDS[kind].plural] ?? []).map((row): RegistryEntity => entityOfRow(kind, row)),
  )
  return new Map(entities.map((entity) => [entity.key, entity]))
}

function named(entities: Map<string, RegistryEntity>): Map<string, RegistryEntity> {
  const lookup = (key: string) => entities.get(key)
  return new Map([...entities].map(([key, entity]) => [key, withNames(lookup, entity)]))
}

// Clients and users can be many; of all others there are few.
const SMALL_KINDS = NAMED_KINDS.filter((kind) => kind !== 'client' && kind !== 'user')

const wholeTable = (schema: string, kind: NamedKind) => {
  const { plural } = REGISTRY_KINDS[kind]
  return `(SELECT json_agg(${entityJson(kind, 't')}) FROM ${schema}.${plural} t) AS ${plural}`
}

const registrySql = (schema: string) => `
SELECT ${epochMs('clock_timestamp()')} AS now,
  (SELECT json_agg(${entityJson('client', 'c')}) FROM ${schema}.clients c
    WHERE c.client_id = ANY (?::text[]) OR c.client_name = ANY (?::text[])) AS clients,
  (SELECT json_agg(${entityJson('user', 'u')}) FROM ${schema}.users u
    WHERE u.sub = ANY (?::text[]) OR ${isNamed('u')} OR u.username_index = ANY (?::text[])
       OR u.external_indexes && ?::text[]) AS users,
  ${SMALL_KINDS.map((kind) => wholeTable(schema, kind)).join(', ')},
  (SELECT json_build_object('next', k.next, 'status', k.status, 'status_reason', k.status_reason,
            'guard_revision', k.guard_revision, 'fresh_as_of', ${epochMs('k.fresh_as_of')})
     FROM ${schema}.checkpoints k WHERE k.topic = ? AND k.partition = 0) AS registry`

const membersSql = (schema: string) => `
SELECT
  (SELECT json_agg(${entityJson('client', 'c')}) FROM (SELECT * FROM ${schema}.clients
    WHERE enabled AND NOT deleted AND 'client_credentials' = ANY (grant_types)
      AND groups && ?::text[] AND string_to_array(scope, ' ') && ?::text[] LIMIT 1000) c) AS clients`
