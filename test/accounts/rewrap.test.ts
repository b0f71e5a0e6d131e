import { spawn } from 'node:child_process'
import { randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { keysStatus } from '../../services/audit/status/keys-status.ts'
import { wrappedAs } from '../../shared/accounts/opening.ts'
import { readWrappingKids } from '../../shared/accounts/person-keys.ts'
import { NO_VIEW } from '../../shared/read-model/commit/commit.ts'
import { ledgerIdOf } from '../../shared/process/ledger-id.ts'
import { deriveKeys, formatProjectSecrets, parseSecrets } from '../../shared/tokens/keys.ts'
import { generateDataKey, wrapKey } from '../../shared/tokens/personal-data.ts'
import { commandLine } from '../support/command-line.ts'
import { endWithUs } from '../support/commands.ts'
import { keepLog } from '../support/kept-logs.ts'
import { cleanEnv, startProcess } from '../support/ledger-process.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { PROGRAM } from '../support/program.ts'
import { realTest } from '../support/real-parts.ts'
import { until } from '../support/waiting.ts'

const test = realTest('postgres')
const key = (kid: number) => `${kid}:${randomBytes(32).toString('base64')}`
const [one, two] = [key(1), key(2)]
const MANY = 30_000

const withoutSecrets = ({ settings }: TestLedger) => ({
  LEDGER_ISSUER: settings.ISSUER ?? '',
  LEDGER_DATABASE_URL: settings.DATABASE_URL ?? '',
  LEDGER_REQUIRE_HTTPS: 'false',
})
const onHost = (ledger: TestLedger, secrets = `${two},${one}`) => ({
  ...withoutSecrets(ledger),
  LEDGER_SECRETS_SYSTEM: secrets,
})

/** How the command line reaches a ledger as an administrator. */
async function asAdministrator(ledger: TestLedger): Promise<Record<string, string>> {
  const scope = 'ledger.admin ledger.audit'
  const { client_id, client_secret } = await ledger.client({ scope, groups: ['Administrators'] })
  return {
    ...{ LEDGER_URL: ledger.url, LEDGER_ADMIN_URL: ledger.adminUrl },
    ...{ LEDGER_CLIENT_ID: client_id, LEDGER_CLIENT_SECRET: String(client_secret) },
  }
}

const wrapping = async ({ runtime: { knex } }: TestLedger) => Object.fromEntries(await readWrappingKids(knex))

/** Keys of persons of whom nothing is in the log. */
async function manyKeys({ runtime: { knex }, keys }: TestLedger, count: number): Promise<void> {
  const ledger_id = await ledgerIdOf(knex)
  const rows = Array.from({ length: count }, () => {
    const [sub, key_id] = [randomUUID(), randomUUID()]
    const { kid, wrapped } = wrapKey(keys, ledger_id, { name: wrappedAs(sub, key_id), key: generateDataKey() })
    return { sub, key_id, kid, wrapped: `\\x${wrapped.toString('hex')}` }
  })
  await knex.raw(
    `INSERT INTO ledger.persons (sub, key_id, kid, wrapped)
     SELECT * FROM json_to_recordset(?::json) AS r(sub text, key_id uuid, kid smallint, wrapped bytea)`,
    [JSON.stringify(rows)],
  )
}

const forget = ({ runtime }: TestLedger, sub: string, revision: number) =>
  runtime.commit({ type: 'UserForgotten', data: { revision, sub, reason: 'asked' } }, { actor: 'system/test' }, NO_VIEW)

/** What the read model shows of these persons. */
async function shown({ runtime: { knex, schema } }: TestLedger, subs: string[]): Promise<(string | null)[]> {
  const { rows } = await knex.raw<{ rows: { username: string | null }[] }>(
    `SELECT username FROM ${schema}.users WHERE sub = ANY (?) ORDER BY array_position(?, sub)`,
    [subs, subs],
  )
  return rows.map(({ username }) => username)
}

/** Whether every key unwraps: the names of these persons are opened anew. */
async function readable({ runtime }: TestLedger, subs: string[]): Promise<(string | undefined)[]> {
  const { rows } = await runtime.knex.raw<{ rows: { value: never }[] }>(
    `SELECT value FROM ${runtime.schema}.users WHERE sub = ANY (?) ORDER BY array_position(?, sub)`,
    [subs, subs],
  )
  const revealed = await runtime.people.reveal(rows.map(({ value }) => value))
  return subs.map((sub) => {
    const person = revealed.get(sub)
    return typeof person === 'object' ? person.username : person
  })
}

async function statusOf({ runtime, keys }: TestLedger, kid: number) {
  const configured = { kids: keys.kids, keysOf: () => keys }
  const status = await keysStatus({ ...runtime, configured, maxLagMs: 60_000 })
  return { well: status.well, ...status.keys.find((one) => one.kid === kid) }
}

test('traps-running 23: rewrap is killed and repeated while people are made and forgotten; then the old key can go', async (t) => {
  const before = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const [ada, bob] = [await before.user(), await before.user()]
  await manyKeys(before, MANY)
  await before.stop()
  const ledger = await startLedger(t, { beside: before, settings: { SECRETS_SYSTEM: `${two},${one}` } })
  const all = (await wrapping(ledger))[1] ?? 0
  t.is(all, MANY + 3, 'two people, and the key of names')
  t.like(await statusOf(ledger, 1), { person_keys: all })
  const table = await commandLine(onHost(ledger), 'keys', 'status')
  t.regex(table.out, /^kid +key +.* people +/m)
  t.regex(table.out, new RegExp(`^1 .* ${all} +`, 'm'))
  t.regex(table.out, new RegExp(`^kid 1 wraps ${all} keys of persons: "keys rewrap"`, 'm'))

  const args = [...PROGRAM, 'keys', 'rewrap']
  const child = spawn(process.execPath, args, { env: cleanEnv(onHost(ledger)), stdio: ['ignore', 'ignore', 'pipe'] })
  endWithUs(child)
  child.stderr.on('data', keepLog('token-ledger keys rewrap'))
  const gone = once(child, 'exit')
  await until(async () => ((await wrapping(ledger))[2] ?? 0) > 0, 'the first page')
  child.kill('SIGKILL')
  t.deepEqual(await gone, [null, 'SIGKILL'])
  const half = await wrapping(ledger)
  t.true((half[1] ?? 0) > 0 && (half[2] ?? 0) > 0, JSON.stringify(half))
  t.deepEqual(await readable(ledger, [ada, bob]), [`${ada}.name`, `${bob}.name`])
  const early = await commandLine(onHost(ledger), 'keys', 'retire', '--kid', '1')
  t.is(early.code, 1)
  t.regex(early.err, new RegExp(`${half[1]} keys of persons are wrapped under key 1: "keys rewrap"`))

  const asLost = await commandLine(onHost(ledger, two), 'keys', 'retire', '--kid', '1', '--lost')
  t.is(asLost.code, 1)
  t.regex(asLost.err, /keys of persons are wrapped under key 1: "keys rewrap --lost" gives them up/)

  const again = commandLine(onHost(ledger), 'keys', 'rewrap')
  const made: string[] = []
  for (let n = 0; n < 10; n++) made.push(await ledger.user())
  await forget(ledger, bob, 2)
  await forget(ledger, made[0] ?? '', 2)
  const done = await again
  t.is(done.code, 0, done.err)
  t.regex(done.out, /^\d+ keys are wrapped under key 2 now\n$/)
  t.deepEqual(await wrapping(ledger), { 2: MANY + 2 + 9 })
  const [gonePerson, ...rest] = made
  t.deepEqual(
    await readable(ledger, [ada, ...rest]),
    [ada, ...rest].map((sub) => `${sub}.name`),
  )
  t.deepEqual(await shown(ledger, [bob, gonePerson ?? '']), [null, null])
  const { rows } = await ledger.runtime.knex.raw<{ rows: unknown[] }>(
    'SELECT FROM ledger.persons WHERE forgotten_at IS NOT NULL AND wrapped IS NULL AND sub = ANY (?)',
    [[bob, gonePerson ?? '']],
  )
  t.is(rows.length, 2)
  const retired = await commandLine(onHost(ledger), 'keys', 'retire', '--kid', '1')
  t.is(retired.code, 0, retired.err)
  await ledger.stop()
  const without = await startLedger(t, { beside: before, settings: { SECRETS_SYSTEM: two } })
  t.deepEqual(await readable(without, [ada]), [`${ada}.name`])
})

test('traps-running 23: a start without an unwrapping key is refused by name, also with LEDGER_SECRETS_PROJECT, which derive mends', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const ada = await ledger.user()
  const ledger_id = await ledgerIdOf(ledger.runtime.knex)
  const env = withoutSecrets(ledger)
  const projectOf = (text: string) => formatProjectSecrets(deriveKeys(parseSecrets(text), ledger_id))
  const serve = ['serve', 'projector']
  const [system, project] = await Promise.all([
    commandLine({ ...env, LEDGER_SECRETS_SYSTEM: two }, ...serve),
    commandLine({ ...env, LEDGER_SECRETS_PROJECT: projectOf(two) }, ...serve),
  ])
  for (const { code } of [system, project]) t.is(code, 1)
  t.regex(
    system.err,
    /2 keys of persons are wrapped under key 1, and LEDGER_SECRETS_SYSTEM has no such kid: put it back, .*keys rewrap --lost/,
  )
  t.regex(
    project.err,
    /2 keys of persons are wrapped under key 1, and LEDGER_SECRETS_PROJECT has no such kid: make it anew with ".*keys derive project" where LEDGER_SECRETS_SYSTEM has key 1/,
  )
  await ledger.stop()
  const settings = { SECRETS_SYSTEM: `${two},${one}` }
  const both = await startLedger(t, { beside: ledger, services: ['token-endpoint', 'admin'], settings })
  const derived = await commandLine(onHost(ledger), 'keys', 'derive', 'project')
  t.is(derived.code, 0, derived.err)
  const ports = { LEDGER_SERVE_PUBLIC_HOST: '127.0.0.1', LEDGER_SERVE_ADMIN_PORT: '0' }
  const projecting = { ...env, ...ports, LEDGER_SECRETS_PROJECT: derived.out.trim() }
  await startProcess(t, { services: ['projector'], env: projecting })
  const bob = await both.user()
  t.deepEqual(await wrapping(both), { 1: 2, 2: 1 })
  t.deepEqual(await shown(both, [ada, bob]), [`${ada}.name`, `${bob}.name`])
})

