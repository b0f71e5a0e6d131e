// `npm test [-- ava's arguments]`: finds or starts the real parts, runs ava, ends what it started, and closes with
// `N passed, N failed`. One more test than ava's: no log of the run tells a secret or a name. Exit code: ava's; 1 too
// when CI=true and a real part is missing, or a log tells one. With CI=true few files that failed are run once more, by
// themselves, and a run that failed for want of time alone says so and goes on.
import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { compile } from './compile.ts'
import { runWithParts } from './provide-parts.ts'
import { filesToRepeat } from './run-again.ts'
import { LOGS, scanLogs } from './scan-logs.ts'
import { type TapReader, tapReader } from './tap-lines.ts'

const AVA = join(import.meta.dirname, '../../node_modules/ava/entrypoints/cli.mjs')
const MAX_SHOWN = 20
/** Longer than a test may ask for (10 minutes) and ava's own patience together. */
const SILENT_MS = 13 * 60_000
const TITLE = 'no log of this run tells a secret or a name'

// Beside the start of the parts. What cannot be compiled is told, and then runs, or fails, from its sources.
const compiling = compile().catch((error: Error) => void console.error(error.message))

await runWithParts(runAva, () => {
  if (process.env['CI'] !== 'true') return undefined
  console.log('0 passed, 1 failed')
  return 1
})

type Ran = Pick<TapReader, 'counts' | 'failures' | 'failed'> & { code: number; printed: string }

async function runAva(ended: AbortSignal): Promise<number> {
  const compiled = await compiling
  if (compiled) Object.assign(process.env, { TEST_PROGRAM: compiled.program, TEST_LOADER: compiled.loader })
  const ran = await runFiles(process.argv.slice(2), ended)
  const { counts, failures } = ran
  const repeated = process.env['CI'] === 'true' ? filesToRepeat(ran.failed) : []
  const again = repeated.length > 0 ? await runAlone(repeated, ended) : null
  const alone = again?.code === 0
  if (alone) {
    counts.passed += counts.failed
    counts.failed = 0
  }
  const told = await lookThroughLogs(ran.printed + (again?.printed ?? ''))
  const code = alone ? 0 : ran.code
  counts[told.length === 0 ? 'passed' : 'failed']++
  const heading = alone ? 'Failed beside the others, and passed alone:' : 'What failed:'
  if (failures.length) console.log(['', heading, ...failures, ''].join('\n'))
  if (told.length) console.log(['', 'What failed:', ...told, ''].join('\n'))
  if (counts.skipped) console.log(`${counts.skipped} skipped`)
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  return told.length === 0 ? code : code || 1
}

function runAlone(files: string[], ended: AbortSignal): Promise<Ran> {
  console.log(`once more, alone: ${files.join(' ')}`)
  return runFiles(['--concurrency=1', ...files], ended)
}

async function runFiles(args: string[], ended: AbortSignal): Promise<Ran> {
  const command = [AVA, '--tap', ...args]
  const child = spawn(process.execPath, command, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
  const end = () => child.kill()
  const silence = endWhenSilent(child)
  ended.addEventListener('abort', end)
  // What test files print themselves: ava passes it on.
  let printed = ''
  child.stderr.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
    process.stderr.write(chunk)
  })
  const { read, ...results } = tapReader()
  for await (const line of createInterface({ input: child.stdout })) {
    silence.refresh()
    const shown = read(line)
    if (shown !== undefined) console.log(shown)
  }
  const code =
    child.exitCode ?? (await new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1))))
  ended.removeEventListener('abort', end)
  clearTimeout(silence)
  if (code !== 0 && results.counts.failed === 0) {
    results.counts.failed = 1
    results.failures.push(`✘ ava ended with ${code}`)
  }
  return { ...results, code, printed }
}

/** Kills ava and its workers, of which one does not end when it is told to, once nothing was printed for long. */
function endWhenSilent({ pid }: ChildProcess): NodeJS.Timeout {
  return setTimeout(() => {
    console.error(`✘ nothing ended for ${SILENT_MS / 60_000} minutes: the run is killed`)
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  }, SILENT_MS)
}

/** The lines that say what stands where in the logs of this run, and none when all is well. */
async function lookThroughLogs(printed: string): Promise<string[]> {
  const isWhole = process.argv.length === 2
  const { hits, count } = await scanLogs(join(process.env['TEST_SCRATCH'] ?? '', LOGS), { printed, isWhole })
  const lines = hits.map(({ file, line, what }) => `    ${file}:${line}: ${what}`)
  const more = lines.length > MAX_SHOWN ? [`    and ${lines.length - MAX_SHOWN} more`] : []
  console.log(`${hits.length === 0 ? '✔' : '✘'} ${TITLE} (${count} lines)`)
  return hits.length === 0 ? [] : [`✘ ${TITLE}`, ...lines.slice(0, MAX_SHOWN), ...more]
}
