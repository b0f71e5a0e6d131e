import { execFileSync } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'

export const PARTS = ['endpoint', 'projector', 'kafka', 'postgres'] as const
export type Part = (typeof PARTS)[number]
export type Pids = Record<Part, number[]>
export type CpuSeconds = Record<Part, number>

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }))

/** CPU seconds (user and system) of each part so far, or since `before`. Reads /proc, so Linux only. */
export async function cpuSeconds(pids: Pids, before?: CpuSeconds): Promise<CpuSeconds> {
  const spent = await Promise.all(PARTS.map(async (part) => (await sum(pids[part])) - (before?.[part] ?? 0)))
  return Object.fromEntries(PARTS.map((part, i) => [part, spent[i] ?? 0])) as CpuSeconds
}

/** The processes of a throw-away Kafka and PostgreSQL, found by the ports that they listen on. */
export async function pidsOf(brokers: string[], databaseUrl: string): Promise<Pick<Pids, 'kafka' | 'postgres'>> {
  const commands = await commandLines()
  const brokerPort = brokers[0]?.split(':')[1] ?? ''
  const folder = await kafkaFolder(commands, brokerPort)
  const port = new URL(databaseUrl).port
  const kafka = commands.filter(({ line }) => folder !== null && line.includes(folder)).map(({ pid }) => pid)
  const postmaster = commands.find(({ line }) => line.includes('postgres') && line.includes(`-p ${port}`))
  const children = postmaster ? commands.filter(({ parent }) => parent === postmaster.pid) : []
  return { kafka, postgres: [postmaster, ...children].flatMap((one) => (one ? [one.pid] : [])) }
}

/** CPU seconds so far of a process, or of every session of a database, those that are still open. */
export async function cpuOf(what: { pid: number } | { databaseUrl: string }): Promise<Map<number, number>> {
  const pids = 'pid' in what ? [what.pid] : await sessionsOf(what.databaseUrl)
  return new Map(await Promise.all(pids.map(async (pid) => [pid, await sum([pid])] as const)))
}

/** CPU seconds between two answers of `cpuOf`. */
export function cpuBetween(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  return [...after].reduce((total, [pid, seconds]) => total + seconds - (before.get(pid) ?? 0), 0)
}

async function sessionsOf(databaseUrl: string): Promise<number[]> {
  const { port, pathname } = new URL(databaseUrl)
  const commands = await commandLines()
  const postmaster = commands.find(({ line }) => line.includes('postgres') && line.includes(`-p ${port}`))
  // "postgres: ROLE DATABASE HOST(PORT) STATE"
  const isOwn = ({ line }: Process) => line.includes(` ${pathname.slice(1)} 127.0.0.1(`)
  return commands.filter((one) => one.parent === postmaster?.pid && isOwn(one)).map(({ pid }) => pid)
}

type Process = { pid: number; parent: number; line: string }

async function kafkaFolder(commands: Process[], port: string): Promise<string | null> {
  for (const { line } of commands) {
    const file = /(\S+)\/node-\d+\/server\.properties/.exec(line)
    if (!file?.[1]) continue
    const properties = await readFile(file[0], 'utf8').catch(() => '')
    if (properties.includes(`:${port}`)) return file[1]
  }
  return null
}

async function commandLines(): Promise<Process[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const found = await Promise.all(
    ids.map(async (pid) => {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
      return { pid, parent: Number(afterName(stat)[1]), line: line.replaceAll('\0', ' ') }
    }),
  )
  return found.filter(({ line }) => line !== '')
}

async function sum(pids: number[]): Promise<number> {
  const ticks = await Promise.all(
    pids.map(async (pid) => {
      const fields = afterName(await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''))
      return Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
    }),
  )
  return ticks.reduce((total, one) => total + one, 0) / TICKS_PER_SECOND
}

// The name, in parentheses, may hold spaces.
function afterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}
