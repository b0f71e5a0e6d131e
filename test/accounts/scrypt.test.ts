import { randomBytes } from 'node:crypto'
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
