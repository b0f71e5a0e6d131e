import type { Knex } from 'knex'
import { GRANT_PARTITIONS, type TopicPartition } from '../../../shared/event-log/places.ts'
import type { Checkpoint } from '../../../shared/read-model/checkpoints.ts'
import { REGISTRY_TABLES, type StoredKind } from '../../../shared/read-model/registry-rows.ts'
import type { ReadModelTables } from '../../../shared/read-model/read-model.ts'

/** A row as JSON; `at` in milliseconds with whatever fraction it has. */
export type Row = Record<string, unknown>

/** What the read model says of one partition, all at one moment. Rows by table and key. */
export type Snapshot = {
  checkpoint: Checkpoint | null
  tables: Map<string, Map<string, Row>>
  /** The database's clock, ms. */
  now: number
}

const PAGE = 5_000

/**
 * Reads one partition's rows and its checkpoint in one snapshot, and lets go of the connection before anything is
 * folded: the embedded database has only this one. Rows are found by where their key belongs, not by what their columns
 * say.
 */
export async function readSnapshot(
  { knex, schema }: ReadModelTables,
  { place, kind }: { place: TopicPartition; kind: 'grants' | 'registry' },
): Promise<Snapshot> {
  return knex.transaction(
    async (tx) => {
      const { now, checkpoint } = await readCheckpoint(tx, schema, place)
      const tables =
        kind === 'grants' ? await grantTables(tx, schema, place.partition) : await registryTables(tx, schema)
      return { now, checkpoint, tables }
    },
    { isolationLevel: 'repeatable read', readOnly: true },
  )
}

async function readCheckpoint(
  tx: Knex,
  schema: string,
  { topic, partition }: TopicPartition,
): Promise<{ now: number; checkpoint: Checkpoint | null }> {
  const [checkpoint] = await tx
    .withSchema(schema)
    .from('checkpoints')
    .where({ topic, partition })
    .select<(Checkpoint & { now: number })[]>('*', tx.raw(`${exactMs('clock_timestamp()')} AS now`))
  return { now: checkpoint?.now ?? 0, checkpoint: checkpoint ?? null }
}

async function grantTables(tx: Knex, schema: string, partition: number): Promise<Snapshot['tables']> {
  const grants = await readAll(tx, { table: `${schema}.grants`, key: ['grant_id'], partition })
  const tokens = await readAll(tx, { table: `${schema}.bearer_tokens`, key: ['grant_id', 'generation'], partition })
  return new Map([
    ['grants', grants],
    ['bearer_tokens', tokens],
  ])
}

type Table = { table: string; key: string[]; partition: number }

async function readAll(tx: Knex, table: Table): Promise<Map<string, Row>> {
  const found = new Map<string, Row>()
  let page = await readPage(tx, table, null)
  for (;;) {
    for (const row of page) found.set(keyOfRow(row, table.key), row)
    const last = page.at(-1)
    if (!last || page.length < PAGE) return found
    page = await readPage(tx, table, last)
  }
}

// Pages, so that no statement runs into the pool's timeout however many rows there are.
async function readPage(tx: Knex, { table, key, partition }: Table, after: Row | null): Promise<Row[]> {
  const columns = key.join(', ')
  const further = after && key.map((column) => String(after[column]))
  const { rows } = await tx.raw<{ rows: { row: Row }[] }>(
    `SELECT ${rowJson}${table.endsWith('.grants') ? DEAD_AT : ''} AS row FROM ${table} t WHERE ${PLACE_OF} = ?
        ${further ? `AND (${columns}) > (${further.map(() => '?').join(', ')})` : ''} ORDER BY ${columns} LIMIT ${PAGE}`,
    [partition, ...(further ?? [])],
  )
  return rows.map(({ row }) => row)
}

async function registryTables(tx: Knex, schema: string): Promise<Snapshot['tables']> {
  const tables: Snapshot['tables'] = new Map()
  for (const kind of Object.keys(REGISTRY_TABLES) as StoredKind[]) {
    const { table, id } = REGISTRY_TABLES[kind]
    const { rows } = await tx.raw<{ rows: { row: Row }[] }>(`SELECT ${rowJson} AS row FROM ${schema}.${table} t`)
    tables.set(table, new Map(rows.map(({ row }) => [keyOfRow(row, [id]), row])))
  }
  return tables
}

/** How a row is named in a difference. */
export function keyOfRow(row: Row, key: readonly string[]): string {
  return key.map((column) => String(row[column])).join('/')
}

/** SQL for a time in ms that keeps a fraction, so that a change of a microsecond shows too. */
function exactMs(expression: string): string {
  return `(extract(epoch FROM ${expression}) * 1000)::float8`
}

const rowJson = `to_jsonb(t) || jsonb_build_object('at', ${exactMs('t.at')})`

const DEAD_AT = ` || jsonb_build_object('dead_at', ${exactMs('t.dead_at')})`

/** `partitionOf` in SQL. */
const PLACE_OF = `('x' || right(t.grant_id::text, 8))::bit(32)::bigint % ${GRANT_PARTITIONS}`
