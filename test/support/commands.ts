import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'

type Command = {
  file: string
  args: string[]
  env?: Record<string, string>
  cwd?: string
  toldOnStderr?: (chunk: Buffer) => void
}

const running = new Set<ChildProcess>()
process.once('exit', () => running.forEach((child) => child.kill('SIGKILL')))

/** Ends a process at the latest when this one ends: where a test ends early nothing may be left behind. */
export function endWithUs(child: ChildProcess): void {
  running.add(child)
  child.once('exit', () => running.delete(child))
}

/** Runs a command to its end and answers what it printed on stdout. Rejects with its stderr when it exits non-zero. */
export function run({ file, args, env = {}, cwd, toldOnStderr }: Command): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
    endWithUs(child)
    let stdout = ''
    let stderr = ''
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    if (toldOnStderr) child.stderr.on('data', toldOnStderr)
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) resolve(stdout.trim())
      else
        reject(new Error(`${file} ${args.join(' ')} ended with ${code ?? signal}: ${stderr.trim() || stdout.trim()}`))
    })
  })
}

/** Whether a program of this name is on the PATH. */
export function hasProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => isExecutable(join(folder, name)))
}

/**
 * The first of `count` consecutive free TCP ports on 127.0.0.1, below the range that outgoing connections take theirs
 * from.
 */
export async function freePorts(count: number): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const first = 20_000 + Math.floor(Math.random() * 12_000)
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(first + index)))
    if (free.every(Boolean)) return first
  }
  throw new Error(`no ${count} consecutive free ports between 20000 and 32000`)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
