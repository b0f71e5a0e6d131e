import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endWithUs } from './commands.ts'
import { keepLog, seededSettings } from './kept-logs.ts'
import { PROGRAM } from './program.ts'
import { arrival } from './waiting.ts'

/** Where the command line keeps its tokens while this file of tests runs. */
export const CACHE = mkdtempSync(join(tmpdir(), 'token-ledger-cache-'))
process.once('exit', () => rmSync(CACHE, { recursive: true, force: true }))

export type Ended = { code: number | null; out: string; err: string }

/** Runs the real command line to its end, however it ends, with nothing of our own environment in its settings. */
export function commandLine(env: Record<string, string>, ...args: string[]): Promise<Ended> {
  return commandLineOn('', env, ...args)
}

/** The same with this on its standard input. */
export function commandLineOn(input: string, env: Record<string, string>, ...args: string[]): Promise<Ended> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LEDGER_')))
  const child = spawn(process.execPath, [...PROGRAM, ...args], {
    env: { ...inherited, XDG_CACHE_HOME: CACHE, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  endWithUs(child)
  // It may end without having read it.
  child.stdin.on('error', () => undefined).end(input)
  seededSettings(env)
  child.stderr.on('data', keepLog(`token-ledger ${args.slice(0, 2).join(' ')}`))
  const ended: Ended = { code: null, out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (ended.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (ended.err += chunk.toString()))
  const closed = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ ...ended, code })))
  return arrival(closed, `the end of token-ledger ${args.join(' ')}`, 90_000)
}
