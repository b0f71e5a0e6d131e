import { spawn } from 'node:child_process'
import ava, { type ExecutionContext } from 'ava'
import { v7 as uuidv7 } from 'uuid'
import { CODE_CLIENT, CALLBACK, exchange } from '../support/codes.ts'
import { commandLine, commandLineOn } from '../support/command-line.ts'
import { seeded } from '../support/kept-logs.ts'
import { sharedLedger, type TestLedger } from '../support/ledger.ts'
import { cleanEnv, ROOT } from '../support/ledger-process.ts'
import { GOOD, login, LOGS_IN } from '../support/passwords.ts'
import { PROGRAM_WORDS } from '../support/program.ts'
import { hasPart, realTest } from '../support/real-parts.ts'
import type { Credentials } from '../support/requests.ts'
import { s256 } from '../../shared/tokens/pkce.ts'
import { testWith } from '../support/shells.ts'
import { until } from '../support/waiting.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
const DOWN = 'http://127.0.0.1:9'
const NEXT = 'the next one, which is longer'

/** A user, a client that logs in, and how the command line reaches the ledger as an administrator. */
async function begin(ledger: TestLedger) {
  const { client_id, client_secret } = await ledger.client({ scope: 'ledger.admin', groups: ['Administrators'] })
  const env = {
    ...{ LEDGER_URL: ledger.url, LEDGER_ADMIN_URL: ledger.adminUrl },
    ...{ LEDGER_CLIENT_ID: client_id, LEDGER_CLIENT_SECRET: String(client_secret) },
  }
  const username = `somebody-${uuidv7()}`
  const sub = await ledger.user({ personal: { username, name: null, email: null } })
  return { env, sub, username, as: await ledger.client(LOGS_IN) }
}

/** What a host of the ledger has: no service is named there. */
const onHost = ({ settings }: TestLedger) => ({
  LEDGER_ISSUER: settings.ISSUER ?? '',
  LEDGER_DATABASE_URL: settings.DATABASE_URL ?? '',
  LEDGER_SECRETS_SYSTEM: settings.SECRETS_SYSTEM ?? '',
})

type Begun = Awaited<ReturnType<typeof begin>>

async function opens(t: ExecutionContext, ledger: TestLedger, { as, username }: Begun, password: string | null) {
  for (const one of [GOOD, NEXT, ` ${GOOD} `])
    t.is((await login(ledger, as, username, one)).status, one === password ? 200 : 400, one)
}

test('users password sets what stands on stdin, but for a line end behind it, removes it, and shows it nowhere', async (t) => {
  const ledger = await ledgerOfAll()
  const begun = await begin(ledger)
  const { env, sub } = begun
  const set = (input: string, ...args: string[]) => commandLineOn(input, env, 'users', 'password', sub, ...args)
  t.deepEqual(await set(`${GOOD}\n`), { code: 0, out: `user ${sub}: password set\n`, err: '' })
  await opens(t, ledger, begun, GOOD)
  const json = await set(` ${GOOD} \r\n`, '--format', 'json')
  t.like(JSON.parse(json.out), { sub, password: true }, json.err)
  await opens(t, ledger, begun, ` ${GOOD} `)
  t.false(`${json.out}${json.err}`.includes(GOOD))
  t.deepEqual(await set('', '--remove'), { code: 0, out: `user ${sub}: no password\n`, err: '' })
  await opens(t, ledger, begun, null)
})

test('users password: each exit code, one line that says why, and no password in it', async (t) => {
  const ledger = await ledgerOfAll()
  const begun = await begin(ledger)
  const { env, sub } = begun
  const other = await ledger.client({ scope: 'ledger.admin' })
  const asOther = { ...env, LEDGER_CLIENT_ID: other.client_id, LEDGER_CLIENT_SECRET: String(other.client_secret) }
  const [short, long] = ['sh0rt', NEXT.repeat(50)]
  const expected: [number, RegExp, Record<string, string>, string, string[]][] = [
    [1, /password: must have at least 8 characters/, env, short, [sub]],
    [1, /password: must have at least 8 characters/, env, '', [sub]],
    [1, /password: must be text of at most 1024 bytes/, env, long, [sub]],
    [1, /404/, env, NEXT, ['nobody']],
    [1, /404/, env, '', ['nobody', '--remove']],
    [1, /answers 403/, asOther, NEXT, [sub]],
    [2, /missing required argument 'sub'/, env, NEXT, []],
    [2, /too many arguments/, env, '', [sub, NEXT]],
    [2, /no service is named: set LEDGER_ADMIN_URL/, onHost(ledger), NEXT, [sub]],
    [3, /does not answer/, { ...env, LEDGER_ADMIN_URL: DOWN }, NEXT, [sub]],
  ]
  for (const [code, why, settings, input, args] of expected) {
    const ended = await commandLineOn(input, settings, 'users', 'password', ...args)
    t.is(ended.code, code, `${args.join(' ')}: ${ended.err}`)
    t.regex(ended.err, why)
    t.is(ended.out, '')
    for (const password of [short, NEXT]) t.false(ended.err.includes(password), ended.err)
  }
  await opens(t, ledger, begun, null)
})

