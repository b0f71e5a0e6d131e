import { existsSync, readdirSync } from 'node:fs'
import { chmod, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { freePorts, hasProgram, run } from './commands.ts'
import { scratchFolder } from './scratch.ts'
import { until } from './waiting.ts'

const DEBIAN = '/usr/lib/postgresql'
const isRoot = process.getuid?.() === 0

/** A real PostgreSQL of its own, as throw-away cluster. */
export type PostgresServer = {
  url: string
  /** SIGKILL of the whole server, as in a crash. */
  kill(): Promise<void>
  /** Starts it again with its data. */
  restart(): Promise<void>
  /** SIGSTOP of the server and all its sessions: the connections stay open and nobody answers. */
  pause(): Promise<void>
  resume(): Promise<void>
  /** Ends the server and removes its data. */
  stop(): Promise<void>
}

/** Why no PostgreSQL can be started on this machine, or undefined. */
export function missingForPostgres(): string | undefined {
  if (!binaries()) return `initdb and pg_ctl not found in ${DEBIAN}/*/bin or on the PATH (Debian: postgresql)`
  const missing = ['ps', ...(isRoot ? ['runuser', 'chown'] : [])].filter((program) => !hasProgram(program))
  return missing.length ? `${missing.join(', ')} not found` : undefined
}

/**
 * Starts a PostgreSQL in a folder and on a port of its own: 1 to 2 s. Superuser `postgres`, no password, loopback only.
 */
export async function startPostgres(): Promise<PostgresServer> {
  const folder = await scratchFolder('postgres')
  await chmod(folder, 0o755)
  if (isRoot) await run({ file: 'chown', args: ['postgres:', folder] })
  const port = await freePorts(1)
  const server: PostgresServer = {
    url: `postgres://postgres@127.0.0.1:${port}/postgres`,
    kill: () => kill(folder),
    restart: () => start(folder, port),
    pause: () => signal(folder, 'SIGSTOP'),
    resume: () => signal(folder, 'SIGCONT'),
    stop: () => removePostgres(folder),
  }
  try {
    await asOwner('initdb', [
      '-D',
      `${folder}/data`,
      '-A',
      'trust',
      '-U',
      'postgres',
      '-E',
      'UTF8',
      '--locale=C.UTF-8',
      '--no-sync',
    ])
    await start(folder, port)
  } catch (error) {
    await server.stop()
    throw error
  }
  return server
}

/** Ends the server whose data lies in the folder, then removes it. */
export async function removePostgres(folder: string): Promise<void> {
  if (existsSync(`${folder}/data/postmaster.pid`)) {
    await signal(folder, 'SIGCONT')
    await asOwner('pg_ctl', ['-D', `${folder}/data`, '-m', 'immediate', '-w', 'stop']).catch(() => '')
  }
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

// fsync off: a killed server loses nothing by it (the kernel keeps what was written), only a power cut would.
async function start(folder: string, port: number): Promise<void> {
  const options = `-p ${port} -h 127.0.0.1 -k ${folder} -F -c max_connections=300`
  await asOwner('pg_ctl', ['-D', `${folder}/data`, '-l', `${folder}/log`, '-w', '-o', options, 'start'])
}

async function signal(folder: string, name: NodeJS.Signals): Promise<void> {
  for (const pid of await processesOf(folder)) sendIfAlive(pid, name)
}

// The postmaster first: it would answer the death of a session by ending all others and starting afresh.
async function processesOf(folder: string): Promise<number[]> {
  const file = await readFile(`${folder}/data/postmaster.pid`, 'utf8').catch(() => '')
  const postmaster = Number(file.split('\n')[0])
  if (!postmaster) return []
  const sessions = await run({ file: 'ps', args: ['-o', 'pid=', '--ppid', String(postmaster)] }).catch(() => '')
  return [postmaster, ...sessions.split('\n').map(Number)].filter((pid) => pid > 0)
}

// Until every process is gone, the next start would find the shared memory in use. What nobody has reaped yet counts as
// gone, and its lock files, which name a process that still has a number, are removed.
async function kill(folder: string): Promise<void> {
  const pids = await processesOf(folder)
  if (pids.length === 0) return
  for (const pid of pids) sendIfAlive(pid, 'SIGKILL')
  const states = () => run({ file: 'ps', args: ['-o', 'stat=', '-p', pids.join(',')] }).catch(() => '')
  await until(async () => !/^[^Z]/m.test(await states()), 'the end of PostgreSQL')
  const sockets = readdirSync(folder).filter((name) => name.startsWith('.s.PGSQL'))
  for (const lock of ['data/postmaster.pid', ...sockets]) await rm(join(folder, lock), { force: true })
}

function sendIfAlive(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It ended by itself in the meantime.
  }
}

// PostgreSQL refuses root, and its user may not be allowed to read the current folder.
async function asOwner(program: string, args: string[]): Promise<void> {
  const file = join(binaries() ?? '', program)
  await (isRoot
    ? run({ file: 'runuser', args: ['-u', 'postgres', '--', file, ...args], cwd: '/' })
    : run({ file, args, cwd: '/' }))
}

/** Where the programs of PostgreSQL are; an empty text = on the PATH. */
export function binaries(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : []
  const debian = versions
    .map((version) => join(DEBIAN, version, 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')))
  return debian ?? (hasProgram('initdb') && hasProgram('pg_ctl') ? '' : undefined)
}
