import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { ExecutionContext } from 'ava'
import { verify } from '../../services/audit/verify/verify.ts'
import { type Ledger, ROOT, startLedger } from '../admin/ledger.ts'
import { everythingIn } from '../admin/people/everything.ts'
import { forget, NAMES, putNew, seedNames, SUB } from '../admin/people/person.ts'
import { commandLine } from '../support/command-line.ts'
import { type Env, startProcess } from '../support/ledger-process.ts'
import { databaseUrl, kafkaBrokers, realTest } from '../support/real-parts.ts'
import { createRequests } from '../support/requests.ts'
import { until } from '../support/waiting.ts'
import { open } from '../system/system.ts'
import { blockWith, emptyFolder, guide } from './guide.ts'

const test = realTest('kafka', 'postgres')
const real = realTest('postgres')

const AGAIN = /^people who were forgotten were known again/

/** A ledger on Kafka that has forgotten Ada, whose database is as it was before, in whole or in part. */
async function restoredBefore(t: ExecutionContext, restored: string[]) {
  seedNames()
  const [url, folder] = [await databaseUrl(t), await emptyFolder(t)]
  const services = ['token-endpoint', 'projector', 'admin'] as const
  const ledger = await startLedger(t, { services, brokers: kafkaBrokers(), settings: { DATABASE_URL: url } })
  const paste = guide(t, { folder, databaseUrl: url })
  await putNew(ledger)
  await paste(blockWith('pg_dump'))
  t.is((await forget(ledger)).status, 200)
  await ledger.stop()
  const schemas = restored.map((schema) => `--schema=${schema} `).join('')
  await paste(blockWith('pg_restore').map((line) => line.replace('--dbname', `${schemas}--dbname`)))
  const env = { ...envOf(ledger), LEDGER_MAX_LAG: '5', LEDGER_CHECK_MAX_LAG: '5' }
  const { runtime } = await open(t, env)
  return { ledger, env, runtime, knex: runtime.knex }
}

