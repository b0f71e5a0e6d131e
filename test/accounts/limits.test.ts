import { randomBytes, randomUUID } from 'node:crypto'
import ava, { type ExecutionContext } from 'ava'
import type { Knex } from 'knex'
import { createTurns } from '../../shared/accounts/limits/in-turn.ts'
import { createLimits, type FailureLimit, type Limits } from '../../shared/accounts/limits/limits.ts'
import { QueueFull } from '../../shared/database/batcher.ts'
import { openEmbedded, openPostgres } from '../../shared/database/open-database.ts'
import { migrateDatabase } from '../../shared/migrations/migrations.ts'
import { knownError } from '../../shared/process/known-errors.ts'
import { deriveKeys } from '../../shared/tokens/keys.ts'
import { databaseUrl, type RealTest, realTest } from '../support/real-parts.ts'

const real = realTest('postgres').serial
const keys = deriveKeys([{ kid: 1, secret: randomBytes(32) }], 'a-ledger')
const PER_NETWORK = 40
const NETWORK = '192.0.2.7'

type Opened = (t: ExecutionContext) => Promise<Knex>

const onServer: Opened = async (t) => {
  const connectionString = await databaseUrl(t)
  const knex = openPostgres({ connectionString }, { pool: 4, queryTimeoutMs: 20_000 })
  t.teardown(() => knex.destroy())
  return migrated(knex, true)
}

const embedded: Opened = async (t) => {
  const { knex, close } = await openEmbedded(null)
  t.teardown(close)
  return migrated(knex, false)
}

async function migrated(knex: Knex, shared: boolean): Promise<Knex> {
  await migrateDatabase(knex, { shared })
  await knex.raw('INSERT INTO ledger.ledger (ledger_id) VALUES (?)', [randomUUID()])
  return knex
}

const limitsOn = (knex: Knex, mostRows?: number): Limits =>
  createLimits({ knex, keys, perNetwork: PER_NETWORK, ...(mostRows !== undefined && { mostRows }) })

/** Fails this often, one after the other; how many of these were heard. */
async function fail(limit: FailureLimit, times: number, attempt: { subject: string; network: string }) {
  let heard = 0
  for (let n = 0; n < times; n++) if ((await limit.failed(attempt)).wait === 0) heard++
  return heard
}

const rowsOf = async (knex: Knex) =>
  (await knex.raw<{ rows: { key: string; points: number; expire: number }[] }>('SELECT * FROM ledger.limits')).rows

const PLACES: [string, Opened, RealTest['serial']][] = [
  ['PostgreSQL', onServer, real],
  ['the embedded database', embedded, (title, body) => void ava.serial(title, body)],
]

for (const [where, open, test] of PLACES) {
  test(`on ${where} a minute hears 20 failed secrets of one client from one address, 10 passwords of one name`, async (t) => {
    const { secrets, passwords } = limitsOn(await open(t))
    const attempt = { subject: 'app', network: NETWORK }
    t.is(await fail(secrets, 25, attempt), 20)
    t.is(await fail(passwords, 15, attempt), 10, 'counted apart')
    const { wait } = await secrets.failed(attempt)
    t.true(wait > 50 && wait <= 60, String(wait))
    t.true((await passwords.ask(attempt)) > 50)
    t.is(await fail(secrets, 1, { ...attempt, subject: 'other' }), 1)
    t.is(await passwords.ask({ ...attempt, subject: 'other' }), 0)
    t.is(await fail(secrets, 1, { ...attempt, network: '192.0.2.8' }), 1)
    t.is(await passwords.ask({ ...attempt, network: '192.0.2.8' }), 0, 'the name is not locked elsewhere')
  })

  test(`on ${where} all subjects of one address share a wider limit, and what is refused adds neither rows nor time`, async (t) => {
    const knex = await open(t)
    const { secrets } = limitsOn(knex)
    for (let n = 0; n < PER_NETWORK; n++) t.is(await fail(secrets, 1, { subject: `app-${n}`, network: NETWORK }), 1)
    t.is(await fail(secrets, 5, { subject: 'one-more', network: NETWORK }), 0)
    const before = await rowsOf(knex)
    t.is(before.length, PER_NETWORK + 1)
    for (let n = 0; n < 100; n++) await secrets.failed({ subject: `more-${n}`, network: NETWORK })
    t.deepEqual(await rowsOf(knex), before)
  })
}

