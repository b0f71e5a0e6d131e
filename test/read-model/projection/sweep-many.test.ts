import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { placesOf } from '../../../shared/event-log/places.ts'
import { loadCheckpoints } from '../../../shared/read-model/checkpoints.ts'
import { sweepDue } from '../../../shared/read-model/projection/sweep-due.ts'
import type { ReadModelTables } from '../../../shared/read-model/read-model.ts'
import { startLedger, type TestLedger } from '../../support/ledger.ts'
import { writeManyGrants } from '../../support/many-grants.ts'
import { realTest } from '../../support/real-parts.ts'

const test = realTest('postgres')
const HALF = 50_000
const MIB = 1024 * 1024

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

test('traps-running 24: 100,000 dead grants go in the order of the indexes, in flat memory, and leave room for as many more', async (t) => {
  const { runtime } = await startLedger(t, { services: [] })
  const { knex, schema } = runtime
  const vacuum = () => knex.raw(`VACUUM ANALYZE ${schema}.grants, ${schema}.bearer_tokens`)
  const fill = () => writeManyGrants(runtime, { expired: HALF, revoked: HALF })
  await writeManyGrants(runtime, { live: 2_000 })
  await fill()
  await knex.raw(`UPDATE ${schema}.checkpoints SET fresh_as_of = clock_timestamp()`)
  await vacuum()
  const full = await sizeOf(runtime)
  const plans: string[] = []
  const first = await sweepTo(runtime, { ...runtime, knex: explaining(runtime, plans) })
  t.deepEqual(first.swept, { grants: 2 * HALF, tokens: 2 * HALF })
  t.true(plans.length > 200, String(plans.length))
  const scanning = plans.filter((plan) => /Seq Scan on (grants|bearer_tokens)/.test(plan))
  t.deepEqual(scanning, [])
  t.true(first.grownMib < 16, `${first.grownMib} MiB`)
  t.deepEqual(await sweepTo(runtime, runtime).then(({ swept }) => swept), { grants: 0, tokens: 0 }, 'the live stay')
  await vacuum()
  // Pages of an index that the first found empty are free for the second.
  await vacuum()
  await fill()
  const again = await sizeOf(runtime)
  t.true(again < full * 1.1, `${again / full} of what it was`)
})

type Runtime = TestLedger['runtime']

async function sizeOf({ knex, schema }: Runtime): Promise<number> {
  const { rows } = await knex.raw<{ rows: { size: number }[] }>(
    `SELECT pg_total_relation_size('${schema}.grants')::float8 + pg_total_relation_size('${schema}.bearer_tokens') AS size`,
  )
  return rows[0]?.size ?? 0
}

/** The same connection, which explains each statement before it is made. */
function explaining({ knex }: Runtime, plans: string[]): ReadModelTables['knex'] {
  return new Proxy(knex, {
    get: (target, name) => {
      if (name !== 'raw') return Reflect.get(target, name) as unknown
      return async (sql: string, bindings: never[]) => {
        if (/^\s*WITH/.test(sql)) {
          const { rows } = await knex.raw<{ rows: Record<string, string>[] }>(`EXPLAIN ${sql}`, bindings)
          plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'))
        }
        return (await knex.raw(sql, bindings)) as unknown
      }
    },
  })
}

async function sweepTo(runtime: Runtime, tables: ReadModelTables) {
  const { topics } = runtime
  const checkpoints = await loadCheckpoints(runtime, [topics.grants])
  const swept = { grants: 0, tokens: 0 }
  const heap = () => {
    collectGarbage()
    return process.memoryUsage().heapUsed / MIB
  }
  const before = heap()
  let most = before
  let batches = 0
  await sweepDue(
    tables,
    placesOf(topics).filter(({ topic }) => topic === topics.grants),
    {
      nextOf: ({ partition }) => checkpoints[partition]?.next,
      left: () => Infinity,
      pause: () => Promise.resolve(),
      swept: ({ grants, tokens }) => {
        swept.grants += grants
        swept.tokens += tokens
        if (++batches % 40 === 0) most = Math.max(most, heap())
      },
      failed: (error) => {
        throw error
      },
    },
  )
  return { swept, grownMib: Math.round(most - before) }
}
