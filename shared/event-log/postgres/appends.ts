import type { Knex } from 'knex'
import { AppendError, type Outgoing } from '../event-log.ts'
import { type Ack, acknowledge, createPendingAppends, fail, type PendingAppend } from '../pending-appends.ts'
import { placeText, type TopicPartition } from '../places.ts'

const MAX_RECORDS = 1_000
const MAX_BYTES = 8_000_000

// One statement, so no round trip lies between lock and commit. The row lock is taken before the offset and released
// after the commit: whoever sees an offset has seen, or can see, all below it. The time is read under the lock.
const APPEND = `
WITH place AS (
  UPDATE ledger.log_partitions SET next = next + cardinality(:keys::bytea[])
   WHERE topic = :topic AND partition = :partition
  RETURNING next - cardinality(:keys::bytea[]) AS base,
            date_trunc('milliseconds', clock_timestamp() + :shift * interval '1 millisecond') AS at
), appended AS (
  INSERT INTO ledger.log_records (topic, partition, "offset", at, key, value)
  SELECT :topic, :partition, base + place_in_batch - 1, at, key, value
    FROM place, unnest(:keys::bytea[], :values::bytea[]) WITH ORDINALITY AS incoming (key, value, place_in_batch)
)
SELECT base, (extract(epoch FROM at) * 1000)::float8 AS timestamp FROM place`

/** For tests: what the network and the clock can do to an append. */
export type AppendFaults = {
  /** Runs after the statement was committed; a rejection is an answer that got lost. */
  beforeAnswer?: () => Promise<void>
  /** Added to the log's clock, in milliseconds. */
  clockShiftMs?: () => number
}

type Lane = TopicPartition & { waiting: PendingAppend[]; busy: boolean }
type Options = { knex: Knex; appendTimeoutMs: number; faults: AppendFaults; appended: () => void }

/** Appends with one statement a partition at a time; what arrives while it runs goes together in the next. */
export function createPostgresAppends({ knex, appendTimeoutMs, faults, appended }: Options) {
  const lanes = new Map<string, Lane>()
  const pending = createPendingAppends(appendTimeoutMs)
  let closed = false

  function append(record: Outgoing): Promise<Ack> {
    if (closed) return Promise.reject(new AppendError('not_appended', 'the log is closed'))
    return pending.add(record, (entry) => {
      const lane = laneOf(record)
      lane.waiting.push(entry)
      if (!lane.busy) start(lane)
    })
  }

  function laneOf({ topic, partition }: TopicPartition): Lane {
    const name = placeText({ topic, partition })
    const known = lanes.get(name)
    if (known) return known
    const lane: Lane = { topic, partition, waiting: [], busy: false }
    lanes.set(name, lane)
    return lane
  }

  function start(lane: Lane): void {
    lane.busy = true
    void drain(lane)
  }

  async function drain(lane: Lane): Promise<void> {
    // One turn of the loop, so that requests parsed in the same turn share the first statement.
    await new Promise((resolve) => setImmediate(resolve))
    for (let entries = nextBatch(lane); entries.length > 0; entries = nextBatch(lane)) await write(lane, entries)
    lane.busy = false
    pending.settle()
  }

  async function write(lane: Lane, entries: PendingAppend[]): Promise<void> {
    const { topic, partition } = lane
    for (const entry of entries) entry.sent = true
    try {
      const { rows } = await knex.raw<{ rows: { base: number | string; timestamp: number }[] }>(APPEND, {
        topic,
        partition,
        keys: entries.map(({ record }) => Buffer.from(record.key)),
        values: entries.map(({ record }) => Buffer.from(record.value)),
        shift: faults.clockShiftMs?.() ?? 0,
      })
      await faults.beforeAnswer?.()
      const [row] = rows
      if (!row) throw new AppendError('not_appended', `the log has no partition ${placeText(lane)}`)
      const base = Number(row.base)
      entries.forEach((entry, i) => acknowledge(entry, { offset: base + i, timestamp: row.timestamp }))
    } catch (error) {
      const failure = failureOf(error)
      for (const entry of entries) fail(entry, failure)
    }
    appended()
  }

  /** Refuses new appends and waits until those under way are answered. */
  async function close(): Promise<void> {
    closed = true
    await pending.settled()
  }

  return { append, close }
}

function nextBatch(lane: Lane): PendingAppend[] {
  const batch: PendingAppend[] = []
  let bytes = 0
  let taken = 0
  for (const entry of lane.waiting) {
    if (batch.length === MAX_RECORDS || (batch.length > 0 && bytes + entry.bytes > MAX_BYTES)) break
    taken++
    if (entry.settled) continue
    batch.push(entry)
    bytes += entry.bytes
  }
  lane.waiting.splice(0, taken)
  return batch
}

const NEVER_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', '57P03', '53300'])

// A statement that the server refused was rolled back; one that never got a connection was never sent. All else is
// unknown.
function failureOf(cause: unknown): AppendError {
  if (cause instanceof AppendError) return cause
  const { name, code, severity } = fieldsOf(cause)
  const refused = severity === 'ERROR' || name === 'KnexTimeoutError' || NEVER_CONNECTED.has(code)
  return refused
    ? new AppendError('not_appended', 'the database refused the append', { cause })
    : new AppendError('unknown', 'the database did not say whether it took the append', { cause })
}

function fieldsOf(error: unknown): { name: string; code: string; severity: string } {
  const field = (name: string): string => {
    const value: unknown = typeof error === 'object' && error !== null ? Reflect.get(error, name) : undefined
    return typeof value === 'string' ? value : ''
  }
  return { name: field('name'), code: field('code'), severity: field('severity') }
}
