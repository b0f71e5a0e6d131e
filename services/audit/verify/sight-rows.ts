import { GRANT_PARTITIONS, partitionOf } from '../../../shared/event-log/places.ts'
import type { ReadModelTables } from '../../../shared/read-model/read-model.ts'
import { BEARER_TOKENS, digestSql, GRANTS, jsonSql, withJson } from './row-digest.ts'
import { createSightings, type Sightings } from './sightings.ts'

/** What was seen of each partition's rows: found by where their key belongs, not by what their columns say. */
export type Seen = { grants: Sightings[]; tokens: Sightings[]; close(): void }

/** Called with how many rows were seen since the last call. */
type OnRows = (rows: number) => void

/** Rows of one statement: some 20 ms of the database's time. */
const PAGE = 2_000

/**
 * Sees every row of `grants` and `bearer_tokens` once, in the order of their keys, each page in a short statement of
 * its own: no snapshot outlives it. What changes meanwhile is seen as it is before or after.
 */
export async function sightRows(tables: ReadModelTables, onRows: OnRows): Promise<Seen> {
  const [grants, tokens] = [sightings(), sightings()]
  const seen = { grants, tokens, close: () => [...grants, ...tokens].forEach((own) => own.close()) }
  try {
    // Both at once: while one page is on its way the other is taken.
    const sighted = await Promise.allSettled([
      sightTable(tables, { ...TABLES.grants, into: grants }, onRows),
      sightTable(tables, { ...TABLES.tokens, into: tokens }, onRows),
    ])
    const failed = sighted.find((one) => one.status === 'rejected')
    if (failed) throw failed.reason
    return seen
  } catch (error) {
    seen.close()
    throw error
  }
}

function sightings(): Sightings[] {
  return Array.from({ length: GRANT_PARTITIONS }, createSightings)
}

const TABLES = {
  grants: { table: 'grants', key: ['grant_id'], at: 'last_offset', digest: digestSql(GRANTS), json: jsonSql(GRANTS) },
  tokens: {
    table: 'bearer_tokens',
    key: ['grant_id', 'generation'],
    at: 'generation',
    digest: digestSql(BEARER_TOKENS),
    json: jsonSql(BEARER_TOKENS),
  },
}

type Sighting = (typeof TABLES)[keyof typeof TABLES] & { into: Sightings[] }
type Row = { grant_id: string; at: number; digest: string; json: unknown }

async function sightTable(tables: ReadModelTables, sighting: Sighting, onRows: OnRows): Promise<void> {
  let page = await readPage(tables, sighting, null)
  for (;;) {
    const last = page.at(-1)
    const coming = last && page.length === PAGE ? readPage(tables, sighting, last) : null
    // Handled where it is awaited, when this page is written down.
    coming?.catch(() => undefined)
    for (const { grant_id, at, digest, json } of page) {
      const row = { grant_id, at, digest: withJson(Buffer.from(digest, 'hex'), json) }
      sighting.into[partitionOf(grant_id)]?.add(row)
    }
    onRows(page.length)
    if (!coming) return
    page = await coming
  }
}

async function readPage({ knex, schema }: ReadModelTables, sighting: Sighting, after: Row | null): Promise<Row[]> {
  const { table, key, at, digest, json } = sighting
  const further = after && [after.grant_id, after.at].slice(0, key.length)
  const { rows } = await knex.raw<{ rows: Row[] }>(
    `SELECT t.grant_id, t.${at} AS at, ${digest} AS digest, ${json} AS json
       FROM ${schema}.${table} t
      ${further ? `WHERE (${key.join(', ')}) > (${further.map(() => '?').join(', ')})` : ''}
      ORDER BY ${key.join(', ')} LIMIT ${PAGE}`,
    further ?? [],
  )
  return rows
}

/** About how many rows `sightRows` will see: what the database last counted. */
export async function aboutHowMany({ knex, schema }: ReadModelTables): Promise<number> {
  const { rows } = await knex.raw<{ rows: { count: number }[] }>(
    `SELECT sum(greatest(reltuples, 0))::bigint AS count FROM pg_class
      WHERE oid IN ('${schema}.grants'::regclass, '${schema}.bearer_tokens'::regclass)`,
  )
  return rows[0]?.count ?? 0
}
