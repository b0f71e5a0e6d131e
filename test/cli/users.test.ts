import { randomBytes } from 'node:crypto'
import { formatProjectSecrets } from '../../shared/tokens/keys.ts'
import { commandLine } from '../support/command-line.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'

const test = realTest('postgres')
const one = `1:${randomBytes(32).toString('base64')}`
const DOWN = 'http://127.0.0.1:9'

const onHost = ({ settings }: TestLedger) => ({
  LEDGER_ISSUER: settings.ISSUER ?? '',
  LEDGER_DATABASE_URL: settings.DATABASE_URL ?? '',
  LEDGER_SECRETS_SYSTEM: one,
})

/** How the command line reaches a ledger as an administrator. */
async function asAdministrator(ledger: TestLedger): Promise<Record<string, string>> {
  const { client_id, client_secret } = await ledger.client({ scope: 'ledger.admin', groups: ['Administrators'] })
  return {
    ...{ LEDGER_URL: ledger.url, LEDGER_ADMIN_URL: ledger.adminUrl },
    ...{ LEDGER_CLIENT_ID: client_id, LEDGER_CLIENT_SECRET: String(client_secret) },
  }
}

const REASON = ['--reason', 'asked for it']

test('users forget and users forgotten: what they print in each format, and each exit code', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const env = await asAdministrator(ledger)
  const [ada, bob, eve] = [await ledger.user(), await ledger.user(), await ledger.user()]
  const host = (...args: string[]) => commandLine(onHost(ledger), 'users', 'forgotten', ...args)
  t.deepEqual(await host(), { code: 0, out: '', err: '' })
  const forget = (...args: string[]) => commandLine(env, 'users', 'forget', ...args)
  t.deepEqual(await forget(ada, ...REASON), { code: 0, out: `${ada}: forgotten\n`, err: '' })
  const json = await forget(bob, ...REASON, '--format', 'json')
  t.is(json.code, 0, json.err)
  t.deepEqual(JSON.parse(json.out), { sub: bob, forgotten: true })
  const again = await forget(bob, ...REASON, '--format', 'jsonl')
  t.is(again.out, `${JSON.stringify({ sub: bob, forgotten: true })}\n`)

  const [noReason, noSub, longReason, unknown, down, usage] = await Promise.all([
    forget(eve),
    forget(...REASON),
    forget(eve, '--reason', ' '),
    forget('nobody', ...REASON),
    commandLine({ ...env, LEDGER_ADMIN_URL: DOWN }, 'users', 'forget', eve, ...REASON),
    commandLine(onHost(ledger), 'users', 'forget', eve, ...REASON),
  ])
  for (const wrong of [noReason, noSub, longReason, usage]) t.is(wrong.code, 2, wrong.err)
  t.regex(usage.err, /no service is named: set LEDGER_ADMIN_URL/)
  t.is(unknown.code, 1)
  t.regex(unknown.err, /nobody ever had the sub nobody/)
  t.is(down.code, 3)
  t.regex(down.err, /LEDGER_ADMIN_URL: http:\/\/127\.0\.0\.1:9 does not answer/)

  const forgotten = [ada, bob].sort()
  t.is((await host()).out, forgotten.map((sub) => `${sub}\n`).join(''))
  t.deepEqual(JSON.parse((await host('--format', 'json')).out), { forgotten })
  t.is((await host('--format', 'jsonl')).out, forgotten.map((sub) => `${JSON.stringify({ sub })}\n`).join(''))
  t.is((await host('--format', 'xml')).code, 2)
  const asked = await commandLine(env, 'users', 'forgotten')
  t.deepEqual(asked, { code: 0, out: forgotten.map((sub) => `${sub}\n`).join(''), err: '' }, 'of the service')
  const away = { ...onHost(ledger), LEDGER_DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none' }
  t.is((await commandLine(away, 'users', 'forgotten')).code, 3)
})

