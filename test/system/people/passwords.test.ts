import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { v7 as uuidv7 } from 'uuid'
import { readPassword } from '../../../shared/accounts/passwords/passwords.ts'
import { createSeeds } from '../../support/ledger-seeds.ts'
import { PRODUCE, startKafkaProxy } from '../../support/kafka-proxy.ts'
import { seeded } from '../../support/kept-logs.ts'
import type { LedgerProcess } from '../../support/ledger-process.ts'
import { GOOD, login, LOGS_IN, WRONG } from '../../support/passwords.ts'
import { kafkaBrokers, realTest } from '../../support/real-parts.ts'
import { createRequests } from '../../support/requests.ts'
import { until } from '../../support/waiting.ts'
import { onceForFile } from '../once-for-file.ts'
import { migratedLedger } from './people.ts'

const test = realTest('kafka', 'postgres')
const run = promisify(execFile)
const NEXT = 'the next one, which is longer'

/** Two processes, the first of which has a way of its own to Kafka, and a projector. */
const people = onceForFile(async (t) => {
  const ledger = await migratedLedger(t, kafkaBrokers())
  const proxy = await startKafkaProxy(t, kafkaBrokers())
  const [one, two, projector] = await Promise.all([ledger.admin(proxy.brokers), ledger.admin(), ledger.projector()])
  await ledger.logIn(two)
  await ledger.logIn(one)
  const seeds = createSeeds(ledger.runtime)
  const as = await seeds.client(LOGS_IN)

  const put = (process: LedgerProcess, sub: string, password: string) => {
    const { send, root: token } = ledger.on(process)
    seeded(password)
    return send('PUT', `/admin/users/${sub}/password`, { token, body: { password } })
  }
  const logIn = ({ url }: LedgerProcess, username: string, password: string) =>
    login(createRequests(url), as, username, password)
  const person = async () => {
    const sub = uuidv7()
    await seeds.user({ sub, personal: { username: `name-${sub}`, name: null, email: null } })
    const { status } = await put(two, sub, GOOD)
    if (status !== 200) throw new Error(`the password was not set: ${status}`)
    return { sub, username: `name-${sub}` }
  }
  const rowOf = (sub: string) => readPassword(ledger.runtime.knex, sub)
  return { ...ledger, as, proxy, one, two, put, logIn, person, rowOf, running: { projector } }
})

test.serial(
  'a process that is killed when nobody has folded its event has changed the password, once it is folded',
  async (t) => {
    const ledger = await people()
    const { two, put, logIn, person, rowOf, running } = ledger
    const { sub, username } = await person()
    const three = await ledger.admin()
    await running.projector.kill()
    t.is((await put(three, sub, NEXT)).status, 503)
    await three.kill()
    t.like(await rowOf(sub), { epoch: 2, pending: true })
    t.deepEqual((await logIn(two, username, GOOD)).body, WRONG, 'the one of before, at once')
    running.projector = await ledger.projector()
    await until(async () => (await logIn(two, username, NEXT)).status === 200, 'a login')
    t.deepEqual((await logIn(two, username, GOOD)).body, WRONG)
    t.like(await rowOf(sub), { epoch: 2, pending: false })
    await ledger.assertSound(t)
  },
)

test.serial('a restored dump of schema ledger brings no old password back', async (t) => {
  const ledger = await people()
  const { two, put, logIn, person, env } = ledger
  const { sub, username } = await person()
  const other = await person()
  const folder = await mkdtemp(join(tmpdir(), 'ledger-dump-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const [url, dump] = [String(env['LEDGER_DATABASE_URL']), join(folder, 'ledger.dump')]
  await run('pg_dump', ['--format=custom', '--schema=ledger', `--file=${dump}`, url])
  t.is((await put(two, sub, NEXT)).status, 200)
  await ledger.runtime.knex.raw('TRUNCATE ledger.passwords')
  await run('pg_restore', ['--data-only', '--schema=ledger', '--table=passwords', `--dbname=${url}`, dump])
  for (const password of [GOOD, NEXT]) t.deepEqual((await logIn(two, username, password)).body, WRONG)
  t.is((await logIn(two, other.username, GOOD)).status, 200, 'one that was not changed since')
  t.is((await put(two, sub, NEXT)).status, 200)
  t.is((await logIn(two, username, NEXT)).status, 200)
  t.deepEqual((await logIn(two, username, GOOD)).body, WRONG)
})

// The last: the first process does not come back.
test.serial(
  'a process that is killed between password and event leaves the change to another, and its event that comes late changes nothing',
  async (t) => {
    const ledger = await people()
    const { one, two, proxy, put, logIn, person, rowOf, length } = ledger
    const { sub, username } = await person()
    const earlier = await logIn(two, username, GOOD)
    const [before, asked] = [await length(), proxy.asked(PRODUCE)]
    proxy.hold()
    const cut = put(one, sub, NEXT).catch(() => null)
    await until(async () => (await rowOf(sub))?.epoch === 2, 'a password that is committed')
    await until(() => proxy.asked(PRODUCE) > asked, 'an event on its way')
    await one.kill()
    t.is(await cut, null)
    t.deepEqual((await logIn(two, username, GOOD)).body, WRONG)
    const answer = await logIn(two, username, NEXT)
    t.is(answer.status, 200)
    t.is(await length(), before + 1)
    proxy.pass()
    await until(async () => (await length()) === before + 2, 'the event of the process that is gone')
    const refresh = (body: Record<string, unknown>) =>
      createRequests(two.url).post(
        '/oauth2/token',
        { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) },
        { as: ledger.as },
      )
    t.is((await refresh(answer.body)).status, 200, 'what the new password gave lives')
    t.is((await refresh(earlier.body)).body['error'], 'invalid_grant')
    await ledger.assertSound(t)
  },
)
