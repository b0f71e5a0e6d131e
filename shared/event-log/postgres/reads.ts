import { setImmediate as turn } from 'node:timers/promises'
import type { Knex } from 'knex'
import { type Bounds, type FirstRecord, type LogBatch, LogReadError, type Range } from '../event-log.ts'
import { placeText, type TopicPartition } from '../places.ts'

const MAX_RECORDS = 500
const MAX_BYTES = 1_000_000

type Row = TopicPartition & { offset: number | string; timestamp: number; key: Buffer; value: Buffer }

/** What lies in a partition from `from` on; below `to` only, when there is one. */
export type Wanted = TopicPartition & { from: number; to?: number }

// A record is taken while those before it, of this batch and partition, stay below the limit: so at least one.
const NEXT = `
SELECT wanted.topic, wanted.partition, record."offset", record.key, record.value,
       (extract(epoch FROM record.at) * 1000)::float8 AS timestamp
  FROM unnest(:topics::text[], :partitions::int[], :starts::bigint[], :ends::bigint[])
         AS wanted (topic, partition, start, stop)
 CROSS JOIN LATERAL (
   SELECT *, sum(octet_length(value)) OVER (ORDER BY "offset") - octet_length(value) AS bytes_before
     FROM (SELECT * FROM ledger.log_records AS log
            WHERE log.topic = wanted.topic AND log.partition = wanted.partition
              AND log."offset" >= wanted.start AND log."offset" < wanted.stop
            ORDER BY log."offset" LIMIT ${MAX_RECORDS}) AS page
 ) AS record
 WHERE record.bytes_before < ${MAX_BYTES}
 ORDER BY wanted.topic, wanted.partition, record."offset"`

const BOUNDS = `
SELECT topic, partition, next AS end,
       coalesce((SELECT min("offset") FROM ledger.log_records AS log
                  WHERE log.topic = place.topic AND log.partition = place.partition), next) AS first
  FROM ledger.log_partitions AS place
 WHERE topic = ANY (:topics::text[]) ORDER BY topic, partition`

const FIRSTS = `
SELECT log.topic, log.partition, log."offset", log.key, log.value, (extract(epoch FROM log.at) * 1000)::float8 AS timestamp
  FROM unnest(:topics::text[], :partitions::int[]) AS wanted (topic, partition)
  JOIN ledger.log_records AS log USING (topic, partition)
 WHERE log."offset" = 0`

/** The first record of each of these partitions that still has it. */
export async function readFirstRecords(knex: Knex, places: TopicPartition[]): Promise<FirstRecord[]> {
  const rows = await ask<Row>(knex, FIRSTS, {
    topics: places.map(({ topic }) => topic),
    partitions: places.map(({ partition }) => partition),
  })
  return rows.map(({ topic, partition, offset, timestamp, key, value }) => {
    return { topic, partition, record: { offset: Number(offset), timestamp, key, value } }
  })
}

/** The next batch of each partition that has one, in one statement. */
export async function nextBatches(knex: Knex, wanted: Wanted[]): Promise<LogBatch[]> {
  const rows = await ask<Row>(knex, NEXT, {
    topics: wanted.map(({ topic }) => topic),
    partitions: wanted.map(({ partition }) => partition),
    starts: wanted.map(({ from }) => from),
    ends: wanted.map(({ to }) => to ?? Number.MAX_SAFE_INTEGER),
  })
  const batches = new Map<string, LogBatch>()
  for (const { topic, partition, offset, timestamp, key, value } of rows) {
    const name = placeText({ topic, partition })
    const batch = batches.get(name) ?? { topic, partition, start: 0, next: 0, records: [] }
    batches.set(name, batch)
    batch.records.push({ offset: Number(offset), timestamp, key, value })
    batch.next = Number(offset) + 1
  }
  for (const place of wanted) {
    const batch = batches.get(placeText(place))
    if (batch) batch.start = place.from
  }
  return [...batches.values()]
}

/** Reads one range page by page, as fast as the reader takes it. */
export async function* readRange(knex: Knex, range: Range, signal?: AbortSignal): AsyncGenerator<LogBatch> {
  const { topic, partition, from, to } = range
  await requireInRange(knex, range, from)
  await requireInRange(knex, range, to)
  for (let start = from; start < to;) {
    signal?.throwIfAborted()
    const [batch] = await nextBatches(knex, [{ topic, partition, from: start, to }])
    if (!batch) throw new LogReadError('out_of_range', `${placeText(range)} has no record in [${start}, ${to})`)
    start = batch.next
    yield batch
  }
}

/** First and end offset of every partition of these topics. */
export async function readBounds(knex: Knex, topics: string[]): Promise<Bounds[]> {
  const rows = await ask<Bounds>(knex, BOUNDS, { topics })
  const missing = topics.filter((topic) => !rows.some((row) => row.topic === topic))
  if (missing.length > 0) throw new LogReadError('out_of_range', `the log has no topic ${missing.join(', ')}`)
  return rows.map(({ topic, partition, first, end }) => ({ topic, partition, first: Number(first), end: Number(end) }))
}

/** LogReadError('out_of_range') when the log does not reach from before to `offset` (its end included). */
export async function requireInRange(knex: Knex, place: TopicPartition, offset: number): Promise<void> {
  const bounds = await readBounds(knex, [place.topic])
  const bound = bounds.find(({ partition }) => partition === place.partition)
  if (bound && bound.first <= offset && offset <= bound.end) return
  const holds = bound ? `holds [${bound.first}, ${bound.end})` : 'does not exist'
  throw new LogReadError('out_of_range', `offset ${offset} was asked of ${placeText(place)}, which ${holds}`)
}

/** Runs one query of the log; a failing database is an unreachable log. */
export async function ask<R>(
  knex: Knex,
  sql: string,
  bindings: Record<string, string[] | number[]> = {},
): Promise<R[]> {
  try {
    const { rows } = await knex.raw<{ rows: R[] }>(sql, bindings)
    // The embedded database answers without a turn of the event loop: reading on and on would let nothing else run.
    await turn()
    return rows
  } catch (cause) {
    throw new LogReadError('unreachable', 'the database of the log does not answer', { cause })
  }
}
