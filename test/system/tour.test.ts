import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { commandLine } from '../support/command-line.ts'
import { newerCurlOptions } from '../support/curl-options.ts'
import { startProcess } from '../support/ledger-process.ts'
import { createRequests } from '../support/requests.ts'
import { paste, type Shell, testWith } from '../support/shells.ts'
import { devSettings, runnable, tourIn } from '../support/tour-lines.ts'
import { until } from '../support/waiting.ts'
import { onceForFile } from './once-for-file.ts'

const devServer = onceForFile(async (t) => {
  const env = await devSettings(t)
  return { env, server: await startProcess(t, { services: ['all'], env }) }
})

/** The lines of the tour as each shell gets them: printed by the start, by `demo`, and by `demo` for machines. */
const GIVEN: Record<Shell, () => Promise<string[]>> = {
  bash: async () => tourIn((await devServer()).server.printed()).map(({ line }) => line),
  zsh: async () => tourIn(await demo()).map(({ line }) => line),
  fish: async () => (JSON.parse(await demo('--format', 'json')) as { command: string }[]).map(({ command }) => command),
}

async function demo(...options: string[]): Promise<string> {
  const { env } = await devServer()
  const { code, out, err } = await commandLine(env, 'demo', ...options)
  if (code !== 0 || err !== '') throw new Error(`demo ended with ${code}: ${err}`)
  return out
}

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  testWith(shell, 'curl')(`every line of the tour works as pasted into ${shell}, in that order`, async (t) => {
    const [refresh = '', twenty = '', ...lines] = await GIVEN[shell]()
    t.is(lines.length, 6)
    const pair = await answer(t, shell, refresh)
    t.regex(String(pair['refresh_token']), /^tl_rt_/)
    t.false(refresh.includes(String(pair['refresh_token'])), 'a new one')
    const again = await answer(t, shell, refresh)
    t.deepEqual(
      [again['access_token'], again['refresh_token']],
      [pair['access_token'], pair['refresh_token']],
      'repeated, the same pair',
    )
    t.regex((await pasted(t, shell, twenty)).out, /^ *20 tl_at_[\w-]+\n *20 tl_rt_[\w-]+\n$/)
    const [listed, approved, told, revoked, after] = await inTurn(lines.slice(0, 5), (line) => answer(t, shell, line))
    t.true(listed?.['allowed'])
    t.false(approved?.['allowed'])
    t.regex(String(approved?.['reason']), /ACL OrderManagers/)
    t.deepEqual([told?.['active'], told?.['username']], [true, 'alice'])
    t.deepEqual(revoked, {})
    t.false(after?.['allowed'])
    const replayed = await pasted(t, shell, lines[5] ?? '')
    t.deepEqual(replayed.out.match(/Token[A-Z]\w+/g), ['TokenIssued', 'TokenRefreshed', 'TokenRevoked'])
  })
}

const test = testWith()

test('what the tour prints is new at each call, and has nothing that a shell or an old curl reads otherwise', async (t) => {
  const { env, server } = await devServer()
  const steps = tourIn(server.printed())
  const others = tourIn(await demo())
  t.deepEqual(
    others.map(({ title }) => title),
    steps.map(({ title }) => title),
  )
  t.is(
    new Set([...steps, ...others].flatMap(({ line }) => line.match(/tl_rt_[\w-]+/g) ?? [])).size,
    4,
    'two grants each',
  )
  t.true(steps[0]?.title.includes('within 30 s'))
  for (const { title, line } of steps) {
    // Pasted with its line, a title is one unknown command at most: no quote is left open and nothing is redirected.
    t.regex(title, /^[\w ,:]+$/)
    t.true(title.length <= 76)
    t.false(/[!`$#]/.test(line), line)
    t.deepEqual(newerCurlOptions(line), [], line)
    t.true(line.includes("-w '\\n'") || line.endsWith('| sort | uniq -c') || line.includes(' audit replay '), line)
  }
  t.deepEqual(newerCurlOptions(`curl -sS http://x --json '{"a":" -d"}' | cat -A`), ['--json'])
  const hint = `Lines with new tokens, at any time: LEDGER_DATA_DIR=${env['LEDGER_DATA_DIR']} bin/token-ledger demo`
  t.true(server.printed().includes(`\n${hint}\n`))
})

test('where no terminal is, what is served is logged as JSON', async (t) => {
  const { server } = await devServer()
  await createRequests(server.url).post('/oauth2/token', { grant_type: 'password' })
  const line = () => server.logs.find(({ msg, status }) => msg === 'request' && typeof status === 'number')
  await until(() => line() !== undefined, 'a request in the log')
  t.is(line()?.['method'], 'POST')
})

test('ready means that the demo is there: whoever waits for it finds clients, both ports and the lines', async (t) => {
  const env = await devSettings(t)
  const origin = (port: string) => `http://127.0.0.1:${env[`LEDGER_SERVE_${port}_PORT`]}`
  const isReady = (port: string) =>
    fetch(`${origin(port)}/health/ready`).then(
      ({ status }) => status === 200,
      () => false,
    )
  const starting = startProcess(t, { services: ['all'], env })
  const ready = until(() => isReady('PUBLIC'), 'a dev server that is ready', 60_000)
  await Promise.race([ready, starting])
  await ready
  const { clients } = JSON.parse(await readFile(join(env['LEDGER_DATA_DIR'] ?? '', 'secrets'), 'utf8')) as {
    clients: Record<string, string>
  }
  const as = { client_id: 'demo-orders', client_secret: clients['demo-orders'] ?? '' }
  const [adminIsReady, asked, lines] = await Promise.all([
    isReady('ADMIN'),
    createRequests(origin('PUBLIC')).post('/oauth2/introspect', { token: 'x' }, { as }),
    commandLine(env, 'demo'),
  ])
  t.true(adminIsReady)
  t.deepEqual([asked.status, asked.body], [200, { active: false }])
  t.is(lines.code, 0, lines.err)
  const { printed } = await starting
  for (const { line } of tourIn(printed()).slice(0, 2)) t.regex((await pasted(t, 'bash', line)).out, /tl_at_/)
})

test('without a dev server the demo is one line and exit code 3; of another service it is wrong usage', async (t) => {
  const env = await devSettings(t)
  const none = await commandLine(env, 'demo')
  t.deepEqual([none.code, none.out], [3, ''])
  t.regex(none.err, /^there is no \S+cli\.json: is the dev server running \("npm start"\)\?\n$/)
  for (const name of ['LEDGER_ADMIN_URL', 'LEDGER_DATABASE_URL', 'LEDGER_KAFKA_BROKERS']) {
    const other = await commandLine({ ...env, [name]: 'http://127.0.0.1:1' }, 'demo')
    t.deepEqual([other.code, other.out, other.err], [2, '', `this is for dev mode only, and ${name} is set\n`])
  }
})

async function pasted(t: ExecutionContext, shell: Shell, line: string) {
  const ended = await paste(shell, await runnable(line))
  t.deepEqual([ended.code, ended.err], [0, ''], line)
  return ended
}

/** What a line of curl answers: JSON, and a newline after it. */
async function answer(t: ExecutionContext, shell: Shell, line: string): Promise<Record<string, unknown>> {
  const { out } = await pasted(t, shell, line)
  t.regex(out, /^[^\n]+\n$/, line)
  return JSON.parse(out) as Record<string, unknown>
}

async function inTurn<T, R>(items: T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await work(item))
  return results
}
