import type { Knex } from 'knex'
import type { EventLog, Following } from '../event-log.ts'
import { isSamePlace, placeText, type TopicPartition } from '../places.ts'
import { createPostgresAppends, type AppendFaults } from './appends.ts'
import { followPostgres } from './follow.ts'
import { ask, readBounds, readFirstRecords, readRange } from './reads.ts'
import { createLogTables } from './tables.ts'
import type { LogLogger } from '../retrying.ts'
import type { Waker } from './waker.ts'

type Options = { knex: Knex; appendTimeoutMs: number; faults?: AppendFaults; logger?: LogLogger }
type Shape = { topic: string; partitions: number }[]

const GUARDS = `
SELECT count(*)::int AS guards FROM pg_trigger
 WHERE tgrelid = to_regclass('ledger.log_records') AND tgname = 'append_only' AND tgenabled IN ('O', 'A')`

/**
 * The event log in a table of PostgreSQL 15 or newer, or of the embedded database. It does not share partitions out:
 * each follower gets all of them. The pool is the caller's, and stays open at `close`.
 */
export function createPostgresLog({ knex, appendTimeoutMs, faults = {}, logger = () => undefined }: Options): EventLog {
  const wakers = new Set<Waker>()
  const followings = new Set<Following>()
  const appended = () => wakers.forEach((waker) => waker.wake())
  const { append, close: closeAppends } = createPostgresAppends({ knex, appendTimeoutMs, faults, appended })

  return {
    append,
    bounds: async (topics, partition) =>
      (await readBounds(knex, topics)).filter((one) => partition === undefined || one.partition === partition),
    boundsNow: async (topics) => ({ bounds: await readBounds(knex, topics), silent: [] }),
    firstRecords: (places) => readFirstRecords(knex, places),
    follow: async (_group, topics, follower) => {
      const following = followPostgres({ knex, topics, follower, logger, wakers })
      followings.add(following)
      following.ended.catch(() => undefined).finally(() => followings.delete(following))
      return following
    },
    read: (range, signal) => readRange(knex, range, signal),
    clusterId: async () => {
      const [row] = await ask<{ cluster_id: string }>(knex, 'SELECT cluster_id FROM ledger.log_identity')
      if (!row) throw new Error('ledger.log_identity is empty')
      return row.cluster_id
    },
    create: (topics) => create(knex, topics),
    problems: (topics) => problems(knex, topics),
    // A database that is away is away for every reader, who says so.
    unwritable: async () => [],
    close: async () => {
      await closeAppends()
      await Promise.all([...followings].map((following) => following.stop()))
    },
  }
}

async function create(knex: Knex, topics: Shape): Promise<void> {
  await createLogTables(knex)
  const existing = await ask<TopicPartition>(knex, 'SELECT topic, partition FROM ledger.log_partitions')
  const missing = topics
    .flatMap(({ topic, partitions }) => Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
    .filter((place) => !existing.some((one) => isSamePlace(one, place)))
  // Another migration may be as fast.
  if (missing.length > 0)
    await knex.withSchema('ledger').table('log_partitions').insert(missing).onConflict(['topic', 'partition']).ignore()
}

async function problems(knex: Knex, topics: Shape): Promise<string[]> {
  const [exists] = await ask<{ found: boolean }>(
    knex,
    `SELECT to_regclass('ledger.log_partitions') IS NOT NULL AS found`,
  )
  if (!exists?.found) return ['the tables of the log are missing: run the migration']
  const [guard] = await ask<{ guards: number }>(knex, GUARDS)
  const unguarded = 'ledger.log_records is not append-only: its trigger append_only is missing or disabled'
  return [...(guard?.guards ? [] : [unguarded]), ...(await problemsOfTopics(knex, topics))]
}

async function problemsOfTopics(knex: Knex, topics: Shape): Promise<string[]> {
  const existing = await ask<{ topic: string }>(knex, 'SELECT DISTINCT topic FROM ledger.log_partitions')
  const names = topics.map(({ topic }) => topic).filter((topic) => existing.some((row) => row.topic === topic))
  const bounds = names.length > 0 ? await readBounds(knex, names) : []
  return topics.flatMap(({ topic, partitions }) => {
    const own = bounds.filter((bound) => bound.topic === topic)
    if (own.length === 0) return [`${topic} does not exist: run the migration`]
    const count = own.length === partitions ? [] : [`${topic} has ${own.length} partitions, not ${partitions}`]
    const cut = own.filter(({ first }) => first !== 0)
    return [...count, ...cut.map((place) => `${placeText(place)} begins at offset ${place.first}, not at 0`)]
  })
}
