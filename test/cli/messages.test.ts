import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ava from 'ava'
import { commandLine } from '../support/command-line.ts'
import { startLedger } from '../support/ledger.ts'
import { PROGRAM } from '../support/program.ts'
import { realTest } from '../support/real-parts.ts'

const test = realTest('postgres')

ava('whoever reads no further, of help or of what is wrong with it, leaves no stack', async (t) => {
  for (const [args, closed, code] of [
    [['help'], 'stdout', 0],
    [['audit', 'replay', '--help'], 'stdout', 0],
    [['mirgate'], 'stderr', 2],
  ] as const) {
    const child = spawn(process.execPath, [...PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    child[closed].destroy()
    const other = closed === 'stdout' ? child.stderr : child.stdout
    let told = ''
    other.on('data', (chunk: Buffer) => (told += chunk.toString()))
    t.deepEqual([await once(child, 'close'), told], [[code, null], ''], args.join(' '))
  }
})

ava('wrong usage of the keys verbs is told as of every other', async (t) => {
  for (const [args, last] of [
    [['keys', 'generate', '--kid', '0'], 'error: --kid must be a whole number from 1 to 255'],
    [
      ['keys', 'derive', 'chck'],
      "error: command-argument value 'chck' is invalid for argument 'service'. Allowed choices are check, project.",
    ],
  ] as const) {
    const { code, out, err } = await commandLine({}, ...args)
    t.deepEqual([code, out, err.trimEnd().split('\n').slice(1)], [2, '', [last]])
    t.regex(err, new RegExp(`^see: \\S+ keys ${args[1]} --help\n`))
  }
})

ava('a ledger that cannot be looked at is not told as none', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ledger-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'dev'))
  // Whoever runs the tests may read everything, but no loop.
  await symlink('database', join(folder, 'dev/database'))
  const { code, err } = await commandLine({ LEDGER_DATA_DIR: join(folder, 'dev') }, 'projection', 'rebuild')
  t.deepEqual([code, err.split('\n').length], [1, 2])
  t.regex(err, /^LEDGER_DATA_DIR: \S+\/dev cannot be used: too many symbolic links encountered\n$/)
})

test('what a service refuses is told with the setting and the reason, in one line', async (t) => {
  const ledger = await startLedger(t)
  const scope = 'ledger.admin ledger.audit'
  const { client_id, client_secret } = await ledger.client({ scope, groups: ['Administrators'] })
  const right = {
    LEDGER_URL: ledger.url,
    LEDGER_ADMIN_URL: ledger.adminUrl,
    LEDGER_CLIENT_ID: client_id,
    LEDGER_CLIENT_SECRET: client_secret ?? '',
  }
  const grant = '0190b4a1-7c3e-7d4f-9a51-6f2f0c9b1e77'
  const gone = 'http://127.0.0.1:2'
  for (const [code, env, message, ...args] of [
    [
      1,
      { LEDGER_CLIENT_SECRET: 'another' },
      `LEDGER_CLIENT_ID or LEDGER_CLIENT_SECRET: ${ledger.url}/oauth2/token answers 401: client authentication failed (invalid_client)`,
      'audit',
      'verify',
    ],
    [
      1,
      { LEDGER_URL: ledger.adminUrl, LEDGER_CLIENT_SECRET: 'x' },
      `LEDGER_URL: ${ledger.adminUrl}/oauth2/token answers 404: there is nothing at this path (not_found)`,
      'audit',
      'verify',
    ],
    [
      3,
      { LEDGER_URL: gone },
      `LEDGER_URL: ${gone} does not answer: connect ECONNREFUSED 127.0.0.1:2`,
      'keys',
      'status',
    ],
    [
      3,
      { LEDGER_ADMIN_URL: gone },
      `LEDGER_ADMIN_URL: ${gone} does not answer: connect ECONNREFUSED 127.0.0.1:2`,
      'audit',
      'verify',
    ],
    [
      1,
      { LEDGER_ADMIN_URL: ledger.url },
      `${ledger.url}/audit/grants/${grant} answers 404: there is nothing at this path (not_found)`,
      'audit',
      'show',
      '--grant',
      grant,
    ],
    [1, {}, `the log knows no grant ${grant}`, 'audit', 'show', '--grant', grant],
    [
      1,
      {},
      `${ledger.adminUrl}/admin/keys/9/retire answers 404: there never was a key 9: the log does not know it, and nothing was made with it (not_found)`,
      ...['keys', 'retire', '--kid', '9'],
    ],
  ] as [number, Record<string, string>, string, ...string[]][]) {
    const ended = await commandLine({ ...right, ...env }, ...args)
    t.deepEqual([ended.code, ended.out, ended.err.replace(/^error: /, '')], [code, '', `${message}\n`])
  }
})
