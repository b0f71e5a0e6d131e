// `npm test [-- ava's arguments]`: finds or starts the real parts, runs ava, ends what it started, and closes with
// `N passed, N failed`. Exit code: ava's; 1 too when CI=true and a real part is missing.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { runWithParts } from './provide-parts.ts'
import { tapReader } from './tap-lines.ts'

const AVA = join(import.meta.dirname, '../../node_modules/ava/entrypoints/cli.mjs')

await runWithParts(runAva, () => {
  if (process.env['CI'] !== 'true') return undefined
  console.log('0 passed, 1 failed')
  return 1
})

async function runAva(ended: AbortSignal): Promise<number> {
  const child = spawn(process.execPath, [AVA, '--tap', ...process.argv.slice(2)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  ended.addEventListener('abort', () => child.kill())
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
