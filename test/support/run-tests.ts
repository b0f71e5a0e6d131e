// `npm test [-- ava's arguments]`: finds or starts the real parts, runs ava, ends what it started, and closes with
// `N passed, N failed`. One more test than ava's: no log of the run tells a secret or a name. Exit code: ava's; 1 too
// when CI=true and a real part is missing, or a log tells one.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { runWithParts } from './provide-parts.ts'
import { LOGS, scanLogs } from './scan-logs.ts'
import { tapReader } from './tap-lines.ts'

const AVA = join(import.meta.dirname, '../../node_modules/ava/entrypoints/cli.mjs')
const MAX_SHOWN = 20
const TITLE = 'no log of this run tells a secret or a name'

await runWithParts(runAva, () => {
  if (process.env['CI'] !== 'true') return undefined
  console.log('0 passed, 1 failed')
  return 1
})

async function runAva(ended: AbortSignal): Promise<number> {
  const child = spawn(process.execPath, [AVA, '--tap', ...process.argv.slice(2)], { stdio: ['ignore', 'pipe', 'pipe'] })
  ended.addEventListener('abort', () => child.kill())
  // What test files print themselves: ava passes it on.
  let printed = ''
  child.stderr.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
    process.stderr.write(chunk)
  })
  const { read, counts, failures } = tapReader()
  for await (const line of createInterface({ input: child.stdout })) {
    const shown = read(line)
    if (shown !== undefined) console.log(shown)
  }
  const code =
    child.exitCode ?? (await new Promise<number>((resolve) => child.once('exit', (code) => resolve(code ?? 1))))
  if (code !== 0 && counts.failed === 0) counts.failed = 1
  const told = await lookThroughLogs(printed)
  failures.push(...told)
  counts[told.length === 0 ? 'passed' : 'failed']++
  if (failures.length) console.log(['', 'What failed:', ...failures, ''].join('\n'))
  if (counts.skipped) console.log(`${counts.skipped} skipped`)
  console.log(`${counts.passed} passed, ${counts.failed} failed`)
  return told.length === 0 ? code : code || 1
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
