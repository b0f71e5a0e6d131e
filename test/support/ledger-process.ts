import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { ExecutionContext } from 'ava'
import type { ServiceName } from '../../services/cli/compose/service-names.ts'
import { endWithUs, run } from './commands.ts'
import { keepLog, seededSettings } from './kept-logs.ts'
import { PROGRAM, type Program } from './program.ts'
import { arrival } from './waiting.ts'

export const ROOT = join(import.meta.dirname, '../..')
const START_MS = 60_000

export type Env = Record<string, string>

/** One running `token-ledger serve …`, a process like in production. */
export type LedgerProcess = {
  /** Of its public port; '' when it has none. */
  url: string
  /** Of its admin port; '' when it has none. */
  adminUrl: string
  pid: number
  /** The JSON lines of its log. */
  logs: Record<string, unknown>[]
  /** What it printed on stdout. */
  printed: () => string
  /** SIGSTOP freezes it, SIGCONT wakes it up; connections stay open. */
  signal: (name: NodeJS.Signals) => void
  /** SIGKILL unless told otherwise; resolves with the exit code once it is gone. */
  kill: (name?: NodeJS.Signals) => Promise<number | null>
  /** Resolves when it ends by itself, with its exit code and the lines of stderr that are no log. */
  ended: Promise<{ code: number | null; told: string }>
}

/** Only our own settings reach a process: LEDGER_ variables of whoever runs the tests do not. */
export function cleanEnv(env: Env): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('LEDGER_'))
  return { ...Object.fromEntries(inherited), NODE_ENV: 'production', ...env }
}

/** Runs one command of the command line to its end; rejects with its stderr when it fails. */
export function tokenLedger(env: Env, ...args: string[]): Promise<string> {
  return runLedger(PROGRAM, env, ...args)
}

/** The same with the program of this release. */
export function runLedger(program: Program, env: Env, ...args: string[]): Promise<string> {
  const names = Object.keys(process.env).filter((name) => name.startsWith('LEDGER_'))
  const blank = Object.fromEntries(names.map((name) => [name, '']))
  seededSettings(env)
  return run({
    file: process.execPath,
    args: [...program, ...args],
    env: { ...blank, NODE_ENV: 'production', ...env },
    cwd: ROOT,
    toldOnStderr: keepLog(`token-ledger ${args.slice(0, 2).join(' ')}`),
  })
}

/** Starts services in a process of their own and resolves once they serve. It is killed when the test ends. */
export async function startProcess(
  t: Pick<ExecutionContext, 'teardown'>,
  { services, env, program = PROGRAM }: { services: readonly (ServiceName | 'all')[]; env: Env; program?: Program },
): Promise<LedgerProcess> {
  const child = spawn(process.execPath, [...program, 'serve', ...services], {
    cwd: ROOT,
    env: cleanEnv(env),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  seededSettings(env)
  child.stderr.on('data', keepLog(`serve ${services.join(' ')} ${child.pid}`))
  const kill = killer(child)
  t.teardown(() => kill())
  const { logs, printed, serving, ended } = listenTo(child)
  const { public_url, admin_url } = await serving
  const urlOf = (value: unknown) => (typeof value === 'string' ? value : '')
  return {
    url: urlOf(public_url),
    adminUrl: urlOf(admin_url),
    pid: child.pid ?? 0,
    logs,
    printed,
    signal: (name) => void child.kill(name),
    kill,
    ended,
  }
}

function killer(child: ChildProcess) {
  endWithUs(child)
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return async (name: NodeJS.Signals = 'SIGKILL'): Promise<number | null> => {
    child.kill(name)
    await arrival(exited, `the end of process ${child.pid} by ${name}`)
    return child.exitCode
  }
}

/**
 * Reads both outputs as they come. `serving` is the line that it logs when its ports are open; rejects if it ends or is
 * late.
 */
function listenTo(child: ChildProcess) {
  const logs: Record<string, unknown>[] = []
  const other: string[] = []
  let out = ''
  child.stdout?.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const serving = new Promise<Record<string, unknown>>((resolve, reject) => {
    if (child.stderr)
      createInterface({ input: child.stderr }).on('line', (line) => {
        const entry = entryOf(line)
        if (entry) logs.push(entry)
        else other.push(line)
        if (entry?.['msg'] === 'serving') resolve(entry)
      })
    void once(child, 'close').then(([code]) => {
      const told = [...other, ...logs.map((entry) => JSON.stringify(entry))].slice(-10).join('\n')
      reject(new Error(`it ended with ${String(code)}: ${told}`))
    })
  })
  const ended = new Promise<{ code: number | null; told: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, told: other.join('\n') })),
  )
  return { logs, printed: () => out, serving: arrival(serving, 'a process that serves', START_MS), ended }
}

function entryOf(line: string): Record<string, unknown> | null {
  if (!line.startsWith('{')) return null
  const value: unknown = JSON.parse(line)
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : null
}
