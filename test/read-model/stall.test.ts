import test, { type ExecutionContext } from 'ava'
import fc from 'fast-check'
import { databaseClock, markFresh } from '../../shared/read-model/checkpoints.ts'
import { STALL_MS, STALLS_KEPT, type Stalls, stalledMs } from '../../shared/read-model/stall.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { until } from '../support/waiting.ts'
import { realTest } from '../support/real-parts.ts'
import { marked } from './marked.ts'

const GRACE_S = 30

test('only the part of a stall after a time counts, and a second of ordinary lag is none', (t) => {
  const past: Stalls = { stalls: [[1_000, 6_000]], fresh_as_of: 9_500 }
  t.is(stalledMs(past, 500, 10_000), 5_000)
  t.is(stalledMs(past, 4_000, 10_000), 2_000)
  t.is(stalledMs(past, 7_000, 10_000), 0)
  t.is(stalledMs({ stalls: [], fresh_as_of: 8_500 }, 8_000, 10_000), 0)
  t.is(stalledMs({ stalls: [], fresh_as_of: 7_000 }, 7_500, 10_000), 2_500)
  t.is(stalledMs({ ...past, fresh_as_of: 7_000 }, 500, 10_000), 8_000)
  t.is(stalledMs({ stalls: [], fresh_as_of: null }, 500, 10_000), 0)
})

/** Ms from one mark of freshness to the next: time that can be answered in, flapping, and now and then an outage. */
const gaps = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.integer({ min: 200, max: STALL_MS }) },
    { weight: 6, arbitrary: fc.integer({ min: STALL_MS + 1, max: 9_000 }) },
    { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 900_000 }) },
  ),
  { minLength: 5, maxLength: 120, size: 'max' },
)

test('however freshness flaps, only the latest stalls stretch a grace that began before them', (t) => {
  const holds = (all: number[]) => {
    let checkpoint: Stalls = { stalls: [], fresh_as_of: null }
    const times = [0]
    for (const gap of all) times.push((times.at(-1) ?? 0) + gap)
    for (const time of times) checkpoint = marked(checkpoint, time)
    return times.every((since, index) => {
      const later = all.slice(index).filter((gap) => gap > STALL_MS)
      const latest = later.slice(-STALLS_KEPT).reduce((sum, ms) => sum + ms, 0)
      return stalledMs(checkpoint, since, times.at(-1) ?? 0) === latest
    })
  }
  t.notThrows(() => fc.assert(fc.property(gaps, holds), { numRuns: 1_000 }))
})

/** Moves everything that the read model remembers of time into the past: as if nothing had gone on since. */
async function age({ runtime: { knex, schema } }: TestLedger, seconds: number): Promise<void> {
  await knex.raw(`UPDATE ${schema}.bearer_tokens SET projected_at = projected_at - ? * interval '1 s'`, [seconds])
  await knex.raw(
    `UPDATE ${schema}.checkpoints
        SET fresh_as_of = fresh_as_of - ? * interval '1 s',
            stalls = ARRAY(SELECT tstzrange(lower(s) - ? * interval '1 s', upper(s) - ? * interval '1 s', '[]')
                             FROM unnest(stalls) WITH ORDINALITY AS u(s, n) ORDER BY n)`,
    [seconds, seconds, seconds],
  )
}

/** As if so many seconds had gone by before every partition was marked fresh again. */
async function markAfter(ledger: TestLedger, seconds: number): Promise<void> {
  const { knex, schema, topics, log } = ledger.runtime
  await age(ledger, seconds)
  const ends = (await log.bounds([topics.grants, topics.registry])).map((bound) => ({ ...bound, end: 0 }))
  await markFresh({ knex, schema }, await databaseClock(knex), ends)
}

async function stalls({ runtime: { knex, schema } }: TestLedger): Promise<{ fresh: boolean; ms: number[] }[]> {
  const { rows } = await knex.raw<{ rows: { fresh: boolean; ms: number[] }[] }>(
    `SELECT now() - fresh_as_of < interval '2 s' AS fresh,
            ARRAY(SELECT (extract(epoch FROM upper(s) - lower(s)) * 1000)::float8 FROM unnest(stalls) AS s) AS ms
       FROM ${schema}.checkpoints`,
  )
  return rows
}