/** Types these lines, each once it is asked for, into `users password` in a terminal; what then stands there. */
async function typed({ env, sub }: Begun, ...lines: string[]): Promise<{ code: number | null; shown: string }> {
  const words = `${PROGRAM_WORDS} users password ${sub}`
  const child = spawn('script', ['-qfec', `exec ${words}`, '/dev/null'], { cwd: ROOT, env: cleanEnv(env) })
  let shown = ''
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve))
  const questions = ['New password: ', 'Once more: ']
  for (const [n, line] of lines.entries()) {
    await until(() => shown.endsWith(questions[n] ?? ''), `question ${n + 1}: ${shown}`, 60_000)
    child.stdin.write(line)
  }
  return { code: await closed, shown: shown.replaceAll('\r\n', '\n') }
}

const inTerminal = hasPart('postgres') ? testWith('script') : ava.skip

inTerminal(
  'in a terminal a password is asked for twice and not shown, and two that differ change nothing',
  async (t) => {
    const ledger = await ledgerOfAll()
    const begun = await begin(ledger)
    seeded(GOOD)
    const asked = 'New password: \nOnce more: \n'
    t.deepEqual(await typed(begun, `${GOOD}\r`, `${GOOD}\r`), {
      code: 0,
      shown: `${asked}user ${begun.sub}: password set\n`,
    })
    await opens(t, ledger, begun, GOOD)
    const differ = await typed(begun, `${NEXT}\r`, `${GOOD}\r`)
    t.is(differ.code, 1)
    t.regex(differ.shown, /^New password: \nOnce more: \nthe two differ: nothing was changed\n$/)
    const left = await typed(begun, '\u0003')
    t.is(left.code, 1)
    t.regex(left.shown, /^New password: \nnothing was changed\n$/)
    await opens(t, ledger, begun, GOOD)
  },
)

test('grants authorize prints a code that the client exchanges, in each format', async (t) => {
  const ledger = await ledgerOfAll()
  const { env, sub } = await begin(ledger)
  const app = await ledger.client(CODE_CLIENT)
  const authorize = (...args: string[]) =>
    commandLine(env, 'grants', 'authorize', '--client', app.client_id, '--user', sub, ...args)
  const exchanged = async (told: Record<string, unknown>, over: Record<string, string> = {}, as: Credentials = app) => {
    const form = { grant_type: 'authorization_code', code: String(told['code']) }
    return exchange(ledger, as, { form }, over)
  }
  const table = await authorize()
  t.deepEqual([table.code, table.err], [0, ''])
  const [, code] = /^code: (tl_ac_\S+)$/m.exec(table.out) ?? []
  const answer = await exchanged({ code })
  t.is(answer.status, 200, table.out)
  t.like(await ledger.introspect(String(answer.body['access_token'])), { active: true, sub, client_id: app.client_id })
  const code_verifier = 'a-verifier-of-this-test-which-is-long-enough-'
  const proof = ['--code-challenge', s256(code_verifier), '--code-challenge-method', 'S256']
  const json = await authorize('--redirect-uri', CALLBACK, '--scope', 'read', ...proof, '--format', 'json')
  const told = JSON.parse(json.out) as Record<string, unknown>
  t.is((await exchanged(told, { redirect_uri: CALLBACK })).status, 400)
  const proven = await exchanged(told, { redirect_uri: CALLBACK, code_verifier })
  t.deepEqual([proven.status, proven.body['scope']], [200, 'read'], json.err)
})

test('grants authorize: each exit code, and one line that says why', async (t) => {
  const ledger = await ledgerOfAll()
  const { env, sub } = await begin(ledger)
  const { client_id } = await ledger.client(CODE_CLIENT)
  const client = ['--client', client_id]
  const both = [...client, '--user', sub]
  const expected: [number, RegExp, Record<string, string>, string[]][] = [
    [1, /redirect_uri/, env, [...both, '--redirect-uri', 'https://elsewhere.example/']],
    [1, /code_challenge_method/, env, [...both, '--code-challenge', s256('x'), '--code-challenge-method', 'plain']],
    [1, /client/, env, ['--client', 'nobody', '--user', sub]],
    [1, /user/, env, [...client, '--user', 'nobody']],
    [2, /--user/, env, client],
    [2, /no service is named: set LEDGER_ADMIN_URL/, onHost(ledger), both],
    [3, /does not answer/, { ...env, LEDGER_ADMIN_URL: DOWN }, both],
  ]
  for (const [code, why, settings, args] of expected) {
    const ended = await commandLine(settings, 'grants', 'authorize', ...args)
    t.is(ended.code, code, `${args.join(' ')}: ${ended.err}`)
    t.regex(ended.err, why)
    t.is(ended.out, '')
  }
})
