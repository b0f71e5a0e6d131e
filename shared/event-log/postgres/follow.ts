import type { Knex } from 'knex'
import { type Follower, type Following, type LogBatch, LogReadError } from '../event-log.ts'
import { isSamePlace, type TopicPartition } from '../places.ts'
import { type LogLogger, retrying } from '../retrying.ts'
import { nextBatches, readBounds, requireInRange } from './reads.ts'
import { createWaker, type Waker } from './waker.ts'

const POLL_BUSY_MS = 15
const POLL_IDLE_MS = 200

type Place = TopicPartition & { from: number; taking: boolean }
type Options = { knex: Knex; topics: string[]; follower: Follower; logger: LogLogger; wakers: Set<Waker> }

/** Delivers every partition of the topics to one follower: polls, and looks at once when this process appended. */
export function followPostgres({ knex, topics, follower, logger, wakers }: Options): Following {
  const stopping = new AbortController()
  const { signal } = stopping
  const waker = createWaker()
  const takes = new Set<Promise<void>>()
  const places = new Set<Place>()

  async function run(): Promise<void> {
    wakers.add(waker)
    try {
      const begun = await retrying(() => beginAll(knex, topics, follower), { signal, logger, what: 'begin' })
      for (const place of begun ?? []) places.add(place)
      await poll()
    } finally {
      wakers.delete(waker)
      await Promise.all(takes)
    }
    if (signal.reason instanceof LogReadError) throw signal.reason
  }

  async function poll(): Promise<void> {
    const { answers, fails } = pollTeller(logger)
    let pauseMs = POLL_BUSY_MS
    while (!signal.aborted) {
      const free = [...places].filter(({ taking }) => !taking)
      const batches = free.length > 0 ? await nextBatches(knex, free).then(answers, fails) : []
      for (const batch of batches) deliver(batch)
      pauseMs = batches.length > 0 ? POLL_BUSY_MS : Math.min(pauseMs * 1.5, POLL_IDLE_MS)
      await waker.wait(pauseMs)
    }
  }

  function deliver(batch: LogBatch): void {
    const place = [...places].find((one) => isSamePlace(one, batch))
    if (!place) return
    place.taking = true
    const take = advance(place, batch)
      .catch(halt)
      .finally(() => {
        place.taking = false
        takes.delete(take)
        waker.wake()
      })
    takes.add(take)
  }

  async function advance(place: Place, batch: LogBatch): Promise<void> {
    const next = await retrying(() => follower.take(batch), { signal, logger, what: 'take' })
    if (next === null) places.delete(place)
    if (typeof next !== 'number') return
    if (next !== batch.next) {
      await retrying(() => requireInRange(knex, place, next), { signal, logger, what: 'seek' })
    }
    place.from = next
  }

  function halt(reason: unknown): void {
    stopping.abort(reason)
    waker.wake()
  }

  const offer = (partitions: TopicPartition[]) => beginLeft(knex, { partitions, places, follower }).then(waker.wake)
  return following(run(), { halt, offer })
}

// Once for each change, not five times a second.
function pollTeller(logger: LogLogger) {
  let failing = false
  return {
    answers: (batches: LogBatch[]): LogBatch[] => {
      if (failing) logger('info', 'the log is read again', {})
      failing = false
      return batches
    },
    fails: (error: unknown): LogBatch[] => {
      if (!failing) logger('warn', 'the log cannot be read, trying again', { err: error })
      failing = true
      return []
    },
  }
}

async function beginAll(knex: Knex, topics: string[], follower: Follower): Promise<Place[]> {
  const bounds = await readBounds(knex, topics)
  const places = bounds.map(({ topic, partition }) => ({ topic, partition }))
  return begin(knex, places, follower)
}

type Offered = { partitions: TopicPartition[]; places: Set<Place>; follower: Follower }

async function beginLeft(knex: Knex, { partitions, places, follower }: Offered): Promise<void> {
  const isLeft = (one: TopicPartition) => ![...places].some((place) => isSamePlace(place, one))
  const left = partitions.filter(isLeft)
  if (left.length === 0) return
  for (const place of await begin(knex, left, follower)) if (isLeft(place)) places.add(place)
}

async function begin(knex: Knex, places: TopicPartition[], follower: Follower): Promise<Place[]> {
  const begins = await follower.begin(places)
  for (const begin of begins) await requireInRange(knex, begin, begin.offset)
  return begins.map(({ topic, partition, offset }) => ({ topic, partition, from: offset, taking: false }))
}

type Ways = Pick<Following, 'offer'> & { halt: (reason: unknown) => void }

function following(ended: Promise<void>, { halt, offer }: Ways): Following {
  ended.catch(() => undefined)
  return {
    ended,
    offer,
    stop: async () => {
      halt('stopped')
      await ended.catch(() => undefined)
    },
  }
}
