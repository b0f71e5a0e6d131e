import { loadCheckpoints, markFresh } from '../../shared/read-model/checkpoints.ts'
import { startLedger } from '../support/ledger.ts'
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
