// `npm test [-- ava's arguments]`: finds or starts the real parts, runs ava, ends what it started, and closes with
// `N passed, N failed`. Exit code: ava's; 1 too when CI=true and a real part is missing.
import { spawn } from 'node:child_process'
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { missingForKafka, removeKafka, startKafka } from './start-kafka.ts'
import { missingForPostgres, removePostgres, startPostgres } from './start-postgres.ts'
import { tapReader } from './tap-lines.ts'

const PARTS = [
  {
    name: 'PostgreSQL',
    setting: 'TEST_DATABASE_URL',
    missing: missingForPostgres,
    start: async () => (await startPostgres()).url,
  },
  {
    name: 'Kafka',
    setting: 'TEST_KAFKA_BROKERS',
    missing: missingForKafka,
    start: async () => (await startKafka()).brokers.join(','),
  },
]

const AVA = join(import.meta.dirname, '../../node_modules/ava/entrypoints/cli.mjs')
const inCI = process.env['CI'] === 'true'
const ava = { child: undefined as ReturnType<typeof spawn> | undefined }

// Everything that this run starts, test files included, keeps its data in here.
const scratch = await mkdtemp(join(tmpdir(), 'token-ledger-test-'))
await chmod(scratch, 0o711) // PostgreSQL's user must get to its folder
process.env['TEST_SCRATCH'] = scratch
const interrupted = new Promise<number>((resolve) => {
  process.once('SIGINT', () => resolve(130))
  process.once('SIGTERM', () => resolve(143))
})

process.exitCode = await Promise.race([main(), interrupted]).finally(tearDown)
process.exit()

async function main(): Promise<number> {
  const missing = (await Promise.all(PARTS.map(providePart))).filter((part) => part !== undefined)
  for (const line of missing) console.error(line)
  if (inCI && missing.length) {
    console.log('0 passed, 1 failed')
    return 1
  }
  return runAva()
}

// A line that says what is missing, or undefined when the part is there.
async function providePart({ name, setting, missing, start }: (typeof PARTS)[number]): Promise<string | undefined> {
  if (process.env[setting]) return
  const reason = missing()
  const consequence = inCI ? 'CI=true, so this run fails' : 'tests that need it are skipped'
  if (reason) return `${name} is missing: ${reason}; ${setting} is not set. ${consequence}.`
  try {
    process.env[setting] = await start()
  } catch (error) {
    return `${name} could not be started: ${error instanceof Error ? error.message : String(error)}. ${consequence}.`
  }
}

async function runAva(): Promise<number> {
  const child = spawn(process.execPath, [AVA, '--tap', ...process.argv.slice(2)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  ava.child = child
  const { read, counts, failures } = tapReader()
  for await (const line of createInterface({ input: child.stdout })) {
    const shown = read(line)
    if (shown !== undefined) console.log(shown)
  }
  const code =
    child.exitCode ?? (await new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1))))
  if (code !== 0 && counts.failed === 0) counts.failed = 1
  if (failures.length) console.log(['', 'What failed:', ...failures, ''].join('\n'))
  if (counts.skipped) console.log(`${counts.skipped} skipped`)
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  return code
}

async function tearDown(): Promise<void> {
  ava.child?.kill()
  const folders = await readdir(scratch)
  await Promise.allSettled(
    folders.map((folder) => (folder.startsWith('kafka-') ? removeKafka : removePostgres)(join(scratch, folder))),
  )
  await rm(scratch, { recursive: true, force: true })
}
