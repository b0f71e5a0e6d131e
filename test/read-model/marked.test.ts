import test from 'ava'
import fc from 'fast-check'
import { databaseClock, markFresh } from '../../shared/read-model/checkpoints.ts'
import { STALL_MS, type Stalls } from '../../shared/read-model/stall.ts'
import { closeEmbedded, embeddedLedger, type WrittenLedger } from '../support/written-ledger.ts'
import { marked } from './marked.ts'

test.after.always(closeEmbedded)

/** A statement takes no longer, so that nothing is a stall here and none there. */
const SLACK_MS = 500

/** Ms from one mark to the next, by a clock that goes, stands still or goes back. */
const gap = fc
  .oneof(
    fc.integer({ min: SLACK_MS, max: 9_000 }),
    fc.integer({ min: -9_000, max: -SLACK_MS }),
    fc.integer({ min: -90_000, max: 90_000 }),
  )
  .filter((ms) => Math.abs(ms) >= SLACK_MS && Math.abs(ms - STALL_MS) >= SLACK_MS)

/** Marks the registry fresh, as if everything that the checkpoint remembers were so much (ms) longer ago. */
async function markAfter({ knex, schema, topics }: WrittenLedger, ms: number): Promise<void> {
  const back = `? * interval '1 ms'`
  await knex.raw(
    `UPDATE ${schema}.checkpoints
        SET fresh_as_of = fresh_as_of - ${back},
            stalls = ARRAY(SELECT tstzrange(lower(s) - ${back}, upper(s) - ${back}, '[]')
                             FROM unnest(stalls) WITH ORDINALITY AS u(s, n) ORDER BY n)`,
    [ms, ms, ms],
  )
  await markFresh({ knex, schema }, await databaseClock(knex), [{ topic: topics.registry, partition: 0, end: 0 }])
}

/** The stalls of the registry's checkpoint, by how long before its latest mark (ms) they began and ended. */
async function stallsOf({ knex, schema, topics }: WrittenLedger): Promise<[number, number][]> {
  const before = (bound: string) => `extract(epoch FROM c.fresh_as_of - ${bound}(s)) * 1000`
  const { rows } = await knex.raw<{ rows: { stalls: [number, number][] }[] }>(
    `SELECT ARRAY(SELECT json_build_array(${before('lower')}, ${before('upper')})
                    FROM unnest(c.stalls) WITH ORDINALITY AS u(s, n) ORDER BY n) AS stalls
       FROM ${schema}.checkpoints c WHERE c.topic = ?`,
    [topics.registry],
  )
  return rows[0]?.stalls ?? []
}

test('what the tests take for the stalls of a checkpoint is what the database makes of them', async (t) => {
  const ledger = await embeddedLedger()
  const { knex, schema } = ledger
  const holds = async (gaps: number[]) => {
    await knex.raw(`UPDATE ${schema}.checkpoints SET stalls = '{}', fresh_as_of = clock_timestamp()`)
    let [checkpoint, now]: [Stalls, number] = [{ stalls: [], fresh_as_of: 0 }, 0]
    for (const ms of gaps) {
      now += ms
      checkpoint = marked(checkpoint, now)
      await markAfter(ledger, ms)
    }
    const expected = checkpoint.stalls.map(([from, to]) => [now - Math.min(from, to), now - to] as const)
    const isLong = ([from, to]: readonly [number, number]) => from - to > SLACK_MS
    const [told, wanted] = [(await stallsOf(ledger)).filter(isLong), expected.filter(isLong)]
    t.is(told.length, wanted.length)
    for (const [n, one] of wanted.entries())
      for (const end of [0, 1] as const) t.true(Math.abs((told[n]?.[end] ?? Infinity) - one[end]) < SLACK_MS)
  }
  await fc.assert(fc.asyncProperty(fc.array(gap, { maxLength: 60, size: 'max' }), holds), {
    numRuns: 20,
    endOnFailure: true,
  })
})
