import test from 'ava'
import { createBatcher, QueueFull } from '../../shared/database/batcher.ts'

/** A load that hangs until it is told to answer, with what each load was asked for. */
function hangingLoad() {
  const loads: number[][] = []
  const releases: (() => void)[] = []
  const load = async (keys: number[]): Promise<number[]> => {
    loads.push(keys)
    await new Promise<void>((resolve) => releases.push(resolve))
    return keys
  }
  return { loads, load, release: () => releases.shift()?.() }
}

const begun = async (loads: unknown[], count: number) => {
  while (loads.length < count) await new Promise(setImmediate)
}

test.serial(
  'while a load hangs no more than the bound waits behind it, and what is beyond is refused at once',
  async (t) => {
    const { loads, load, release } = hangingLoad()
    const read = createBatcher(load, { max: 10, bound: 20 })
    const first = read(0)
    await begun(loads, 1)
    const waiting = Array.from({ length: 20 }, (_, i) => read(i + 1))
    for (let i = 0; i < 1_000; i++) await t.throwsAsync(read(99), { instanceOf: QueueFull })
    t.is(loads.length, 1)
    release()
    t.is(await first, 0)
    for (const count of [2, 3]) {
      await begun(loads, count)
      release()
    }
    t.deepEqual(
      await Promise.all(waiting),
      [...Array(20).keys()].map((i) => i + 1),
    )
    t.deepEqual(
      loads.map((keys) => keys.length),
      [1, 10, 10],
    )
  },
)

test.serial('what nobody waits for any longer is never loaded', async (t) => {
  const { loads, load, release } = hangingLoad()
  const read = createBatcher(load, { patienceMs: 500 })
  const first = read(0)
  await begun(loads, 1)
  const abandoned = [read(1), read(2)].map((one) => t.throwsAsync(one, { instanceOf: QueueFull }))
  const since = performance.now()
  while (performance.now() - since < 600) await new Promise(setImmediate)
  const fresh = read(3)
  release()
  t.is(await first, 0)
  await Promise.all(abandoned)
  await begun(loads, 2)
  release()
  t.is(await fresh, 3)
  t.deepEqual(loads, [[0], [3]])
})