test('users link and users unlink: what they print in each format, and each exit code', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const env = await asAdministrator(ledger)
  const [ada, bob] = [await ledger.user(), await ledger.user()]
  const users = (...args: string[]) => commandLine(env, 'users', ...args)
  const account = ['--issuer', 'https://id.example', '--upstream-sub', '248289761001']
  t.deepEqual(await users('link', ada, ...account), { code: 0, out: `user ${ada}: https://id.example\n`, err: '' })
  const [json, taken, unknown, noIssuer, noUpstream, wrong, down] = await Promise.all([
    users('link', ada, ...account, '--format', 'json'),
    users('link', bob, ...account),
    users('link', 'nobody', ...account),
    users('unlink', ada),
    users('link', ada, '--issuer', 'https://id.example'),
    users('link', ada, '--issuer', 'id.example', '--upstream-sub', '1'),
    commandLine({ ...env, LEDGER_ADMIN_URL: DOWN }, 'users', 'unlink', ada, ...account),
  ])
  t.like(JSON.parse(json.out), { sub: ada, external: [{ issuer: 'https://id.example' }] })
  t.deepEqual([taken.code, unknown.code, wrong.code, noIssuer.code, noUpstream.code, down.code], [1, 1, 1, 2, 2, 3])
  t.regex(taken.err, /another user signs in with this account/)
  const gone = await users('unlink', ada, '--issuer', 'https://id.example')
  t.deepEqual(gone, { code: 0, out: `user ${ada}: no account elsewhere\n`, err: '' })
  t.is((await users('link', bob, ...account)).code, 0)
})

test('keys derive project and keys rewrap: what they print, and each exit code', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  await ledger.user()
  const run = (over: Record<string, string>, ...args: string[]) =>
    commandLine({ ...onHost(ledger), ...over }, 'keys', ...args)
  const derived = await run({}, 'derive', 'project')
  t.deepEqual(derived, { code: 0, out: `${formatProjectSecrets(ledger.keys)}\n`, err: '' })
  t.false(derived.out.includes(one.slice(2)), 'the subkey of persons, and no more')
  const other = `1:${randomBytes(32).toString('base64')}`
  const away = { LEDGER_DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none' }
  const expected: [number, Record<string, string>, string[]][] = [
    [1, { LEDGER_SECRETS_SYSTEM: other }, ['derive', 'project']],
    [1, { LEDGER_SECRETS_SYSTEM: '' }, ['derive', 'project']],
    [2, {}, ['derive', 'nothing']],
    [3, away, ['derive', 'project']],
    [0, {}, ['rewrap']],
    [1, { LEDGER_SECRETS_SYSTEM: other }, ['rewrap']],
    [1, { LEDGER_SECRETS_SYSTEM: '' }, ['rewrap']],
    [2, {}, ['rewrap', '--format', 'xml']],
    [2, {}, ['rewrap', '--kid', '1']],
    [3, away, ['rewrap']],
    [3, away, ['rewrap', '--lost']],
  ]
  for (const [code, over, args] of expected) {
    const ended = await run(over, ...args)
    t.is(ended.code, code, `${args.join(' ')}: ${ended.err}`)
    t.false(`${ended.out}${ended.err}`.includes(other.slice(2)))
    if (code > 0) t.is(ended.out, '')
  }
  t.is((await run({}, 'rewrap')).out, '0 keys are wrapped under key 1 now\n')
  const lost = { kid: 1, rewrapped: 0, left: 0, keeps_coming: false }
  t.deepEqual(JSON.parse((await run({}, 'rewrap', '--lost', '--format', 'jsonl')).out), lost)
})

test('the help of the verbs of people has examples, exit codes, and what a script may ask for', async (t) => {
  const verbs = [
    ['users', 'forget'],
    ['users', 'forgotten'],
    ['keys', 'rewrap'],
    ['keys', 'derive'],
  ]
  for (const verb of verbs) {
    const { code, out } = await commandLine({}, ...verb, '--help')
    t.is(code, 0)
    t.regex(out, new RegExp(`Examples?:\\n +\\S+ ${verb.join(' ')}`), verb.join(' '))
    t.regex(
      out.replaceAll(/\s+/g, ' '),
      /Exit codes: 0 all is well, 1 .*, 2 wrong usage, 3 a part cannot be reached/,
      verb.join(' '),
    )
    t.is(/--format/.test(out), verb[1] !== 'derive', verb.join(' '))
  }
})
