import type { ExecutionContext } from 'ava'
import { verify } from '../../../services/audit/verify/verify.ts'
import { issued, refreshed } from '../../ledger/given.ts'
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
