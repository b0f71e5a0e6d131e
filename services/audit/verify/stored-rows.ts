import type { Knex } from 'knex'
import type { People, Reveal } from '../../../shared/accounts/people.ts'
import { placeText, type TopicPartition } from '../../../shared/event-log/places.ts'
import type { Checkpoint } from '../../../shared/read-model/checkpoints.ts'
import { REGISTRY_TABLES, type StoredKind } from '../../../shared/read-model/registry-rows.ts'
import type { ReadModel, ReadModelTables } from '../../../shared/read-model/read-model.ts'

/** A row as JSON; `at` in milliseconds with whatever fraction it has. */
export type Row = Record<string, unknown>

/** Rows and the checkpoint of their partition, all at one moment. Rows by table and key. */
export type Snapshot = {
  checkpoint: Checkpoint | null
  tables: Map<string, Map<string, Row>>
  /** The database's clock, ms. */
  now: number
}

/** `reveal`: what opens the names of people, with the keys of that moment. */
export type RegistrySnapshot = Snapshot & { reveal: Reveal }

/** All checkpoints at one moment, by place, and the database's clock (ms). */
export type Checkpoints = { now: number; of(place: TopicPartition): Checkpoint | null }

/** Reads the checkpoints of a ledger. */
export async function readCheckpoints({ knex, schema, topics }: ReadModel): Promise<Checkpoints> {
  const rows = await knex
    .withSchema(schema)
    .from('checkpoints')
    .whereIn('topic', Object.values(topics))
    .select<(Checkpoint & { now: number })[]>('*', knex.raw(`${exactMs('clock_timestamp()')} AS now`))
  const byPlace = new Map(rows.map((row) => [placeText(row), row]))
  return { now: rows[0]?.now ?? 0, of: (place) => byPlace.get(placeText(place)) ?? null }
}

type Read = { tables: ReadModelTables; place: TopicPartition; rows: (tx: Knex) => Promise<Snapshot['tables']> }

async function readSnapshot({ tables, place: { topic, partition }, rows }: Read): Promise<Snapshot> {
  const { knex, schema } = tables
  return knex.transaction(
    async (tx) => {
      const [checkpoint] = await tx
        .withSchema(schema)
        .from('checkpoints')
        .where({ topic, partition })
        .select<(Checkpoint & { now: number })[]>('*', tx.raw(`${exactMs('clock_timestamp()')} AS now`))
      return { now: checkpoint?.now ?? 0, checkpoint: checkpoint ?? null, tables: await rows(tx) }
    },
    { isolationLevel: 'repeatable read', readOnly: true },
  )
}

/** The registry, which is small: all of it in one snapshot. */
export async function readRegistryRows(
  source: ReadModelTables & { people: People },
  place: TopicPartition,
): Promise<RegistrySnapshot> {
  let reveal: Reveal = () => new Map()
  const rows = async (tx: Knex) => {
    reveal = await source.people.revealAsOf(tx)
    return registryTables(tx, source.schema)
  }
  return { ...(await readSnapshot({ tables: source, place, rows })), reveal }
}

async function registryTables(tx: Knex, schema: string): Promise<Snapshot['tables']> {
  const tables: Snapshot['tables'] = new Map()
  for (const kind of Object.keys(REGISTRY_TABLES) as StoredKind[]) {
    const { table, id } = REGISTRY_TABLES[kind]
    tables.set(table, await rowsOf(tx, { table: `${schema}.${table}`, key: [id] }))
  }
  return tables
}

/** All rows of one grant in one snapshot. */
export function readGrantRows(source: ReadModelTables, place: TopicPartition, grant_id: string): Promise<Snapshot> {
  const { schema } = source
  const grants = { table: `${schema}.grants`, key: ['grant_id'], times: ['at', 'dead_at'], grant_id }
  const tokens = { table: `${schema}.bearer_tokens`, key: ['grant_id', 'generation'], grant_id }
  const rows = async (tx: Knex) =>
    new Map([
      ['grants', await rowsOf(tx, grants)],
      ['bearer_tokens', await rowsOf(tx, tokens)],
    ])
  return readSnapshot({ tables: source, place, rows })
}

type Wanted = { table: string; key: string[]; times?: string[]; grant_id?: string }

async function rowsOf(tx: Knex, { table, key, times = ['at'], grant_id }: Wanted): Promise<Map<string, Row>> {
  const exact = times.map((column) => `'${column}', ${exactMs(`t.${column}`)}`).join(', ')
  const { rows } = await tx.raw<{ rows: { row: Row }[] }>(
    `SELECT to_jsonb(t) || jsonb_build_object(${exact}) AS row FROM ${table} t
      ${grant_id === undefined ? '' : 'WHERE t.grant_id = ?'} ORDER BY ${key.join(', ')}`,
    grant_id === undefined ? [] : [grant_id],
  )
  return new Map(rows.map(({ row }) => [keyOfRow(row, key), row]))
}

/** How a row is named in a difference. */
export function keyOfRow(row: Row, key: readonly string[]): string {
  return key.map((column) => String(row[column])).join('/')
}

/** SQL for a time in ms that keeps a fraction, so that a change of a microsecond shows too. */
function exactMs(expression: string): string {
  return `(extract(epoch FROM ${expression}) * 1000)::float8`
}
