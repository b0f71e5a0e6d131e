import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { arrival } from './waiting.ts'

const MAIN = join(import.meta.dirname, '../../services/cli/main.ts')

export type Ended = { code: number | null; out: string; err: string }

/** Runs the real command line to its end, however it ends, with nothing of our own environment in its settings. */
export function commandLine(env: Record<string, string>, ...args: string[]): Promise<Ended> {
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('LEDGER_')))
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const ended: Ended = { code: null, out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (ended.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (ended.err += chunk.toString()))
  const closed = new Promise<Ended>((resolve) => child.once('close', (code) => resolve({ ...ended, code })))
  return arrival(closed, `the end of token-ledger ${args.join(' ')}`, 90_000)
}
