import { epochMs } from '../../database/epoch-ms.ts'
import { placeText, type TopicPartition } from '../../event-log/places.ts'
import { type Freshness, NO_FRESHNESS } from '../reads/freshness.ts'
import type { TimedReadModel } from '../reads/tokens.ts'
import { createStamps } from '../stamps.ts'

/** A part of a WHERE, about the row `t`. */
export type Condition = { sql: string; bindings: (string | number)[] }

/**
 * One column that a list is in the order of: SQL about the row `t`, and its type. Text is in the collation "C", the
 * same on every server, and the last column is unique: so each row has one place, also while others vanish.
 */
export type KeyColumn = { sql: string; type: 'text' | 'uuid' }

/** What one page is of. */
export type PageQuestion = {
  /** The table, whose rows are `t`. */
  from: string
  /** JSON of a row `t`. */
  row: string
  conditions: Condition[]
  key: KeyColumn[]
  /** The key of the last row of the page before; `null` = the first page. */
  after: string[] | null
  limit: number
  /** Whose checkpoints say how far the rows were read. */
  topics: string[]
  /** More columns of the answer, whose SQL may use `page`. */
  more?: string
}

/** One page, from one statement. `next`: the key that the next one comes after; `null` = there is none. */
export type Page<Row, More = unknown> = {
  rows: Row[]
  next: string[] | null
  /** The database's clock in ms. */
  now: number
  freshnessOf: (place: TopicPartition) => Freshness
  more: More
}

export type PageReader = <Row, More = unknown>(question: PageQuestion) => Promise<Page<Row, More>>

type Answer<Row> = {
  now: number
  rows: { row: Row; key: string[] }[] | null
  checkpoints: (Freshness & TopicPartition)[] | null
}

/**
 * Reads pages in the order of a unique key. The statement has no name, so that each is planned for what it asks: how
 * many rows a filter leaves differs.
 */
export function createPageReader({ stamps = createStamps(), ...readModel }: TimedReadModel): PageReader {
  const { knex, schema, clocks } = readModel
  return async <Row, More>(question: PageQuestion): Promise<Page<Row, More>> => {
    const { sql, bindings } = pageSql(schema, question)
    const sentAt = performance.now()
    const { rows } = await knex.raw<{ rows: (Answer<Row> & More)[] }>(sql, bindings)
    const [answer] = rows
    if (!answer) throw new Error('the read of a page gave no row')
    const { now } = answer
    clocks?.database(now, sentAt)
    const believed = (one: Freshness & TopicPartition): [string, Freshness] => {
      return [placeText(one), { ...one, fresh_as_of: stamps(one, { stamp: one.fresh_as_of, now, sentAt }) }]
    }
    const checkpoints = new Map((answer.checkpoints ?? []).map(believed))
    const found = answer.rows ?? []
    const shown = found.slice(0, question.limit)
    return {
      rows: shown.map(({ row }) => row),
      next: found.length > question.limit ? (shown.at(-1)?.key ?? null) : null,
      now,
      freshnessOf: (place) => checkpoints.get(placeText(place)) ?? NO_FRESHNESS,
      more: answer,
    }
  }
}

/** The statement of a page: one row more than asked for tells whether there is another page. */
export function pageSql(
  schema: string,
  question: PageQuestion,
): { sql: string; bindings: (string | number | string[])[] } {
  const { from, row, conditions, key, after, limit, topics, more } = question
  const columns = key.map(({ sql }) => sql)
  const behind = after && `(${columns.join(', ')}) > (${key.map(({ type }) => `?::${type}`).join(', ')})`
  const where = [...conditions.map(({ sql }) => sql), ...(behind ? [behind] : [])].join(' AND ')
  const sql = `
WITH page AS MATERIALIZED (
  SELECT t.*, ARRAY[${columns.map((column) => `(${column})::text`).join(', ')}] AS page_key
    FROM ${from} t WHERE ${where} ORDER BY ${columns.join(', ')} LIMIT ?::int)
SELECT ${epochMs('clock_timestamp()')} AS now,
  (SELECT json_agg(json_build_object('row', ${row}, 'key', t.page_key)) FROM page t) AS rows,
  (SELECT json_agg(json_build_object('topic', k.topic, 'partition', k.partition, 'next', k.next, 'status', k.status,
            'status_reason', k.status_reason, 'fresh_as_of', ${epochMs('k.fresh_as_of')}))
     FROM ${schema}.checkpoints k WHERE k.topic = ANY (?::text[])) AS checkpoints${more ? `, ${more}` : ''}`
  return { sql, bindings: [...conditions.flatMap(({ bindings }) => bindings), ...(after ?? []), limit + 1, topics] }
}