realTest('postgres')('the grace of a retry does not run while the ledger could not answer', async (t) => {
  const first = await startLedger(t)
  const as = await first.client({ refresh_grace_seconds: 30 })
  const { grant_id, refresh_token } = await first.grant({ to: as })
  const form = { grant_type: 'refresh_token', refresh_token }
  const lost = await first.post('/oauth2/token', form, { as })
  t.is(lost.status, 200)
  // Stopped right after it was projected, for ten minutes.
  await first.stop()
  const ledger = await startLedger(t, { beside: first, services: ['token-endpoint'] })
  await age(ledger, 600)
  const projecting = await startLedger(t, { beside: first, services: ['projector'] })
  await until(async () => (await stalls(ledger)).every(({ fresh }) => fresh), 'freshness')
  for (const { ms } of await stalls(ledger)) t.true(ms.some((one) => one > 599_000 && one < 660_000))
  const again = await ledger.post('/oauth2/token', form, { as })
  t.deepEqual([again.status, again.body['refresh_token']], [200, lost.body['refresh_token']])
  // Time in which it could have been answered counts as ever.
  await ledger.runtime.knex.raw(
    `UPDATE ${ledger.runtime.schema}.bearer_tokens SET projected_at = projected_at - interval '31 s'`,
  )
  t.is((await ledger.post('/oauth2/token', form, { as })).status, 400)
  t.is((await ledger.eventsOf(grant_id)).at(-1)?.type, 'TokenReuseDetected')
  await projecting.stop()
})

/** A client whose refresh was answered and lost, on a ledger whose projector is this test from then on. */
async function lostAnswer(t: ExecutionContext) {
  const first = await startLedger(t)
  const as = await first.client({ refresh_grace_seconds: GRACE_S })
  const { grant_id, refresh_token } = await first.grant({ to: as })
  const retry = (ledger: TestLedger) =>
    ledger.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, { as })
  const lost = await retry(first)
  await first.stop()
  const settings = { APPEND_TIMEOUT: '2' }
  const ledger = await startLedger(t, { beside: first, services: ['token-endpoint'], settings })
  /** What the log holds last of the grant, where the retry is not answered with the same pair. */
  const answer = async () => {
    const { status, body } = await retry(ledger)
    if (status === 200 && body['refresh_token'] === lost.body['refresh_token']) return 'the same pair'
    return (await ledger.eventsOf(grant_id)).at(-1)?.type
  }
  /** As if the next generation had appeared only now. */
  const appearNow = async () => {
    const { knex, schema } = ledger.runtime
    await knex.raw(`UPDATE ${schema}.bearer_tokens SET projected_at = clock_timestamp()`)
  }
  return { ledger, answer, appearNow }
}

realTest('postgres')('freshness that flaps stretches a grace by the latest stalls and no further', async (t) => {
  const { ledger, answer, appearNow } = await lostAnswer(t)
  const flap = async (times: number) => {
    for (let n = 0; n < times; n++) {
      await markAfter(ledger, 3)
      await markAfter(ledger, 1)
    }
  }
  await flap(2 * STALLS_KEPT)
  await appearNow()
  await flap(STALLS_KEPT)
  t.is(await answer(), 'the same pair')
  // Each second counts from here on: the latest stalls are 3 s each, as those that they replace.
  await flap(Math.ceil((GRACE_S - STALLS_KEPT) / 4) + 1)
  t.is(await answer(), 'TokenReuseDetected')
})

realTest('postgres')('what flapped before a token was spent does not stretch its grace', async (t) => {
  const { ledger, answer, appearNow } = await lostAnswer(t)
  for (let n = 0; n < STALLS_KEPT; n++) await markAfter(ledger, 100)
  await appearNow()
  await markAfter(ledger, 3)
  for (let second = 0; second < GRACE_S - 10; second++) await markAfter(ledger, 1)
  t.is(await answer(), 'the same pair')
  for (let second = 0; second < 12; second++) await markAfter(ledger, 1)
  t.is(await answer(), 'TokenReuseDetected')
})

realTest('postgres')('after one long outage, and what flaps around it, a retry still has its grace', async (t) => {
  const { ledger, answer, appearNow } = await lostAnswer(t)
  await appearNow()
  for (const seconds of [1, 3, 1, 3, 1, 7_200, 1, 3, 1, 3, 1, 3, 1, 3, 1]) await markAfter(ledger, seconds)
  for (let second = 0; second < GRACE_S - 18; second++) await markAfter(ledger, 1)
  t.is(await answer(), 'the same pair')
  for (let second = 0; second < 12; second++) await markAfter(ledger, 1)
  t.is(await answer(), 'TokenReuseDetected')
})
