import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import { placeText } from '../../shared/event-log/places.ts'
import type { Fact } from '../../shared/ledger/events.ts'
import { ISSUER } from './ledger.ts'
import type { WrittenLedger } from './written-ledger.ts'

/** What happened at some time (ms) that is over. */
export type Past = { fact: Fact; at: number }

const APPEND = `
WITH place AS (
  UPDATE ledger.log_partitions SET next = next + cardinality(:keys::bytea[])
   WHERE topic = :topic AND partition = :partition RETURNING next - cardinality(:keys::bytea[]) AS base)
INSERT INTO ledger.log_records (topic, partition, "offset", at, key, value)
SELECT :topic, :partition, base + n - 1, to_timestamp(at / 1000.0), key, value
  FROM place, unnest(:keys::bytea[], :values::bytea[], :ats::bigint[]) WITH ORDINALITY AS incoming (key, value, at, n)`

/** Puts many records straight into the log's table, in this order and as of their own times. */
export async function appendPast({ knex, topics }: WrittenLedger, records: Past[]): Promise<void> {
  const placed = records.map(({ fact, at }) => ({ at, ...outgoing(envelop(fact, ISSUER, BY, at), topics) }))
  for (const place of new Set(placed.map(placeText))) {
    const own = placed.filter((record) => placeText(record) === place)
    const [first] = own
    if (!first) continue
    await knex.raw(APPEND, {
      topic: first.topic,
      partition: first.partition,
      keys: own.map(({ key }) => Buffer.from(key)),
      values: own.map(({ value }) => Buffer.from(value)),
      ats: own.map(({ at }) => at),
    })
  }
}

const BY = { actor: 'client/shop' }
