import fc from 'fast-check'
import type { LogBatch, LogRecord } from '../../../shared/event-log/event-log.ts'
import { outgoing } from '../../../shared/event-log/event-codec.ts'
import { readBatch } from '../../../shared/event-log/fold-log.ts'
import { placesOf, placeText } from '../../../shared/event-log/places.ts'
import { mayBeSwept, mayTokenBeSwept } from '../../../shared/ledger/grant/sweepable.ts'
import { loadCheckpoints } from '../../../shared/read-model/checkpoints.ts'
import { project } from '../../../shared/read-model/projection/project.ts'
import { dueQueues } from '../../../shared/read-model/projection/sweep.ts'
import { startLedger, type TestLedger } from '../../support/ledger.ts'
import { realTest } from '../../support/real-parts.ts'
import { NO_SKIPS } from '../../support/skipping.ts'
import { sweepAll } from '../../support/sweeping.ts'
import { type FoldedGrant, foldedLives, minutesAgo, sweptLives } from './swept-lives.ts'

const test = realTest('postgres')
const RUNS = { numRuns: 100 }

type Runtime = TestLedger['runtime']

test('the SQL of the sweeper removes exactly what the core says may go, whenever it looks, in batches of any size', async (t) => {
  const { runtime } = await startLedger(t, { services: [] })
  const seen = { gone: 0, kept: 0, tokensGone: 0, spentGone: 0, late: 0, endless: 0 }
  await fc.assert(
    fc.asyncProperty(sweptLives, fc.integer({ min: 1, max: 7 }), async (lives, limit) => {
      const now = Date.now()
      const grants = foldedLives(lives, now)
      await empty(runtime)
      const looks = lives.looks.map((minutes) => minutesAgo(now, minutes) + 30_000).sort((a, b) => a - b)
      for (const time of [...looks, now]) {
        await projectUntil(runtime, grants, time)
        await markFreshAsOf(runtime, time)
        await sweepAll(runtime, { limit })
        t.deepEqual(await dueOf(runtime), [], 'nothing that is due was left')
      }
      const unsure = new Set(grants.filter(({ isLate }) => isLate).map(({ grant_id }) => grant_id))
      t.deepEqual(
        (await rowsOf(runtime, 'grants', 'grant_id::text')).filter((id) => !unsure.has(id)),
        grants
          .filter(({ grant_id, state }) => !unsure.has(grant_id) && !mayBeSwept(state, now))
          .map(idOf)
          .sort(),
      )
      // The last token of a revoked grant may go alone or with it.
      for (const { state, generations } of grants)
        if (state.status === 'revoked') unsure.add(`${state.grant_id}/${generations.length}`)
      const isSure = (name: string) => !unsure.has(name) && !unsure.has(name.slice(0, 36))
      t.deepEqual(
        (await rowsOf(runtime, 'bearer_tokens', `grant_id || '/' || generation`)).filter(isSure),
        grants
          .flatMap((grant) => keptTokens(grant, now))
          .filter(isSure)
          .sort(),
      )
      count(seen, grants, now)
    }),
    RUNS,
  )
  t.true(
    Object.values(seen).every((times) => times > 10),
    JSON.stringify(seen),
  )
})

const idOf = ({ grant_id }: FoldedGrant) => grant_id

const isTokenGone = ({ state, generations }: FoldedGrant, n: number, now: number) => {
  const token = generations[n]
  return token !== undefined && mayTokenBeSwept(state, { ...token, next_at: generations[n + 1]?.at }, now)
}

function keptTokens(grant: FoldedGrant, now: number): string[] {
  return grant.generations
    .filter((_, n) => !isTokenGone(grant, n, now))
    .map(({ generation }) => `${grant.grant_id}/${generation}`)
}

function count(seen: Record<string, number>, grants: FoldedGrant[], now: number): void {
  const add = (name: string, times: number) => void (seen[name] = (seen[name] ?? 0) + times)
  const sure = grants.filter(({ isLate }) => !isLate)
  add('late', grants.length - sure.length)
  for (const grant of sure) {
    const isGone = mayBeSwept(grant.state, now)
    const tokens = grant.generations.filter((_, n) => isTokenGone(grant, n, now))
    add(isGone ? 'gone' : 'kept', 1)
    add('tokensGone', tokens.length)
    add('spentGone', isGone ? 0 : tokens.length)
    add('endless', isGone ? 0 : tokens.filter(({ exp }) => exp === null).length)
  }
}

async function empty({ knex, schema }: Runtime): Promise<void> {
  await knex.raw(`TRUNCATE ${schema}.grants, ${schema}.bearer_tokens`)
  await knex.withSchema(schema).table('checkpoints').update({ next: 0 })
}

/** Projects whatever was recorded up to this time and is not projected yet, as a projector does. */
async function projectUntil(
  { knex, schema, topics, people }: Runtime,
  grants: FoldedGrant[],
  time: number,
): Promise<void> {
  const partitions = new Map(placesOf(topics).map((place) => [placeText(place), [] as LogRecord[]]))
  const records = grants.flatMap(({ records }) => records).sort((a, b) => a.timestamp - b.timestamp)
  for (const { event, timestamp } of records) {
    const { topic, partition, key, value } = outgoing(event, topics)
    const before = partitions.get(placeText({ topic, partition })) ?? []
    before.push({ offset: before.length, timestamp, key: Buffer.from(key), value: Buffer.from(value) })
  }
  const checkpoints = await loadCheckpoints({ knex, schema }, [topics.grants])
  const batches = checkpoints.flatMap((checkpoint) => {
    const { topic, partition, next: start } = checkpoint
    const all = partitions.get(placeText({ topic, partition })) ?? []
    const records = all.slice(start).filter(({ timestamp }) => timestamp <= time)
    const batch: LogBatch = { topic, partition, start, next: start + records.length, records }
    return records.length === 0 ? [] : [readBatch(batch, checkpoint, NO_SKIPS)]
  })
  if (batches.length > 0) await project({ knex, schema, people }, batches, 'record')
}

async function markFreshAsOf({ knex, schema }: Runtime, time: number): Promise<void> {
  await knex.raw(`UPDATE ${schema}.checkpoints SET fresh_as_of = to_timestamp(?::float8 / 1000)`, [time])
}

async function dueOf(runtime: Runtime) {
  const places = placesOf(runtime.topics).filter(({ topic }) => topic === runtime.topics.grants)
  return [...(await dueQueues(runtime, 'grants', places)), ...(await dueQueues(runtime, 'tokens', places))]
}

async function rowsOf({ knex, schema }: Runtime, table: string, expression: string): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { id: string }[] }>(`SELECT ${expression} AS id FROM ${schema}.${table}`)
  return rows.map(({ id }) => id).sort()
}
