import { spawn } from 'node:child_process'
import ava from 'ava'
import type { Ended } from './command-line.ts'
import { hasProgram } from './commands.ts'
import { cleanEnv, ROOT } from './ledger-process.ts'
import { arrival } from './waiting.ts'

/** The shells that every line which is printed or documented must work in. */
export const SHELLS = ['bash', 'zsh', 'fish'] as const

export type Shell = (typeof SHELLS)[number]

/** How each takes a line, with nobody's own settings. zsh has it typed: only there it takes `#` for a word. */
const TAKES: Record<Shell, (line: string) => { args: string[]; typed: string }> = {
  bash: (line) => ({ args: ['--norc', '-c', line], typed: '' }),
  zsh: (line) => ({ args: ['-f', '-i', '+o', 'promptsp', '-s'], typed: `${line}\n` }),
  fish: (line) => ({ args: ['--no-config', '-c', line], typed: '' }),
}

const LIMIT_MS = 90_000

/** Pastes a line into a shell in the checkout, with no LEDGER_ variable set, and tells how it ended. */
export function paste(shell: Shell, line: string): Promise<Ended> {
  const env = { ...cleanEnv({}), PS1: '' }
  const { args, typed } = TAKES[shell](line)
  const child = spawn(shell, args, { cwd: ROOT, env, stdio: ['pipe', 'pipe', 'pipe'] })
  // One that is not installed takes nothing, and is told below.
  child.stdin.on('error', () => undefined).end(typed)
  const ended: Ended = { code: null, out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (ended.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (ended.err += chunk.toString()))
  const closed = new Promise<Ended>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ ...ended, code }))
  })
  return arrival(closed, `the end of ${line} in ${shell}`, LIMIT_MS)
}

/** A test that needs these programs: skipped where one is not installed, but never under CI. */
export function testWith(...programs: string[]) {
  return process.env['CI'] === 'true' || programs.every(hasProgram) ? ava.serial : ava.skip
}
