import test from 'ava'
import { createStamps } from '../../shared/read-model/stamps.ts'

const PLACE = { topic: 'l.grants', partition: 3 }

/** Reads a stamp at the database's time `now`, when this process's own clock stands at `at`. */
function reading() {
  let own = 0
  const stamps = createStamps(() => own)
  return (stamp: number | null, now: number, at: number) => {
    own = at
    return stamps(PLACE, { stamp, now, sentAt: at })
  }
}

test('a stamp of the past is believed, one that was never made is not known', (t) => {
  const read = reading()
  t.is(read(null, 10_000, 0), null)
  t.is(read(9_000, 10_000, 0), 9_000)
  t.is(read(9_000, 14_000, 4_000), 9_000)
})

test('a stamp later than now is not known, also once the clock has caught up with it; the next one is', (t) => {
  const read = reading()
  t.is(read(10_000, 4_000, 0), null)
  t.is(read(10_000, 10_001, 6_001), null)
  t.is(read(10_002, 10_003, 6_003), 10_002)
})

test('a stamp that is a little later than now is of a primary whose clock is ahead: not known until then', (t) => {
  const read = reading()
  t.is(read(10_000, 9_950, 0), null)
  t.is(read(10_000, 10_050, 100), 10_000)
})

test('a stamp ages by the own clock of the process where that of the database was set back', (t) => {
  const read = reading()
  t.is(read(10_000, 11_000, 0), 10_000)
  t.is(read(10_000, 10_500, 60_000), 10_500 - 61_000)
})

test('a slow answer makes no stamp older than it is', (t) => {
  let own = 0
  const stamps = createStamps(() => own)
  stamps(PLACE, { stamp: 10_000, now: 11_000, sentAt: 0 })
  own = 5_000
  t.is(stamps(PLACE, { stamp: 10_000, now: 11_010, sentAt: 10 }), 10_000)
})

test('each partition has its own', (t) => {
  const stamps = createStamps(() => 0)
  t.is(stamps({ ...PLACE, partition: 4 }, { stamp: 10_000, now: 9_000, sentAt: 0 }), null)
  t.is(stamps(PLACE, { stamp: 10_000, now: 11_000, sentAt: 0 }), 10_000)
})
