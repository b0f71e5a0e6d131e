import { createHmac, randomBytes, scryptSync } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import { startLedger } from '../admin/ledger.ts'
import { refuses } from '../support/asserting.ts'
import { seeded } from '../support/kept-logs.ts'
import { LOGS_IN, person, WRONG } from '../support/passwords.ts'
import { realTest } from '../support/real-parts.ts'
import type { Answer } from '../support/requests.ts'
import { onceForFile } from '../system/once-for-file.ts'

const test = realTest('postgres').serial
const ledgerOfAll = onceForFile(async (t) => {
  const ledger = await startLedger(t, { settings: { TRUSTED_PROXIES: '127.0.0.1' } })
  return { ...ledger, as: await ledger.client(LOGS_IN) }
})
type Ledger = Awaited<ReturnType<typeof ledgerOfAll>>

/** An address that nobody else has in this file. */
let last = 0
const freshAddress = () => `198.51.100.${(last += 1)}`

const PASSWORD = randomBytes(16).toString('base64url')

/** A user with this password, stored at a cost that a test can pay 200 times. */
async function cheapPerson(ledger: Ledger) {
  const one = await person(ledger)
  const [salt, cost, kid] = [randomBytes(16), { n: 1024, r: 8, p: 1 }, ledger.keys.current]
  const scrypted = scryptSync(PASSWORD, salt, 32, { N: cost.n, r: cost.r, p: cost.p })
  const hash = createHmac('sha256', ledger.keys.subkey('password', kid) ?? '')
    .update(scrypted)
    .digest()
  await ledger.runtime.knex.raw(
    `INSERT INTO ledger.passwords (sub, epoch, pending, set_by, kid, salt, cost, hash)
     VALUES (:sub, 1, true, 'system/test', :kid, :salt, :cost, :hash)`,
    { sub: one.sub, kid, salt, cost: JSON.stringify(cost), hash },
  )
  return one
}

async function login({ post, as }: Ledger, username: string, password: string, from: string): Promise<Answer> {
  seeded(username, password)
  const form = { grant_type: 'password', username, password }
  return post('/oauth2/token', form, { as, headers: { 'x-forwarded-for': from } })
}

async function guess(ledger: Ledger, username: string, from: string, times: number): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let n = 0; n < times; n++) answers.push(await login(ledger, username, randomBytes(16).toString('hex'), from))
  return answers
}

const statusesOf = (answers: Answer[]) => answers.map(({ status }) => status)
const HEARD = [...Array.from({ length: 10 }, () => 400), 429, 429]

function isLimited(t: ExecutionContext, answer: Answer): void {
  refuses(t, answer, [429, 'temporarily_unavailable'])
  const seconds = Number(answer.headers.get('retry-after'))
  t.true(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60)
}

test('traps-people 25: 200 people log in from one address beside twenty failures of one, who is locked there and nowhere else', async (t) => {
  const ledger = await ledgerOfAll()
  const office = freshAddress()
  const people = await Promise.all(Array.from({ length: 200 }, () => cheapPerson(ledger)))
  const unlucky = await cheapPerson(ledger)
  const failures = guess(ledger, unlucky.username, office, 20)
  const statuses: number[] = []
  for (let n = 0; n < people.length; n += 20) {
    const some = people.slice(n, n + 20).map(({ username }) => login(ledger, username, PASSWORD, office))
    statuses.push(...statusesOf(await Promise.all(some)))
  }
  t.deepEqual([statuses.length, ...new Set(statuses)], [200, 200])
  t.deepEqual(statusesOf(await failures), [...HEARD, ...Array.from({ length: 8 }, () => 429)])
  isLimited(t, await login(ledger, unlucky.username, PASSWORD, office))
  t.is((await login(ledger, unlucky.username, PASSWORD, freshAddress())).status, 200)
})

test('traps-people 26: a name that nobody has, or whose user has no password or is disabled, is refused and locked like a known one', async (t) => {
  const ledger = await ledgerOfAll()
  const disabled = await cheapPerson(ledger)
  await ledger.user({
    sub: disabled.sub,
    enabled: false,
    personal: { username: disabled.username, name: null, email: null },
  })
  const names = [
    (await cheapPerson(ledger)).username,
    `nobody-${randomBytes(8).toString('hex')}`,
    (await person(ledger)).username,
    disabled.username,
  ]
  const told = await Promise.all(
    names.map(async (name) => {
      const answers = await guess(ledger, name, freshAddress(), 12)
      isLimited(t, answers.at(-1) as Answer)
      return answers.map(({ status, body }) => [status, body])
    }),
  )
  t.deepEqual(
    told[0]?.map(([status]) => status),
    HEARD,
  )
  t.deepEqual(told[0]?.[0], [400, WRONG])
  for (const other of told) t.deepEqual(other, told[0])
})

test('of thirty guesses at once no more are looked at than a minute hears, and one besides', async (t) => {
  const ledger = await ledgerOfAll()
  const [{ username }, from] = [await cheapPerson(ledger), freshAddress()]
  const guesses = Array.from({ length: 30 }, () => login(ledger, username, randomBytes(8).toString('hex'), from))
  const statuses = statusesOf(await Promise.all(guesses))
  t.true([10, 11].includes(statuses.filter((status) => status === 400).length), String(statuses))
  t.deepEqual([...new Set(statuses)].sort(), [400, 429])
})

test('equal logins at once are all answered: what succeeds is not counted', async (t) => {
  const ledger = await ledgerOfAll()
  const [{ username }, from] = [await cheapPerson(ledger), freshAddress()]
  const logins = Array.from({ length: 30 }, () => login(ledger, username, PASSWORD, from))
  t.deepEqual([...new Set(statusesOf(await Promise.all(logins)))], [200])
})

test('when a name is locked the log says for which sub and from where, and never the name', async (t) => {
  const ledger = await ledgerOfAll()
  const [{ username, sub }, from] = [await cheapPerson(ledger), freshAddress()]
  await guess(ledger, username, from, 14)
  const told = ledger.lines.filter(({ alarm, address }) => alarm === 'failures_limited' && address === from)
  t.is(told.length, 1)
  t.like(told[0], { failed: 'password', limit: 'subject', sub })
  t.false(JSON.stringify(ledger.lines).includes(username))
})
