import { spawn } from 'node:child_process'
import { run } from '../support/commands.ts'
import { cleanEnv, type Env, ROOT } from '../support/ledger-process.ts'
import { PROGRAM_WORDS } from '../support/program.ts'
import { createRequests } from '../support/requests.ts'
import { testWith } from '../support/shells.ts'
import { devSettings, tourIn } from '../support/tour-lines.ts'
import { until } from '../support/waiting.ts'

const ESC = '\u001b'
const COLOURS = new RegExp(`${ESC}\\[[\\d;]*m`, 'g')

/** Has `script` run our command line in a person's terminal of 80 columns, also where this runs in CI. */
function inTerminal(words: string) {
  const line = `unset CI; export TERM=xterm-256color; stty cols 80; exec ${PROGRAM_WORDS} ${words}`
  return { file: 'script', args: ['-qfec', line, '/dev/null'] }
}

/** Runs a dev server in a terminal, and gives what stands there. */
function startInTerminal(t: { teardown: (end: () => void) => void }, env: Env): () => string {
  const { file, args } = inTerminal('serve all')
  const child = spawn(file, args, { cwd: ROOT, env: cleanEnv(env), stdio: ['ignore', 'pipe', 'pipe'] })
  // Its terminal is gone with it, and whoever runs there ends by that.
  t.teardown(() => void child.kill('SIGKILL'))
  let shown = ''
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
  return () => shown.replaceAll('\r\n', '\n')
}

const test = testWith('script')

test('in a terminal the tour stays readable: short lines after it, no probes, and tables with headings in colour', async (t) => {
  const env = await devSettings(t)
  const shown = startInTerminal(t, { ...env, NO_COLOR: '' })
  await until(() => /^\d\d:\d\d:\d\d serving /m.test(shown()), 'a dev server in a terminal', 60_000)
  t.is(tourIn(shown()).length, 8)
  const url = `http://127.0.0.1:${env['LEDGER_SERVE_PUBLIC_PORT']}`
  t.is((await fetch(`${url}/health/ready`)).status, 200)
  await createRequests(url).post('/oauth2/token', { grant_type: 'password' })
  await until(() => shown().includes('POST /oauth2/token'), 'the request in the terminal')
  const logged = shown()
    .slice(shown().search(/^\d\d:\d\d:\d\d /m))
    .trimEnd()
    .split('\n')
  t.regex(logged[0] ?? '', new RegExp(`^\\S+ serving ${url} http://127.0.0.1:${env['LEDGER_SERVE_ADMIN_PORT']}$`))
  t.regex(logged.at(-1) ?? '', /^\d\d:\d\d:\d\d POST \/oauth2\/token 40\d [\d.]+ ms /)
  t.deepEqual(
    logged.filter((line) => line.length > 80 || line.startsWith('{') || line.includes('/health/')),
    [],
  )

  const asked = { cwd: ROOT, env: { ...env, NO_COLOR: '' } }
  const table = await run({ ...inTerminal('audit replay --type TokenIssued UserPut'), ...asked })
  t.true(table.startsWith(`${ESC}[1mtime`), table)
  const rows = table.replaceAll(COLOURS, '').split(/\r?\n/)
  t.true(rows.length > 3 && rows.every((row) => row.length <= 80), table)
  const plain = await run({
    ...inTerminal('audit replay --type TokenIssued'),
    ...asked,
    env: { ...env, NO_COLOR: '1' },
  })
  t.notRegex(plain, COLOURS)
})

test('in a terminal a warning is one short line in colour', async (t) => {
  const env = await devSettings(t)
  const https = {
    LEDGER_REQUIRE_HTTPS: 'true',
    LEDGER_TRUSTED_PROXIES: '127.0.0.1',
    LEDGER_ISSUER: 'https://l.example',
  }
  const shown = startInTerminal(t, { ...env, ...https, NO_COLOR: '' })
  await until(() => shown().includes(' serving '), 'a dev server in a terminal', 60_000)
  await createRequests(`http://127.0.0.1:${env['LEDGER_SERVE_PUBLIC_PORT']}`).post('/check', {})
  await until(() => shown().includes('POST /check'), 'the request in the terminal')
  const [warning = ''] = /.* warning .*/.exec(shown()) ?? []
  t.true(warning.startsWith(`${ESC}[33m`) && warning.endsWith(`${ESC}[39m`), warning)
  t.regex(warning.replaceAll(COLOURS, ''), /^\d\d:\d\d:\d\d warning plain HTTP request refused {2}address=127.0.0.1$/)
})
