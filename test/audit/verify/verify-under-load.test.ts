import type { ExecutionContext } from 'ava'
import { verify } from '../../../services/audit/verify/verify.ts'
import { fillReadModel } from '../../../shared/read-model/projection/rebuild.ts'
import { issued, refreshed } from '../../ledger/given.ts'
import { appendPast } from '../../support/past-records.ts'
import { realTest } from '../../support/real-parts.ts'
import { grantId, postgresLedger, seed, type WrittenLedger } from '../../support/written-ledger.ts'
import { until } from '../../support/waiting.ts'

realTest('postgres')('a verification is exact while writers write and a projector projects', async (t) => {
  const ledger = await postgresLedger(t)
  await seed(ledger)
  const stopProjector = await ledger.startProjector()
  const writers = [1, 2, 3].map((n) => write(t, ledger, n))
  await until(async () => writers.every(({ written }) => written() > 20), 'writers')
  const ends = []
  for (let round = 0; round < 5; round++) {
    const before = writers.map(({ written }) => written())
    const { equal, difference, partitions } = await verify(ledger)
    t.deepEqual(difference, null)
    t.true(equal)
    ends.push(partitions.reduce((sum, { next }) => sum + next, 0))
    await until(async () => writers.every(({ written }, n) => written() > (before[n] ?? 0) + 5), 'more written')
  }
  await Promise.all(writers.map(({ stop }) => stop()))
  await stopProjector()
  // The log did grow meanwhile.
  t.true((ends.at(-1) ?? 0) > (ends[0] ?? 0))
})

realTest('postgres')(
  'traps-running 24: a verification is exact while dead grants are swept, writers write and a projector projects',
  async (t) => {
    const ledger = await postgresLedger(t)
    await seed(ledger)
    const dead = Array.from({ length: 5_000 }, (_, n) => grantId(1_000 + n))
    const at = Date.now() - 2 * 3_600_000
    const short = { access_token_lifetime: 60, refresh: null }
    await appendPast(
      ledger,
      dead.map((grant_id) => ({ fact: issued({ grant_id, ...short }), at })),
    )
    await fillReadModel(ledger, { lanes: 1 })
    const stopProjector = await ledger.startProjector()
    const writers = [1, 2].map((n) => write(t, ledger, n))
    const sweeper = sweep(ledger, dead)
    const rowsLeft = []
    while (sweeper.left() > 0) {
      rowsLeft.push(sweeper.left())
      t.deepEqual((await verify(ledger)).difference, null)
    }
    await Promise.all([...writers.map(({ stop }) => stop()), sweeper.ended])
    await stopProjector()
    t.true(rowsLeft.length > 1 && writers.every(({ written }) => written() > 0), 'both went on meanwhile')
    t.deepEqual((await verify(ledger)).difference, null)
    await ledger.knex.raw(`DELETE FROM ${ledger.schema}.grants WHERE grant_id = ?`, [grantId(1)])
    t.like((await verify(ledger)).difference, { table: 'grants', key: grantId(1), read_model: 'no row' })
  },
)

/** Takes away what is dead, in no order and a few rows at a time. */
function sweep({ knex, schema }: WrittenLedger, dead: string[]) {
  const waiting = [...dead].sort((a, b) => (a.slice(-2) + a < b.slice(-2) + b ? -1 : 1))
  const run = async () => {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, 20)
      await knex.transaction(async (tx) => {
        await tx.raw(`DELETE FROM ${schema}.bearer_tokens WHERE grant_id = ANY (?)`, [batch])
        await tx.raw(`DELETE FROM ${schema}.grants WHERE grant_id = ANY (?)`, [batch])
      })
    }
  }
  return { left: () => waiting.length, ended: run() }
}

realTest('postgres')(
  'traps-running 25: a verification reads rows in short statements of their own, and holds no snapshot between them',
  async (t) => {
    const ledger = await postgresLedger(t)
    await seed(ledger)
    const past = Array.from({ length: 4_500 }, (_, n) => ({ fact: issued({ grant_id: grantId(n) }), at: Date.now() }))
    await appendPast(ledger, past)
    await fillReadModel(ledger, { lanes: 1 })
    const inTransaction = new Set<unknown>()
    const pages: { sql: string; inTransaction: boolean }[] = []
    ledger.knex.on('query', ({ sql, __knexUid }: { sql: string; __knexUid: unknown }) => {
      if (sql.startsWith('BEGIN')) inTransaction.add(__knexUid)
      if (/^(COMMIT|ROLLBACK)/.test(sql)) inTransaction.delete(__knexUid)
      if (/\.(grants|bearer_tokens) /.test(sql)) pages.push({ sql, inTransaction: inTransaction.has(__knexUid) })
    })
    t.deepEqual((await verify(ledger)).difference, null)
    t.true(pages.length >= 6, `${pages.length} pages`)
    t.deepEqual(
      pages.filter(({ sql, inTransaction }) => inTransaction || !/LIMIT \d{1,4}$/.test(sql)),
      [],
    )
  },
)

function write(t: ExecutionContext, ledger: WrittenLedger, n: number) {
  let written = 0
  let stopped = false
  const grant_id = grantId(100 + n)
  const running = (async () => {
    await ledger.append(issued({ grant_id }))
    for (let generation = 2; !stopped; generation++) {
      // Every other one is a copy, hence void.
      await ledger.append(refreshed(generation, { grant_id }))
      await ledger.append(refreshed(generation, { grant_id }))
      written++
    }
  })()
  running.catch((error: unknown) => t.fail(String(error)))
  return {
    written: () => written,
    stop: async () => {
      stopped = true
      await running
    },
  }
}
