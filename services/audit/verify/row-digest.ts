import { createHash } from 'node:crypto'
import { type BearerTokenRow, GRANT_COLUMNS, type GrantRow } from '../../../shared/read-model/grant-rows.ts'

/** Bytes of a digest: the first half of a SHA-256. */
export const DIGEST_BYTES = 16

/**
 * A kind of rows that the database and we digest alike: which columns, in which order. `json`: those that each writes
 * down in its own way, so that they are told beside the digest.
 */
export type Digested<Row> = { columns: (keyof Row & string)[]; json: (keyof Row & string)[] }

const GRANT_JSON: (keyof GrantRow)[] = ['authorization_terms', 'code']

/** Which columns the log can know: the sweeper moves when it looks again. */
const TOKEN_COLUMNS: Record<keyof BearerTokenRow, boolean> = {
  grant_id: true,
  generation: true,
  event_id: true,
  kid: true,
  scope: true,
  at: true,
  iat: true,
  exp: true,
  partition: true,
  look_at: false,
}

export const GRANTS: Digested<GrantRow> = {
  columns: (GRANT_COLUMNS as (keyof GrantRow)[]).filter((column) => !GRANT_JSON.includes(column)),
  json: GRANT_JSON,
}

export const BEARER_TOKENS: Digested<BearerTokenRow> = {
  columns: (Object.keys(TOKEN_COLUMNS) as (keyof BearerTokenRow)[]).filter((column) => TOKEN_COLUMNS[column]),
  json: [],
}

/** Columns with a time, told in microseconds, so that a change of one shows. */
const TIMES: readonly string[] = ['at', 'dead_at']

/** SQL for the digest of a row of the table `t`, in hex. */
export function digestSql<Row>({ columns }: Digested<Row>): string {
  const texts = columns.map((column) =>
    TIMES.includes(column) ? `(extract(epoch FROM t.${column}) * 1000000)::bigint::text` : `t.${column}::text`,
  )
  const text = `array_to_json(ARRAY[${texts.join(', ')}])::text`
  return `encode(substring(sha256(convert_to(${text}, 'UTF8')) FROM 1 FOR ${DIGEST_BYTES}), 'hex')`
}

/** The same digest of a row that the log makes. */
export function digestOf<Row extends object>({ columns }: Digested<Row>, row: Row): Buffer {
  const text = JSON.stringify(columns.map((column) => textOf(column, row[column] ?? null)))
  return createHash('sha256').update(text).digest().subarray(0, DIGEST_BYTES)
}

/** SQL for the JSON of a row of the table `t`; NULL where it has none. */
export function jsonSql<Row>({ json }: Digested<Row>): string {
  const nulls = JSON.stringify(json.map(() => null))
  const columns = json.map((column) => `t.${column}`).join(', ')
  return json.length === 0 ? 'NULL' : `nullif(jsonb_build_array(${columns}), '${nulls}')`
}

/** The same JSON of a row that the log makes. */
export function jsonOf<Row extends object>({ json }: Digested<Row>, row: Row): unknown[] | null {
  const values = json.map((column) => row[column] ?? null)
  return values.every((value) => value === null) ? null : values
}

function textOf(column: string, value: unknown): string | null {
  if (value === null) return null
  if (TIMES.includes(column) && typeof value === 'string') return `${Date.parse(value)}000`
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** A digest together with that of the JSON beside it, whatever the order of its members. */
export function withJson(digest: Buffer, json: unknown): Buffer {
  if (json === null) return digest
  return createHash('sha256')
    .update(digest)
    .update(JSON.stringify(inOrder(json)))
    .digest()
    .subarray(0, DIGEST_BYTES)
}

function inOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([name, member]) => [name, inOrder(member)]))
}