test('nothing is wrapped under a key that is another one than the log knows, nor under a retired or unknown one', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const ada = await ledger.user()
  const next = await startLedger(t, { beside: ledger, settings: { SECRETS_SYSTEM: `${two},${one}` } })
  const wrong = await commandLine(onHost(ledger, `${key(2)},${one}`), 'keys', 'rewrap')
  t.is(wrong.code, 1)
  t.regex(wrong.err, /key 2 in LEDGER_SECRETS_SYSTEM is not the key 2 that the log knows/)
  t.deepEqual(await wrapping(next), { 1: 2 })
  const none = await commandLine(onHost(ledger, ''), 'keys', 'rewrap')
  t.is(none.code, 1)
  t.regex(none.err, /LEDGER_SECRETS_SYSTEM is not set/)
  t.deepEqual(await readable(next, [ada]), [`${ada}.name`])
})

test('the service rewraps too; one that still has the old key first takes nothing back, and needs no database of the caller', async (t) => {
  const stale = await startLedger(t, { settings: { SECRETS_SYSTEM: `${one},${two}` } })
  const ada = await stale.user()
  await manyKeys(stale, 1_200)
  const ledger = await startLedger(t, { beside: stale, settings: { SECRETS_SYSTEM: `${two},${one}` } })
  const env = await asAdministrator(ledger)
  const token = async () => {
    const form = { grant_type: 'client_credentials', scope: 'ledger.admin' }
    const as = { client_id: env['LEDGER_CLIENT_ID'] ?? '', client_secret: env['LEDGER_CLIENT_SECRET'] ?? '' }
    const { body } = await ledger.post('/oauth2/token', form, { as: { ...as, method: 'basic' } })
    return { headers: { authorization: `Bearer ${String(body['access_token'])}` } }
  }
  const bearer = await token()
  const post = (to: TestLedger, body: object, headers = bearer.headers) =>
    to.admin.postJson('/admin/keys/rewrap', body, { headers })
  t.is((await post(ledger, {}, { authorization: 'Bearer nonsense' })).status, 401)
  t.is((await post(ledger, { kid: 256 })).status, 400)
  const first = await post(ledger, {})
  t.is(first.status, 200)
  t.like(first.body, { kid: 2, done: 501, left: 0, total: 1_202 })
  const other = await post(stale, { kid: 2, after: first.body['next'] })
  t.is(other.status, 409)
  t.regex(String(other.body['error_description']), /kid 1 is current here, and not 2/)
  t.deepEqual(await wrapping(stale), { 1: 701, 2: 501 })

  const done = await commandLine(env, 'keys', 'rewrap', '--format', 'json')
  t.is(done.code, 0, done.err)
  t.deepEqual(JSON.parse(done.out), { kid: 2, rewrapped: 701, left: 0, keeps_coming: false })
  t.deepEqual(await wrapping(stale), { 2: 1_202 })
  t.deepEqual(await readable(stale, [ada]), [`${ada}.name`], 'which still has the old key first')
  const down = await commandLine({ ...env, LEDGER_ADMIN_URL: 'http://127.0.0.1:9' }, 'keys', 'rewrap')
  t.is(down.code, 3)
})

