import { setTimeout as sleep } from 'node:timers/promises'
import { AppendError, type Outgoing, type Silent } from '../event-log.ts'
import {
  type Ack,
  acknowledge,
  createPendingAppends,
  fail,
  MAX_RECORD_BYTES,
  type PendingAppend,
  tooLarge,
} from '../pending-appends.ts'
import { placeText, type TopicPartition } from '../places.ts'
import type { LogLogger } from '../retrying.ts'
import { causesOf } from './client/connect.ts'
import type { Part, Sender } from './sender.ts'

const SHARED_SENDS = 2
const MAX_RECORDS = 1_000
const RETRY_MS = 50
const RETRY_MAX_MS = 500
const REMEMBERED_MS = 5_000
const NO_FAILURE: Failures = { failures: 0, failedAt: -Infinity }

/**
 * One partition's queue. `busy` while its records are under way, so they keep their order. `failures` in a row: while
 * there are any it sends alone, so that a partition without a leader holds nobody else up.
 */
type Lane = TopicPartition & { waiting: PendingAppend[]; busy: boolean; maxRecords: number } & Failures
type Failures = { failures: number; failedAt: number }
type Load = { lane: Lane; entries: PendingAppend[] }
type Options = { sender: Sender; appendTimeoutMs: number; logger: LogLogger }

/**
 * Natural batching: to each leader at most two sends are under way, over disjoint partitions, each with everything that
 * waited. What fails is sent again, partition by partition, until its deadline: a copy in the log is void.
 */
export function createKafkaAppends({ sender, appendTimeoutMs, logger }: Options) {
  const lanes = createLanes()
  const schedule = onceATurn(pump)
  const { putBack, recover } = createRecovery({ sender, logger, schedule })
  const shared = new Map<number, number>()
  const pending = createPendingAppends(appendTimeoutMs)
  let closed = false

  function append(record: Outgoing): Promise<Ack> {
    if (closed) return Promise.reject(new AppendError('not_appended', 'the log is closed'))
    return pending.add(record, (entry) => {
      lanes.of(record).waiting.push(entry)
      schedule()
    })
  }

  function pump(): void {
    const loads = new Map<number, Load[]>()
    for (const lane of lanes.all()) {
      if (lane.busy || lane.waiting.length === 0) continue
      const leader = sender.leaderOf(lane)
      if (leader === undefined) void recover(lane)
      else if (lane.failures > 0) void dispatch(leader, [load(lane)])
      else if ((shared.get(leader) ?? 0) < SHARED_SENDS) loads.set(leader, [...(loads.get(leader) ?? []), load(lane)])
    }
    for (const [leader, all] of loads) void dispatchShared(leader, all)
  }

  async function dispatchShared(leader: number, loads: Load[]): Promise<void> {
    shared.set(leader, (shared.get(leader) ?? 0) + 1)
    await dispatch(leader, loads)
    shared.set(leader, (shared.get(leader) ?? 0) - 1)
    schedule()
  }

  async function dispatch(leader: number, loads: Load[]): Promise<void> {
    const filled = loads.filter(({ entries }) => entries.length > 0)
    if (filled.length === 0) return
    for (const { lane } of filled) lane.busy = true
    try {
      const acks = await sender.send(leader, filled.map(partOf))
      filled.forEach((one, i) => succeed(one, acks[i]))
    } catch (error) {
      for (const one of filled) putBack(one, error, filled.length === 1)
    }
    schedule()
    pending.settle()
  }

  /** Refuses new appends, waits until those under way are answered (by their deadline at the latest), and hangs up. */
  async function close(): Promise<void> {
    closed = true
    await pending.settled()
    await sender.close()
  }

  return { append, failing: lanes.failing, close }
}

// A lane whose send failed learns its leader anew, waits a little from the second time on, and goes on alone.
function createRecovery({ sender, logger, schedule }: { sender: Sender; logger: LogLogger; schedule: () => void }) {
  function putBack({ lane, entries }: Load, error: unknown, alone: boolean): void {
    const { topic, partition, failures } = lane
    const isTooLarge = causesOf(error).some((cause) => TOO_LARGE.has(cause))
    if (!isTooLarge) lane.failedAt = performance.now()
    if (failures === 0)
      logger('warn', 'a send to Kafka failed, its partition is sent alone', { topic, partition, err: error })
    if (alone && isTooLarge) refuseOversize(lane, entries)
    lane.waiting = [...entries, ...lane.waiting]
    void recover(lane)
  }

  async function recover(lane: Lane): Promise<void> {
    lane.waiting = lane.waiting.filter(({ settled }) => !settled)
    lane.busy = lane.waiting.length > 0
    if (!lane.busy) return
    if (lane.failures > 0) await sleep(Math.min(RETRY_MS * 2 ** lane.failures, RETRY_MAX_MS))
    lane.failures++
    await sender.refresh(lane.topic)
    lane.busy = false
    schedule()
  }

  return { putBack, recover }
}

function createLanes() {
  const lanes = new Map<string, Lane>()
  function of({ topic, partition }: TopicPartition): Lane {
    const name = placeText({ topic, partition })
    const known = lanes.get(name)
    if (known) return known
    const lane: Lane = {
      topic,
      partition,
      waiting: [],
      busy: false,
      failures: 0,
      failedAt: -Infinity,
      maxRecords: MAX_RECORDS,
    }
    lanes.set(name, lane)
    return lane
  }
  /** Where the last send failed, and not long ago: without new ones nobody knows whether it still would. */
  function failing(): Silent[] {
    const recent = [...lanes.values()].filter(({ failedAt }) => failedAt > performance.now() - REMEMBERED_MS)
    return recent.map(({ topic, partition }) => ({ topic, partition, reason: 'the last append failed' }))
  }
  return { of, all: () => lanes.values(), failing }
}

// Requests that were parsed in the same turn of the loop go into the same send.
function onceATurn(work: () => void): () => void {
  let scheduled = false
  return () => {
    if (scheduled) return
    scheduled = true
    setImmediate(() => {
      scheduled = false
      work()
    })
  }
}

function succeed({ lane, entries }: Load, ack: Ack | undefined): void {
  if (!ack) return
  const { offset, timestamp } = ack
  entries.forEach((entry, i) => acknowledge(entry, { offset: offset + i, timestamp }))
  lane.busy = false
  Object.assign(lane, NO_FAILURE)
  if (lane.waiting.length === 0) lane.maxRecords = MAX_RECORDS
}

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE'])

// The broker's limit is on a batch: one that was too large is sent record by record, and a single record is refused for
// good.
function refuseOversize(lane: Lane, entries: PendingAppend[]): void {
  lane.maxRecords = 1
  const [only, another] = entries
  if (only && !another) fail(only, tooLarge(only.bytes))
}

function load(lane: Lane): Load {
  const entries: PendingAppend[] = []
  let bytes = 0
  let taken = 0
  for (const entry of lane.waiting) {
    if (entries.length === lane.maxRecords || (entries.length > 0 && bytes + entry.bytes > MAX_RECORD_BYTES)) break
    taken++
    if (entry.settled) continue
    entries.push(entry)
    bytes += entry.bytes
  }
  lane.waiting = taken === lane.waiting.length ? [] : lane.waiting.slice(taken)
  return { lane, entries }
}

function partOf({ lane: { topic, partition }, entries }: Load): Part {
  for (const entry of entries) entry.sent = true
  return { topic, partition, messages: entries.map(({ record: { key, value } }) => ({ key, value })) }
}
