import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { replay } from '../../services/audit/replay/replay.ts'
import { verify } from '../../services/audit/verify/verify.ts'
import { commandLine } from '../support/command-line.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { until } from '../support/waiting.ts'

const test = realTest('postgres')
const RECOVER = ['admin', 'recover', '--reason', 'the ACL was emptied']
const ANOTHER_KEY = `1:${randomBytes(32).toString('base64')}`

const envOf = ({ settings }: TestLedger) =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LEDGER_${name}`, value ?? '']))

/** Every administrator disabled and everything closed, by events that nobody's rule decided. */
async function lockOut(ledger: TestLedger) {
  const administrator = { groups: ['Administrators'], scope: 'ledger.admin' }
  const first = await ledger.client(administrator)
  await ledger.user({ groups: ['Administrators'] })
  await ledger.acl('Administrators', { allowed_groups: [] })
  await ledger.resource('ledger.admin:guard', 'Developers')
  await ledger.scope('ledger.admin', 'orders')
  await ledger.changeClient(first, { enabled: false })
}

/** What the admin API answers to this client. */
async function asAdministrator(ledger: TestLedger, client_id: string, client_secret: string) {
  const as = { client_id, client_secret }
  const { body, status } = await ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as })
  if (status !== 200) return { status }
  const headers = { authorization: `Bearer ${String(body['access_token'])}`, 'content-type': 'application/json' }
  const put = { method: 'PUT', headers: { ...headers, 'if-match': '*' }, body: '{"description":"Ours again."}' }
  return ledger.admin.send('/admin/groups/Administrators', put)
}

async function projected({ runtime, runtime: { knex, schema, topics, log } }: TestLedger) {
  const [bound] = await log.bounds([topics.registry])
  await until(async () => {
    const row = await knex
      .withSchema(schema)
      .from('checkpoints')
      .where({ topic: topics.registry })
      .first<{ next: number }>('next')
    return row.next >= (bound?.end ?? 0)
  }, 'a projected registry')
  return verify(runtime)
}

async function bySystem(ledger: TestLedger) {
  const told: string[] = []
  for await (const { actor, verdict, subject, reason } of replay(ledger.runtime, {}))
    if (actor === 'system/operator') told.push(`${verdict} ${subject}: ${reason}`)
  return told
}

test('a ledger that locked everybody out has an administrator again, who can call the admin API', async (t) => {
  const ledger = await startLedger(t)
  await lockOut(ledger)
  const bootstrap = {
    LEDGER_BOOTSTRAP_CLIENT_ID: 'root',
    LEDGER_BOOTSTRAP_CLIENT_SECRET: randomBytes(32).toString('base64url'),
  }
  const length = await ledger.length()
  const migrated = await commandLine({ ...envOf(ledger), ...bootstrap }, 'migrate')
  t.is(migrated.code, 0, migrated.err)
  t.regex(migrated.err, /root: nobody can act as administrator.*"bin\/token-ledger admin recover" opens them\n/)
  t.is(await ledger.length(), length, 'a bootstrap client that could do nothing is not made')

  const recovered = await commandLine(envOf(ledger), ...RECOVER)
  t.is(recovered.code, 0, recovered.err)
  const opened = 'scope/ledger.admin, resource/ledger.admin:guard, acl/Administrators'
  t.regex(recovered.out, new RegExp(`^client_id: recovery\nclient_secret: [\\w-]{43}\nopened: ${opened}\n`))
  t.is(recovered.err, '')
  t.true((await projected(ledger)).equal)
  const [, secret = ''] = /client_secret: (.*)\n/.exec(recovered.out) ?? []
  t.is((await asAdministrator(ledger, 'recovery', secret)).status, 200)
  t.deepEqual(
    await bySystem(ledger),
    ['client/recovery', ...opened.split(', ')].map((key) => `valid ${key}: the ACL was emptied`),
  )

  const again = await commandLine(envOf(ledger), ...RECOVER, '--format', 'json')
  const told = JSON.parse(again.out) as { client_id: string; client_secret: string; opened: string[] }
  t.deepEqual({ ...told, client_secret: '' }, { client_id: 'recovery', client_secret: '', opened: [] })
  await projected(ledger)
  t.is((await asAdministrator(ledger, 'recovery', told.client_secret)).status, 200)
  t.is((await asAdministrator(ledger, 'recovery', secret)).status, 401, 'its secret before')
  const clients = await ledger.runtime.knex.raw<{ rows: unknown[] }>(
    "SELECT FROM ledger_v2.clients WHERE client_name = 'recovery'",
  )
  t.is(clients.rows.length, 1)
  t.is((await bySystem(ledger)).length, 5)
  const { out } = await commandLine(envOf(ledger), 'audit', 'replay', '--wide')
  t.false(out.includes(secret) || out.includes(told.client_secret))
})

test('the secret goes to a file of this user only, and over no other; nothing is written then', async (t) => {
  const ledger = await startLedger(t)
  await lockOut(ledger)
  const folder = mkdtempSync(join(tmpdir(), 'token-ledger-recover-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'secret')
  const named = [...RECOVER, '--client-id', 'root', '--out', file]
  const recovered = await commandLine(envOf(ledger), ...named)
  t.is(recovered.code, 0, recovered.err)
  const secret = readFileSync(file, 'utf8').trim()
  t.is(statSync(file).mode & 0o777, 0o600)
  t.false(`${recovered.out}${recovered.err}`.includes(secret))
  await projected(ledger)
  t.is((await asAdministrator(ledger, 'root', secret)).status, 200)
  const length = await ledger.length()
  const refused = await commandLine(envOf(ledger), ...named)
  t.deepEqual([refused.code, refused.out], [1, ''])
  t.regex(refused.err, /^error: --out: .* exists: --force replaces it\n$/)
  t.is(await ledger.length(), length)
  t.is((await commandLine(envOf(ledger), ...named, '--force')).code, 0)
  t.not(readFileSync(file, 'utf8').trim(), secret)
})

test('without a reason, secrets, a ledger or its key nothing is written and no file is left', async (t) => {
  const ledger = await startLedger(t)
  const length = await ledger.length()
  const env = envOf(ledger)
  const file = join(tmpdir(), `token-ledger-none-${process.pid}`)
  const cases: [Record<string, string>, string[], number, RegExp][] = [
    [env, ['admin', 'recover'], 2, /required option '--reason <text>'/],
    [env, ['admin', 'recover', '--reason', ' '], 2, /--reason must be text of 1 to 1000 characters/],
    [env, [...RECOVER, '--client-id', 'a b'], 2, /--client-id must be/],
    [{ ...env, LEDGER_SECRETS_SYSTEM: '' }, [...RECOVER, '--out', file], 1, /LEDGER_SECRETS_SYSTEM is not set/],
    [{ ...env, LEDGER_SECRETS_SYSTEM: ANOTHER_KEY }, [...RECOVER, '--out', file], 1, /key 1 .* is not the key 1/],
    [
      { ...env, LEDGER_KAFKA_TOPIC_PREFIX: 'elsewhere' },
      [...RECOVER, '--out', file],
      1,
      /the log has no topic elsewhere/,
    ],
    [{ ...env, LEDGER_DATABASE_URL: 'postgres://127.0.0.1:1/x' }, RECOVER, 3, /cannot reach LEDGER_DATABASE_URL/],
  ]
  for (const [settings, args, code, message] of cases) {
    const ended = await commandLine(settings, ...args)
    t.is(ended.code, code, `${args.join(' ')}: ${ended.err}`)
    t.regex(ended.err, message)
    t.is(ended.out, '')
  }
  t.is(await ledger.length(), length)
  t.false(existsSync(file))
})
