import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { missingForKafka, removeKafka, startKafka } from './start-kafka.ts'
import { missingForPostgres, removePostgres, startPostgres } from './start-postgres.ts'

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

const inCI = process.env['CI'] === 'true'

/**
 * Finds or starts the real parts, does the work, ends what it started, and exits with the code that the work answers. A
 * signal ends it as well: `ended` then tells the work to end what it began. `onMissing`: lines that say what is
 * missing; a code from it ends the run before the work.
 */
export async function runWithParts(
  work: (ended: AbortSignal) => Promise<number>,
  onMissing: (lines: string[]) => number | undefined = () => 1,
): Promise<never> {
  // Everything that this run starts, test files included, keeps its data in here.
  const scratch = await mkdtemp(join(tmpdir(), 'token-ledger-test-'))
  await chmod(scratch, 0o711) // PostgreSQL's user must get to its folder
  process.env['TEST_SCRATCH'] = scratch
  const ending = new AbortController()
  const interrupted = new Promise<number>((resolve) => {
    process.once('SIGINT', () => resolve(130))
    process.once('SIGTERM', () => resolve(143))
  })
  const run = async () => {
    const missing = (await Promise.all(PARTS.map(providePart))).filter((part) => part !== undefined)
    for (const line of missing) console.error(line)
    return (missing.length > 0 ? onMissing(missing) : undefined) ?? work(ending.signal)
  }
  const code = await Promise.race([run(), interrupted]).finally(() => {
    ending.abort()
    return tearDown(scratch)
  })
  process.exit(code)
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

async function tearDown(scratch: string): Promise<void> {
  const folders = await readdir(scratch)
  await Promise.allSettled(
    folders.map((folder) => (folder.startsWith('kafka-') ? removeKafka : removePostgres)(join(scratch, folder))),
  )
  await rm(scratch, { recursive: true, force: true })
}
