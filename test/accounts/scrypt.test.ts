import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import test from 'ava'
import { createScrypt } from '../../shared/accounts/passwords/scrypt.ts'
import { QueueFull } from '../../shared/database/batcher.ts'

const SALT = randomBytes(16)
const CHEAP = { n: 2 ** 10, r: 8, p: 1 }

test('a cost that scrypt does not take ends its turn, and whoever comes later is heard', async (t) => {
  const scrypt = createScrypt({ atOnce: 1, patienceMs: 60_000 })
  for (let count = 0; count < 2; count++) await t.throwsAsync(scrypt('secret words', SALT, { ...CHEAP, n: 3 }))
  t.is((await scrypt('secret words', SALT, CHEAP)).length, 32)
})

test('where too many wait the next is told at once, and the others are answered', async (t) => {
  const scrypt = createScrypt({ atOnce: 1, bound: 2, patienceMs: 60_000 })
  const [first, second, third] = ['one', 'two', 'three'].map((password) => scrypt(password, SALT, CHEAP))
  await t.throwsAsync(scrypt('four', SALT, CHEAP), { instanceOf: QueueFull })
  const answers = await Promise.all([first, second, third])
  t.is(new Set(answers.map((answer) => answer?.toString('hex'))).size, 3)
})

const onLinux = process.platform === 'linux' ? test.serial : test.skip

onLinux('scrypt runs in threads that every other thread goes before', async (t) => {
  const own = getPriority()
  const before = priorities()
  const scrypt = createScrypt({ patienceMs: 60_000 })
  await Promise.all(['one', 'two', 'three'].map((password) => scrypt(password, SALT, CHEAP)))
  const after = priorities()
  t.is(count(after, 19) - count(before, 19), 2)
  t.is(getPriority(), own, 'the process itself is as it was')
})

/** The nice value of each thread of this process (proc(5), /proc/PID/stat). */
function priorities(): number[] {
  return readdirSync('/proc/self/task').map((thread) => {
    const text = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8')
    return Number(text.slice(text.lastIndexOf(')') + 2).split(' ')[16])
  })
}

function count(values: readonly number[], value: number): number {
  return values.filter((one) => one === value).length
}
