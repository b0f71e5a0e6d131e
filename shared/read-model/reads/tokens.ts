import { createBatcher } from '../../database/batcher.ts'
import { epochMs } from '../../database/epoch-ms.ts'
import { placeOf, placeText, registryPlace, type TopicPartition, type Topics } from '../../event-log/places.ts'
import { type Generation, type GrantState, UNKNOWN_GRANT } from '../../ledger/grant/state.ts'
import type { ClientEntity, UserEntity } from '../../ledger/registry/state.ts'
import { grantOfRow, grantsJson, type ReadGrantRow } from '../grant-rows.ts'
import type { ReadModel } from '../read-model.ts'
import { entityJson, entityOfRow, type RegistryRow } from '../registry-rows.ts'
import { type Stalls, stalledMs } from '../stall.ts'
import { createStamps, type Stamps } from '../stamps.ts'
import type { Clocks } from './clocks.ts'
import { type Freshness, NO_FRESHNESS } from './freshness.ts'

/**
 * A generation as the read model holds it: when it was projected is what the grace of a retry is counted from. A stall
 * of ours since then does not count: `projected_at` is later by as much.
 */
export type GenerationRow = Generation & { projected_at: number }

/**
 * What one request needs to know, all from one statement, so that the rows are judged with the checkpoint they belong
 * to.
 */
export type TokenView = {
  /** The database's clock, ms: asked for after the rows were, so that no stamp in them is later. */
  now: number
  /** The client that calls, if one was asked for and exists (also a tombstone). */
  caller: ClientEntity | null
  grant: GrantState
  /** The grant's own client and, for a user's grant, its user. */
  client: ClientEntity | null
  user: UserEntity | null
  /** Those of the presented generation, the one after it and the current one that exist. */
  generations: Map<number, GenerationRow>
  /** The checkpoint of the grant's partition; of the registry where no grant was asked for. */
  checkpoint: Freshness & Stalls
  registry: Freshness & Stalls
  /** Every kid that the log knows. */
  keys: KnownKids
}

/** Kids of the log: whether the key was introduced, or has been retired since. */
export type KnownKids = ReadonlyMap<number, 'introduced' | 'retired'>

export type TokenKey = { client_id: string | null; grant_id: string | null; generation: number }

export type TokenReader = (key: TokenKey) => Promise<TokenView>

/** A second query need not wait for the first: what a refresh reads before and after its event meets in one queue. */
const READ_LANES = 2

/** How many reads wait for a query at most: more than are answered in any second, and nothing that fills the memory. */
export const READ_BOUND = 2_000

/** `patienceMs`: how long anybody waits for a read to begin. */
export type Patience = { patienceMs?: number }

/** Where to read; `clocks`: told the database's time by each read. */
export type TimedReadModel = ReadModel & { clocks?: Clocks }

/**
 * Reads token views; while one query is in flight, the next collects. QueueFull where too many wait, or one too long.
 */
export function createTokenReader(
  { stamps = createStamps(), ...given }: TimedReadModel,
  { patienceMs }: Patience = {},
): TokenReader {
  const readModel = { ...given, stamps }
  const read = createBatcher(
    async (keys: TokenKey[]) => {
      const { views } = await readTokens({ readModel, name: 'read_tokens' }, keys)
      return views
    },
    { lanes: READ_LANES, bound: READ_BOUND, patienceMs },
  )
  return async (key) => (await read(key))()
}

/**
 * Reads views for many keys in one statement, together with `more` columns, whose SQL may use the touched grants as
 * `wanted`. The whole row comes back as well. Each view is a function, as it may throw: a grant whose rows contradict
 * each other must not cost those their answer who were read together with it.
 */
export async function readTokens<More>(
  { readModel, name, more }: ReadTokens,
  keys: TokenKey[],
): Promise<{ views: (() => TokenView)[]; row: More }> {
  const { knex, schema, topics, clocks } = readModel
  const grantKeys = keys.filter(({ grant_id }) => grant_id !== null)
  const callers = [...new Set(keys.map(({ client_id }) => client_id).filter((client_id) => client_id !== null))]
  const bindings = [JSON.stringify(grantKeys), callers, [topics.grants, topics.registry], ...(more?.bindings ?? [])]
  const sentAt = performance.now()
  const { rows } = await knex
    .raw<{ rows: (Raw & More)[] }>(`${tokenSql(schema)}${more ? `, ${more.sql}` : ''}`, bindings)
    .options({ name: `${name}_${schema}` })
  const [row] = rows
  if (!row) throw new Error('the read of tokens gave no row')
  clocks?.database(row.now, sentAt)
  const answer = answerOf(row, readModel.stamps, sentAt)
  return { views: keys.map((key) => () => viewOf(answer, key, topics)), row }
}

