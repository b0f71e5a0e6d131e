import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ava from 'ava'
import { commandLine } from '../support/command-line.ts'

const MAIN = join(import.meta.dirname, '../../services/cli/main.ts')

ava('whoever reads no further, of help or of what is wrong with it, leaves no stack', async (t) => {
  for (const [args, closed, code] of [
    [['help'], 'stdout', 0],
    [['audit', 'replay', '--help'], 'stdout', 0],
    [['mirgate'], 'stderr', 2],
  ] as const) {
    const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
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
      "error: command-argument value 'chck' is invalid for argument 'service'. Allowed choices are check.",
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
