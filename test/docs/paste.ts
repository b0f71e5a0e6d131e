import { spawn } from 'node:child_process'
import { hasProgram } from '../support/commands.ts'
import { arrival } from '../support/waiting.ts'

export const SHELLS = ['bash', 'zsh', 'fish'] as const
export type Shell = (typeof SHELLS)[number]

const LIMIT_MS = 300_000
/** Stands between the lines in what the shell prints. */
const MARK = '\u001e'
/** Without the start-up files of whoever runs the tests. */
const PLAIN = { bash: ['--norc'], zsh: ['-f'], fish: ['--no-config'] }

export type Pasted = { line: string; code: number; out: string }

export const isThere = (shell: Shell) => hasProgram(shell)

/** Runs lines one after another in one shell, each whatever became of the one before, as they are pasted into it. */
export async function paste(
  shell: Shell,
  lines: string[],
  { cwd, env = {} }: { cwd: string; env?: Record<string, string> },
): Promise<Pasted[]> {
  const status = shell === 'fish' ? '$status' : '$?'
  const script = lines.map((line) => `${line}\nprintf '\\036%s\\036' ${status}\n`).join('')
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('LEDGER_'))
  const child = spawn(shell, [...PLAIN[shell], '-c', script], {
    cwd,
    env: { ...Object.fromEntries(inherited), XDG_CACHE_HOME: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let out = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const closed = new Promise<void>((resolve) => child.once('close', () => resolve()))
  await arrival(closed, `the end of ${shell}`, LIMIT_MS).finally(() => child.kill('SIGKILL'))
  const told = out.split(MARK)
  return lines.map((line, at) => ({ line, code: Number(told[2 * at + 1] ?? -1), out: told[2 * at] ?? '' }))
}
