import test from 'ava'
import pino from 'pino'
import { createClocks } from '../../../shared/read-model/reads/clocks.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import { T0 } from '../../ledger/given.ts'

/** Clocks that the test sets; answers take no time unless `tookMs` says so. */
function watched() {
  const lines: Record<string, unknown>[] = []
  const logger = pino({}, { write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>) })
  const own = { at: 0, aheadMs: 0 }
  const now = () => T0 + own.at
  const clocks = createClocks({
    maxSkewMs: 5_000,
    logger,
    own: { monotonic: () => own.at, wall: () => now() + own.aheadMs },
  })
  const told = () => lines.map(({ level, clocks: between }) => `${level === 50 ? 'alarm' : 'well'} ${String(between)}`)
  return {
    clocks,
    own,
    told,
    database: (aheadMs: number, tookMs = 0) => clocks.database(now() + aheadMs, own.at - tookMs),
    log: (aheadMs: number, tookMs = 0) => clocks.log(now() + aheadMs, own.at - tookMs),
  }
}

test('clocks that agree, or of which little is known, are no problem', (t) => {
  const { clocks, database, log, told } = watched()
  t.deepEqual(clocks.problems(), [])
  database(4_000)
  log(-900)
  t.deepEqual(clocks.problems(), [])
  t.notThrows(clocks.requireTogether)
  t.deepEqual(told(), [])
})

test('any two of the three that are too far apart are named, and alarmed about once', (t) => {
  for (const [step, names] of [
    [(w: ReturnType<typeof watched>) => (w.own.aheadMs = 9_000), ['process and log', 'process and database']],
    [(w: ReturnType<typeof watched>) => w.database(9_000), ['process and database', 'log and database']],
    [(w: ReturnType<typeof watched>) => w.log(-9_000), ['process and log', 'log and database']],
  ] as const) {
    const all = watched()
    all.database(0)
    all.log(0)
    step(all)
    t.deepEqual(
      all.clocks.problems().map((problem) => /of (.*) are 9000 ms apart/.exec(problem)?.[1]),
      [...names],
    )
    t.notThrows(all.clocks.requireTogether)
    for (let i = 0; i < 3; i++) all.clocks.skews()
    if (all.own.aheadMs > 0) all.database(0)
    t.deepEqual(
      all.told(),
      names.map((name) => `alarm ${name}`),
    )
  }
})

test('more than a minute apart nothing that they decide goes on; a minute is not more', (t) => {
  const { clocks, database } = watched()
  database(60_000)
  t.notThrows(clocks.requireTogether)
  database(-60_001)
  t.throws(clocks.requireTogether, { instanceOf: Unsettled, message: /process and database are 60001 ms apart/ })
})

test('a slow answer is no skew', (t) => {
  const { clocks, database, own } = watched()
  own.at = 100_000
  database(-80_000, 80_000)
  t.deepEqual(clocks.problems(), [])
  database(-80_000, 70_000)
  t.regex(clocks.problems()[0] ?? '', /10000 ms/)
})

test('what the last append told counts for half a minute: then one may ask again by appending', (t) => {
  const { clocks, database, log, own, told } = watched()
  log(600_000)
  database(0)
  t.throws(clocks.requireTogether, { instanceOf: Unsettled })
  own.at += 30_001
  database(0)
  t.notThrows(clocks.requireTogether)
  t.deepEqual(clocks.problems(), [])
  log(600_000)
  t.throws(clocks.requireTogether, { instanceOf: Unsettled })
  t.deepEqual(told(), ['alarm process and log', 'alarm log and database'])
})

test('each change is told once: apart, a minute apart, together again, and no wobble around a limit', (t) => {
  const { database, told } = watched()
  for (const ahead of [0, 4_999, 5_001, 4_900, 5_100, 61_000, 59_000, 61_000, 29_000, 10_000, 2_600, 2_400, 0])
    database(ahead)
  const name = 'process and database'
  t.deepEqual(told(), [`alarm ${name}`, `alarm ${name}`, `alarm ${name}`, `well ${name}`])
})
