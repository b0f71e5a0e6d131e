import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { blocks } from '../docs/documents.ts'
import { paste } from '../docs/paste.ts'
import { commandLine, type Ended } from '../support/command-line.ts'
import { run } from '../support/commands.ts'
import type { Env } from '../support/ledger-process.ts'
import { binaries } from '../support/start-postgres.ts'
import { until } from '../support/waiting.ts'

type Given = { folder: string; databaseUrl: string; asPostgres?: boolean }

const isRoot = process.getuid?.() === 0

/**
 * Runs lines of docs/backup.md as they stand there, but for the name of the database and the folder /backup.
 * `asPostgres`: as the user that owns the server's files.
 */
export function guide(t: ExecutionContext, { folder, databaseUrl, asPostgres = false }: Given) {
  const { hostname, port, username, pathname } = new URL(databaseUrl)
  const database = pathname.slice(1)
  const env = {
    PATH: `${binaries() ?? ''}:${process.env['PATH'] ?? ''}`,
    ...{ PGHOST: hostname, PGPORT: port, PGUSER: username },
  }
  const here = (line: string) =>
    line
      .replace(/(pg_dump .* )ledger$/, `$1${database}`)
      .replace('--dbname=ledger', `--dbname=${database}`)
      .replaceAll('/backup', folder)
  return async (lines: string[]): Promise<void> => {
    if (asPostgres && isRoot) {
      const as = ['-u', 'postgres', '--', 'bash', '-c']
      for (const line of lines.map(here)) await run({ file: 'runuser', args: [...as, line], env, cwd: folder })
      return
    }
    const pasted = await paste('bash', lines.map(here), { cwd: folder, env })
    for (const { line, code, out } of pasted) t.is(code, 0, `${line}: ${out}`)
  }
}

/** Gives a folder to the user whom a test's PostgreSQL runs as. */
export async function ownedByPostgres(folder: string): Promise<void> {
  if (isRoot) await run({ file: 'chown', args: ['-R', 'postgres:', folder] })
}

/** The one block of docs/backup.md that has this text. */
export function blockWith(text: string, language = 'sh'): string[] {
  const found = blocks(language).filter(
    ({ path, lines }) => path === 'docs/backup.md' && lines.join('\n').includes(text),
  )
  if (found.length !== 1) throw new Error(`docs/backup.md has ${found.length} blocks with ${text}`)
  return found[0]?.lines ?? []
}

export async function emptyFolder(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'token-ledger-restore-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  return folder
}

/** Puts a copy of a folder in its place. */
export async function putBack(copy: string, folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  await cp(copy, folder, { recursive: true, preserveTimestamps: true })
}

/** Runs the command that a sentence ends with, until it succeeds: a projector may have run just now. */
export async function runTold(t: ExecutionContext, env: Env, told: string, command: RegExp): Promise<void> {
  const [, words] = command.exec(told) ?? []
  if (words === undefined) return t.fail(`it tells no command: ${told}`)
  let ended: Ended = { code: null, out: '', err: '' }
  const succeeds = async () => (ended = await commandLine(env, ...words.split(' '))).code === 0
  await until(succeeds, `${words}`, 60_000).catch(() => t.fail(`${ended.out}${ended.err}`))
}

/** The end of every restore: all is projected, and it is what the log says. */
export async function assertVerified(t: ExecutionContext, env: Env): Promise<void> {
  let status: Ended = { code: null, out: '', err: '' }
  const isHealthy = async () => (status = await commandLine(env, 'projection', 'status')).code === 0
  await until(isHealthy, 'a healthy read model', 60_000).catch(() => t.fail(`${status.out}${status.err}`))
  const verified = await commandLine(env, ...(blockWith('projection verify')[0] ?? '').split(' ').slice(1))
  t.is(verified.code, 0, `${verified.out}${verified.err}`)
  t.regex(verified.out, /^equal: /)
}