type ReadTokens = {
  readModel: TimedReadModel & { stamps: Stamps }
  /** Of the prepared statement. */
  name: string
  more?: { sql: string; bindings: string[][] }
}

type Answer = {
  now: number
  clients: Map<string, ClientEntity>
  users: Map<string, UserEntity>
  grants: Map<string, LoadedGrant>
  checkpoints: Map<string, Freshness & Stalls>
  keys: KnownKids
}

type LoadedGrant = ReadGrantRow & { generations: GenerationRow[] | null }

type Raw = {
  now: number
  clients: RegistryRow[] | null
  users: RegistryRow[] | null
  grants: LoadedGrant[] | null
  checkpoints: (Freshness & Stalls & TopicPartition)[] | null
  known_keys: { kid: number; retired: boolean }[] | null
}

function answerOf(raw: Raw, stamps: Stamps, sentAt: number): Answer {
  const { now } = raw
  const believed = (row: Freshness & Stalls & TopicPartition) => ({
    ...row,
    fresh_as_of: stamps(row, { stamp: row.fresh_as_of, now, sentAt }),
  })
  return {
    now,
    clients: new Map((raw.clients ?? []).map((row) => [String(row.id), entityOfRow('client', row)])),
    users: new Map((raw.users ?? []).map((row) => [String(row.id), entityOfRow('user', row)])),
    grants: new Map((raw.grants ?? []).map((row) => [row.grant_id, row])),
    checkpoints: new Map((raw.checkpoints ?? []).map((row) => [placeText(row), believed(row)])),
    keys: new Map((raw.known_keys ?? []).map(({ kid, retired }) => [kid, retired ? 'retired' : 'introduced'])),
  }
}

const tokenSql = (schema: string) => `
WITH keys AS MATERIALIZED (
  SELECT grant_id, array_agg(generation) || array_agg(generation + 1) AS generations
    FROM json_to_recordset(?::json) AS k(grant_id uuid, generation bigint) GROUP BY grant_id),
wanted AS MATERIALIZED (
  SELECT g.*, k.generations FROM keys k JOIN ${schema}.grants g USING (grant_id))
SELECT ${epochMs('clock_timestamp()')} AS now,
  (SELECT json_agg(${entityJson('client', 'c')}) FROM ${schema}.clients c
    WHERE c.client_id = ANY (?::text[] || (SELECT coalesce(array_agg(client_id), '{}') FROM wanted))) AS clients,
  (SELECT json_agg(${entityJson('user', 'u')}) FROM ${schema}.users u
    WHERE u.sub IN (SELECT principal_id FROM wanted WHERE principal_type = 'user')) AS users,
  ${grantsJson('wanted w', 'w', 'w.generations || w.access_generation::bigint', schema)} AS grants,
  (SELECT json_agg(json_build_object('topic', k.topic, 'partition', k.partition, 'next', k.next, 'status', k.status,
            'status_reason', k.status_reason, 'fresh_as_of', ${epochMs('k.fresh_as_of')},
            'stalls', ARRAY(SELECT json_build_array(${epochMs('lower(s)')}, ${epochMs('upper(s)')})
                              FROM unnest(k.stalls) WITH ORDINALITY AS u(s, n) ORDER BY n)))
     FROM ${schema}.checkpoints k WHERE k.topic = ANY (?::text[])) AS checkpoints,
  (SELECT json_agg(json_build_object('kid', y.kid, 'retired', y.deleted)) FROM ${schema}.keys y) AS known_keys`

const NO_CHECKPOINT: Freshness & Stalls = { ...NO_FRESHNESS, stalls: [] }

function viewOf({ now, clients, users, grants, checkpoints, keys }: Answer, key: TokenKey, topics: Topics): TokenView {
  const row = key.grant_id === null ? undefined : grants.get(key.grant_id)
  const grant = row ? grantOfRow(row, row.generations ?? []) : UNKNOWN_GRANT
  const freshnessAt = (place: TopicPartition) => checkpoints.get(placeText(place)) ?? NO_CHECKPOINT
  const registry = freshnessAt(registryPlace(topics))
  const checkpoint = key.grant_id === null ? registry : freshnessAt(placeOf(topics, key.grant_id))
  const withoutStalls = (made: GenerationRow): GenerationRow => {
    const stalled = [checkpoint, registry].map((place) => stalledMs(place, made.projected_at, now))
    return { ...made, projected_at: made.projected_at + Math.max(...stalled) }
  }
  return {
    now,
    caller: (key.client_id !== null && clients.get(key.client_id)) || null,
    grant,
    client: (row && clients.get(row.client_id)) ?? null,
    user: (row?.principal_type === 'user' && users.get(row.principal_id)) || null,
    generations: new Map((row?.generations ?? []).map((made) => [made.generation, withoutStalls(made)])),
    checkpoint,
    registry,
    keys,
  }
}
