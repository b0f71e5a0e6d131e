import { loadCheckpoints, markFresh } from '../../shared/read-model/checkpoints.ts'
import { createPositionWaiter, WaitTimeout } from '../../shared/read-model/position-waiter.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'

const test = realTest('postgres')

test('a partition whose checkpoint is behind the end of the log is not marked fresh, the others are', async (t) => {
  const { runtime } = await startLedger(t, { services: [] })
  const { knex, schema, topics } = runtime
  const checkpoints = await loadCheckpoints({ knex, schema }, [topics.grants])
  const behind = 5
  const ends = checkpoints.map(({ topic, partition, next }) => ({
    topic,
    partition,
    end: partition === behind ? next + 1 : next,
  }))
  const fresh = await markFresh({ knex, schema }, '2026-01-01T00:00:00Z', ends)
  t.deepEqual(
    fresh.map(({ partition }) => partition).toSorted((a, b) => a - b),
    [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11],
  )
  const { rows } = await knex.raw<{ rows: { partition: number }[] }>(
    `SELECT partition FROM ${schema}.checkpoints WHERE topic = ? AND fresh_as_of IS NULL`,
    [topics.grants],
  )
  t.deepEqual(rows, [{ partition: behind }])
})

/** How a checkpoint stands before it is marked, and after: seconds from the database's now, rounded. */
async function markedFrom({ runtime }: TestLedger, before: { fresh: number; stalled: number; resumed: number }) {
  const { knex, schema, topics } = runtime
  await knex.raw(
    `UPDATE ${schema}.checkpoints SET fresh_as_of = now() + ? * interval '1 s',
            stalls = ARRAY[tstzrange(now() + ? * interval '1 s', now() + ? * interval '1 s')] WHERE topic = ? AND partition = 0`,
    [before.fresh, before.stalled, before.resumed, topics.registry],
  )
  const { rows: clock } = await knex.raw<{ rows: { now: string }[] }>('SELECT clock_timestamp()::text AS now')
  await markFresh({ knex, schema }, clock[0]?.now ?? '', [{ topic: topics.registry, partition: 0, end: 0 }])
  const since = (column: string) => `round(extract(epoch FROM ${column} - ?::timestamptz))::int`
  const { rows } = await knex.raw<{ rows: { fresh: number; stalls: [number, number][] }[] }>(
    `SELECT ${since('fresh_as_of')} AS fresh,
            ARRAY(SELECT json_build_array(${since('lower(s)')}, ${since('upper(s)')}) FROM unnest(stalls) AS s) AS stalls
       FROM ${schema}.checkpoints WHERE topic = ? AND partition = 0`,
    [clock[0]?.now ?? '', clock[0]?.now ?? '', clock[0]?.now ?? '', topics.registry],
  )
  return rows[0]
}

test('a stamp of a clock that was set back is replaced, and its stall goes back with it; what is later than now is not written', async (t) => {
  const ledger = await startLedger(t, { services: [] })
  const { knex, schema, topics } = ledger.runtime
  const set = { fresh: 600, stalled: 500, resumed: 590 }
  t.deepEqual(await markedFrom(ledger, set), { fresh: 0, stalls: [[-100, -10]] })
  // A second stall stands beside the first, as a grace may have begun before both. The time between them counts.
  const again = { fresh: -50, stalled: -170, resumed: -150 }
  t.deepEqual(await markedFrom(ledger, again), {
    fresh: 0,
    stalls: [
      [-170, -150],
      [-50, 0],
    ],
  })
  const setBackALittle = { fresh: -3, stalled: -5, resumed: 4 }
  t.deepEqual(await markedFrom(ledger, setBackALittle), {
    fresh: 0,
    stalls: [
      [-5, 4],
      [0, 0],
    ],
  })
  const ends = [{ topic: topics.registry, partition: 0, end: 0 }]
  t.deepEqual(await markFresh({ knex, schema }, '2999-01-01T00:00:00Z', ends), [])
})

test('nobody who waits for a partition to be fresh is satisfied by a stamp later than now', async (t) => {
  const { runtime } = await startLedger(t, { services: [] })
  const { knex, schema, topics } = runtime
  const waiter = createPositionWaiter({ knex, schema })
  const place = { topic: topics.registry, partition: 0 }
  await knex.raw(`UPDATE ${schema}.checkpoints SET fresh_as_of = now() + interval '1 h'`)
  await t.throwsAsync(waiter.freshAsOf(place, 1, 300), { instanceOf: WaitTimeout })
  await knex.raw(`UPDATE ${schema}.checkpoints SET fresh_as_of = now()`)
  await t.notThrowsAsync(waiter.freshAsOf(place, 1, 20_000))
})