real('two processes share what they count, and one of them is told that the limit is reached', async (t) => {
  const knex = await onServer(t)
  const both = [limitsOn(knex), limitsOn(knex)].map(({ secrets }) => secrets)
  const failures = Array.from({ length: 60 }, async (_, n) => both[n % 2]?.failed({ subject: 'app', network: NETWORK }))
  const told = await Promise.all(failures)
  t.is(told.filter((one) => one?.wait === 0).length, 20)
  t.deepEqual(
    told.flatMap((one) => one?.reached ?? []),
    ['subject'],
  )
  const third = limitsOn(knex).secrets
  t.true((await third.ask({ subject: 'app', network: NETWORK })) > 50, 'whoever starts now knows it too')
})

real('what one name failed too often with is not counted for its whole address', async (t) => {
  const knex = await onServer(t)
  const attempt = { subject: 'app', network: NETWORK }
  // Each process by itself does not know yet that it is too much.
  for (let n = 0; n < 30; n++) await limitsOn(knex).secrets.failed(attempt)
  const points = (await rowsOf(knex)).filter(({ key }) => key.startsWith('secret_network:')).map((row) => row.points)
  t.deepEqual(points, [20])
})

real('a minute later all is heard again, and the next failure removes what is over', async (t) => {
  const knex = await onServer(t)
  const attempt = { subject: 'app', network: NETWORK }
  await fail(limitsOn(knex).passwords, 12, attempt)
  const [row] = await rowsOf(knex)
  t.true((row?.expire ?? Infinity) <= Date.now() + 60_000)
  await knex.raw('UPDATE ledger.limits SET expire = expire - 60000')
  const later = limitsOn(knex).passwords
  t.is(await later.ask(attempt), 0)
  await later.failed({ subject: 'other', network: '198.51.100.1' })
  t.is((await rowsOf(knex)).length, 2)
  t.is(await fail(later, 12, attempt), 10)
})

real('the table is bounded, whatever the number of addresses; what is over first goes first', async (t) => {
  const knex = await onServer(t)
  const { secrets } = limitsOn(knex, 100)
  let most = 0
  for (let n = 0; n < 1000; n++) {
    await secrets.failed({ subject: 'app', network: `10.0.${n >> 8}.${n & 255}` })
    if (n % 10 === 0) most = Math.max(most, (await rowsOf(knex)).length)
  }
  t.true(most <= 100 + 2 * 51, String(most))
})

real('a row names neither client nor address, and another database makes other keys of them', async (t) => {
  const [one, other] = [await onServer(t), await onServer(t)]
  for (const knex of [one, other]) await limitsOn(knex).secrets.failed({ subject: 'app', network: NETWORK })
  const [mine, theirs] = [await rowsOf(one), await rowsOf(other)].map((rows) => rows.map(({ key }) => key))
  for (const key of mine ?? []) t.regex(key, /^secret(_network)?:[\w-]{43}$/)
  t.is(new Set([...(mine ?? []), ...(theirs ?? [])]).size, 4)
})

ava.serial('while the database is away a failed attempt is an outage, not a refusal', async (t) => {
  const address = { connectionString: 'postgres://nobody@127.0.0.1:1/none' }
  const knex = openPostgres(address, { pool: 1, queryTimeoutMs: 1_000 })
  t.teardown(() => knex.destroy())
  const { secrets, passwords } = limitsOn(knex)
  for (const limit of [secrets.failed, passwords.ask]) {
    const error = await t.throwsAsync(async () => limit({ subject: 'app', network: NETWORK }))
    t.is(knownError(error)?.status, 503)
  }
})

real(
  'of many attempts at once no more are looked at than a minute hears, and one that is under way besides',
  async (t) => {
    const { passwords } = limitsOn(await onServer(t))
    const attempt = { subject: 'ann', network: NETWORK }
    let looked = 0
    const guess = async () =>
      passwords.inTurn(attempt, async () => {
        if ((await passwords.ask(attempt)) > 0) return 'locked'
        looked++
        await passwords.failed(attempt)
        return 'wrong'
      })
    const told = await Promise.all(Array.from({ length: 60 }, guess))
    t.true(looked >= 10 && looked <= 11, String(looked))
    t.is(told.filter((one) => one === 'locked').length, 60 - looked)
  },
)

ava(
  'who waits behind many attempts of one is told so, others are not held up, and a failure holds up nobody',
  async (t) => {
    const take = createTurns()
    let release: () => void = () => undefined
    const hanging = new Promise<void>((resolve) => (release = resolve))
    const held = Array.from({ length: 66 }, async () => take('one', async () => hanging))
    await t.throwsAsync(
      take('one', async () => undefined),
      { instanceOf: QueueFull },
    )
    t.is(await take('other', async () => 'heard'), 'heard')
    release()
    await Promise.all(held)
    await t.throwsAsync(
      take('one', async () => Promise.reject(new Error('wrong'))),
      { message: 'wrong' },
    )
    t.is(await take('one', async () => 'heard'), 'heard')
  },
)