const envOf = ({ settings }: Ledger): Env =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LEDGER_${name}`, String(value)]))

type Restored = Awaited<ReturnType<typeof restoredBefore>>

async function keysIn({ knex }: Pick<Restored, 'knex'>): Promise<number> {
  const { rows } = await knex.raw<{ rows: unknown[] }>(`SELECT FROM ledger.persons WHERE wrapped IS NOT NULL`)
  return rows.length
}

async function assertForgotten(
  t: ExecutionContext,
  { knex, keys = 0 }: Pick<Restored, 'knex'> & { keys?: number },
): Promise<void> {
  t.is(await keysIn({ knex }), keys)
  t.notRegex(await everythingIn(knex), NAMES)
}

test('traps-running 19: where schema ledger is older than the read model, a key is gone again before anything is served', async (t) => {
  const restored = await restoredBefore(t, ['ledger'])
  t.is(await keysIn(restored), 1)
  const { logs } = await startProcess(t, { services: ['token-check'], env: restored.env })
  t.like(
    logs.find(({ msg }) => AGAIN.test(String(msg))),
    { level: 40, keys: 1, names: 0 },
  )
  await assertForgotten(t, restored)
  const second = await startProcess(t, { services: ['token-check'], env: restored.env })
  t.false(
    second.logs.some(({ msg }) => AGAIN.test(String(msg))),
    'there is nothing to be done any more',
  )
})

test('traps-running 19: where the read model is older than schema ledger, a name is gone again before anything is served', async (t) => {
  const restored = await restoredBefore(t, ['ledger_v2', 'ledger_read'])
  t.regex(await everythingIn(restored.knex), NAMES)
  const { logs } = await startProcess(t, { services: ['token-check'], env: restored.env })
  t.like(
    logs.find(({ msg }) => AGAIN.test(String(msg))),
    { level: 40, keys: 0, names: 1 },
  )
  await assertForgotten(t, restored)
  t.is((await verify(restored.runtime)).difference, null)
})

test('traps-running 19: where the whole database is older, migrate forgets by the log', async (t) => {
  const restored = await restoredBefore(t, [])
  t.is(await keysIn(restored), 1)
  const migrated = await commandLine(restored.env, 'migrate')
  t.is(migrated.code, 0, migrated.err)
  await assertForgotten(t, restored)
  t.is((await verify(restored.runtime)).difference, null)
})

test('traps-running 19: where the whole database is older and was not migrated, nothing is served before it is folded', async (t) => {
  const restored = await restoredBefore(t, [])
  const { ledger } = restored
  const env = { ...restored.env, LEDGER_MAX_LAG: '1', LEDGER_CHECK_MAX_LAG: '1' }
  const { adminUrl } = await startProcess(t, { services: ['admin'], env })
  // Whatever was read before the restore is too old by then.
  await setTimeout(1000)
  const answer = () =>
    createRequests(adminUrl).send(`/admin/users/${SUB}`, { headers: { authorization: `Bearer ${ledger.root}` } })
  t.is((await answer()).status, 503)
  await startProcess(t, { services: ['projector'], env })
  await until(async () => (await answer()).status === 404, 'an answer')
  await assertForgotten(t, restored)
  t.is(await shownOf(restored), 'forgotten')
})

real(
  'traps-running 19: a log in the database comes back with its keys, and the list of the forgotten forgets each again',
  async (t) => {
    seedNames()
    const [url, folder] = [await databaseUrl(t), await emptyFolder(t)]
    const list = join(folder, 'forgotten.txt')
    const ledger = await startLedger(t, { settings: { DATABASE_URL: url } })
    const paste = guide(t, { folder, databaseUrl: url })
    await putNew(ledger)
    await putNew(ledger, { username: 'Grace' }, 'grace')
    await paste(blockWith('pg_dump'))
    t.is((await forget(ledger)).status, 200)
    await putNew(ledger, { username: 'Later' }, 'later')
    t.is((await forget(ledger, 'later')).status, 200)
    const listed = await commandLine(envOf(ledger), 'users', 'forgotten')
    t.deepEqual(listed.out.trim().split('\n').sort(), [SUB, 'later'].sort(), listed.err)
    await writeFile(list, listed.out)
    await ledger.stop()
    await paste(blockWith('pg_restore'))
    t.is((await commandLine(envOf(ledger), 'migrate')).code, 0)

    const restored = await startLedger(t, { settings: ledger.settings })
    const { runtime } = restored
    t.regex(await everythingIn(runtime.knex), NAMES)
    const env = { ...envOf(ledger), LEDGER_URL: restored.url, LEDGER_ADMIN_URL: restored.adminUrl, ...AS_ROOT }
    const args = ['users', 'forget', '--from', list, '--reason', 'restored a backup']
    for (const round of ['first', 'repeated']) {
      const forgotten = await commandLine(env, ...args)
      t.deepEqual([forgotten.code, forgotten.out], [0, '1 forgotten, 1 unknown\n'], `${round}: ${forgotten.err}`)
      t.regex(forgotten.err, /^later: nobody ever had it here$/m)
    }
    await assertForgotten(t, { knex: runtime.knex, keys: 1 })
    t.is((await verify(runtime)).difference, null)
    const unknown = await commandLine(env, 'users', 'forget', 'later', '--reason', 'asked for it')
    t.deepEqual([unknown.code, unknown.err], [1, 'error: nobody ever had the sub later\n'])
    for (const wrong of [['--from', join(folder, 'none')], []]) {
      const { code, err } = await commandLine(env, 'users', 'forget', ...wrong, '--reason', 'x')
      t.is(code, wrong.length > 0 ? 1 : 2, err)
    }
  },
)

const AS_ROOT = { LEDGER_CLIENT_ID: ROOT.client_id, LEDGER_CLIENT_SECRET: ROOT.client_secret }

async function shownOf({ knex, runtime }: Restored): Promise<string | undefined> {
  const { rows } = await knex.raw<{ rows: { state: string }[] }>(
    `SELECT personal_state AS state FROM ${runtime.schema}.users WHERE sub = ?`,
    [SUB],
  )
  return rows[0]?.state
}