test('whoever is wrapped under a key that is being retired is told, keeps the name, and no start loses it', async (t) => {
  const stale = await startLedger(t, { settings: { SECRETS_SYSTEM: `${one},${two}` } })
  await stale.user()
  const ledger = await startLedger(t, { beside: stale, settings: { SECRETS_SYSTEM: `${two},${one}` } })
  t.is((await commandLine(onHost(ledger), 'keys', 'rewrap')).code, 0)
  t.is((await commandLine(onHost(ledger), 'keys', 'retire', '--kid', '1')).code, 0)
  const late = await stale.user()
  t.deepEqual(await wrapping(ledger), { 1: 1, 2: 2 })
  const status = await statusOf(ledger, 1)
  t.like(status, { well: false, state: 'retired', person_keys: 1 })
  t.regex(
    String(status.next),
    /kid 1 WAS RETIRED AND WRAPS 1 keys of persons, made by a process that still had it first/,
  )
  const again = await commandLine(onHost(ledger), 'keys', 'retire', '--kid', '1')
  t.regex(again.out, /1 KEYS OF PERSONS WERE WRAPPED UNDER IT MEANWHILE, .*"keys rewrap"/)
  await t.throwsAsync(startLedger(t, { beside: stale, settings: { SECRETS_SYSTEM: two } }), {
    message: /1 keys of persons are wrapped under key 1, which was retired, and LEDGER_SECRETS_SYSTEM has no such kid/,
  })
  t.is((await commandLine(onHost(ledger), 'keys', 'rewrap')).code, 0)
  await stale.stop()
  await ledger.stop()
  const without = await startLedger(t, { beside: stale, settings: { SECRETS_SYSTEM: two } })
  t.deepEqual(await readable(without, [late]), [`${late}.name`])
})
