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

/**
 * Where `conditions` have no index: so many of these rows, in the order of the key, are looked at for a page and no
 * more, so it may be short while `next` leads on. `parts`: relations, of which one index each has that order; `as`:
 * what their rows are looked at as, from the SQL of those.
 */
export type Among = { parts: Condition[]; rows: number; as: (rows: string) => string }

/** What one page is of. */
export type PageQuestion = {
  /** The table, whose rows are `t`. */
  from: string | Among
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

/** One page, from one statement. `next`: the key that the next one comes after; `null` = nothing is behind it. */
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
  /** The key of the last of `Among` where there is more behind it. */
  looked_to?: string[] | null
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
      next: (found.length > question.limit ? shown.at(-1)?.key : answer.looked_to) ?? null,
      now,
      freshnessOf: (place) => checkpoints.get(placeText(place)) ?? NO_FRESHNESS,
      more: answer,
    }
  }
}

type Binding = string | number | string[]

/** The statement of a page: one row more than asked for tells whether there is another page. */
export function pageSql(schema: string, question: PageQuestion): { sql: string; bindings: Binding[] } {
  const { row, conditions, key, limit, topics, more } = question
  const source = sourceOf(question)
  const columns = key.map(({ sql }) => sql)
  const where = whereOf([...conditions, ...source.behind])
  const sql = `
WITH page AS MATERIALIZED (
  SELECT t.*, ${keyText(columns)} AS page_key
    FROM ${source.from} t ${where.sql} ORDER BY ${columns.join(', ')} LIMIT ?::int)
SELECT ${epochMs('clock_timestamp()')} AS now,
  (SELECT json_agg(json_build_object('row', ${row}, 'key', t.page_key)) FROM page t) AS rows,
  (SELECT json_agg(json_build_object('topic', k.topic, 'partition', k.partition, 'next', k.next, 'status', k.status,
            'status_reason', k.status_reason, 'fresh_as_of', ${epochMs('k.fresh_as_of')}))
     FROM ${schema}.checkpoints k WHERE k.topic = ANY (?::text[])) AS checkpoints${source.more}${more ? `, ${more}` : ''}`
  return { sql, bindings: [...source.bindings, ...where.bindings, limit + 1, topics, ...source.moreBindings] }
}

type Source = { from: string; bindings: Binding[]; behind: Condition[]; more: string; moreBindings: Binding[] }

function sourceOf({ from, key, after, limit }: PageQuestion): Source {
  const columns = key.map(({ sql }) => sql)
  const types = key.map(({ type }) => `?::${type}`)
  const behind = after ? [{ sql: `(${columns.join(', ')}) > (${types.join(', ')})`, bindings: after }] : []
  if (typeof from === 'string') return { from, bindings: [], behind, more: '', moreBindings: [] }
  const where = whereOf(behind)
  const order = `ORDER BY ${columns.join(', ')}`
  // Each part is limited by itself, so that none is read whole to be sorted with another.
  const part = ({ sql }: Condition) => `(SELECT t.* FROM ${sql} t ${where.sql} ${order} LIMIT ${from.rows + 1})`
  const rows = `(${from.parts.map(part).join(' UNION ALL ')})`
  const bindings = from.parts.flatMap((one) => [...one.bindings, ...where.bindings])
  // Asked for a short page only. The second of the two tells that there is more.
  const looked = `(SELECT json_agg(l.key)->0 FROM (
     SELECT ${keyText(columns)} AS key FROM ${rows} t ${order} LIMIT 2 OFFSET ${from.rows - 1}) l HAVING count(*) > 1)`
  return {
    from: from.as(`(SELECT t.* FROM ${rows} t ${order} LIMIT ${from.rows})`),
    bindings,
    behind: [],
    more: `,
  CASE WHEN (SELECT count(*) FROM page) <= ?::int THEN ${looked} END AS looked_to`,
    moreBindings: [limit, ...bindings],
  }
}

function whereOf(conditions: Condition[]): Condition {
  const sql = conditions.length === 0 ? '' : `WHERE ${conditions.map((one) => one.sql).join(' AND ')}`
  return { sql, bindings: conditions.flatMap(({ bindings }) => bindings) }
}

const keyText = (columns: string[]) => `ARRAY[${columns.map((column) => `(${column})::text`).join(', ')}]`
