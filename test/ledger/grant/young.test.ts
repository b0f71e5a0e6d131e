import test from 'ava'
import fc from 'fast-check'
import { type Made, Young } from '../../../shared/ledger/grant/young.ts'

const LONGEST_MS = 300_000

/** What the rule says, by a copy for each event. */
const naive = (made: Made[], next: Made) => [...made, next].filter(({ at }) => next.at - at <= LONGEST_MS)

const step = fc.record({
  /** Which of the states so far is gone on from: the latest mostly, else any, as after a batch that was rolled back. */
  from: fc.oneof({ weight: 5, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(40) }),
  ms: fc.oneof(fc.nat(5_000), fc.nat(150_000), fc.constantFrom(0, LONGEST_MS, LONGEST_MS + 1)),
})

test('in any order and branching each state has its own young generations, and keeps them', (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const first = [{ generation: 1, at: 0 }]
      const states = [{ young: Young.of(first), made: first }]
      for (const { from, ms } of steps) {
        const before = states.at(-1 - Math.min(from, states.length - 1)) ?? { young: Young.of([]), made: [] }
        const last = before.made.at(-1) ?? { generation: 0, at: 0 }
        const next = { generation: last.generation + 1, at: last.at + ms }
        states.push({ young: before.young.and(next), made: naive(before.made, next) })
      }
      for (const { young, made } of states) {
        t.deepEqual([...young], made)
        const latest = made.at(-1)?.generation ?? 0
        for (let generation = 0; generation <= latest + 1; generation++)
          t.is(young.madeAt(generation), made.find((one) => one.generation === generation)?.at)
      }
    }),
    { numRuns: 200 },
  )
})

test('two states with the same young generations are equal, however they came to them', (t) => {
  const grown = Young.of([{ generation: 1, at: 0 }])
    .and({ generation: 2, at: 10 })
    .and({ generation: 3, at: LONGEST_MS + 5 })
  const loaded = Young.of([
    { generation: 3, at: LONGEST_MS + 5 },
    { generation: 2, at: 10 },
  ])
  t.deepEqual(grown, loaded)
  t.notDeepEqual(grown, Young.of([{ generation: 3, at: LONGEST_MS + 5 }]))
})

test('what every generation ever made is not kept: a grant that is refreshed for ever holds 300 s of them', (t) => {
  let young = Young.of([{ generation: 1, at: 0 }])
  for (let generation = 2; generation <= 100_000; generation++)
    young = young.and({ generation, at: generation * 1_000 })
  t.is([...young].length, 301)
  t.is(young.madeAt(99_699), undefined)
  t.is(young.madeAt(99_700), 99_700_000)
})

test('one more generation costs the same beside 30,000 young ones as beside a few', (t) => {
  const made = (generation: number): Made => ({ generation, at: generation })
  /** ms for 1,000 more, the fastest of five: what else the machine does only makes it slower. */
  const cost = (size: number) => {
    const tries = [1, 2, 3, 4, 5].map(() => {
      let young = Young.of(Array.from({ length: size }, (_, index) => made(index)))
      const started = performance.now()
      for (let more = 0; more < 1_000; more++) young = young.and(made(size + more))
      return performance.now() - started
    })
    return Math.min(...tries)
  }
  cost(30_000)
  const ratio = cost(30_000) / cost(300)
  // Copying all of them each time costs some 300 times as much; that the array grows once, some 10 times.
  t.true(ratio < 50, `${ratio} times as much`)
})
