import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { freePorts } from './commands.ts'
import { type Env, ROOT } from './ledger-process.ts'

/** Settings of a dev server on a folder and ports of its own, where a slow machine is no outage. */
export async function devSettings(t: Pick<ExecutionContext, 'teardown'>): Promise<Env> {
  const LEDGER_DATA_DIR = await mkdtemp(join(tmpdir(), 'token-ledger-dev-'))
  t.teardown(() => rm(LEDGER_DATA_DIR, { recursive: true, force: true }))
  const port = await freePorts(2)
  return {
    LEDGER_DATA_DIR,
    LEDGER_SERVE_PUBLIC_PORT: String(port),
    LEDGER_SERVE_ADMIN_PORT: String(port + 1),
    LEDGER_APPEND_TIMEOUT: '20',
    LEDGER_REFRESH_GRACE_PUBLIC: '22',
    LEDGER_MAX_LAG: '60',
  }
}

/** The titles and command lines of a printed tour, in order. */
export function tourIn(printed: string): { title: string; line: string }[] {
  return [...printed.matchAll(/^# \d\. (.+)\n(.+)$/gm)].map(([, title = '', line = '']) => ({ title, line }))
}

/** The line as it is where `npm ci` built these sources; run from the sources where they were edited since then. */
export async function runnable(line: string): Promise<string> {
  return (await isBuilt()) ? line : line.replaceAll('bin/token-ledger', 'node --import tsx services/cli/main.ts')
}

async function isBuilt(): Promise<boolean> {
  const built = await stat(join(ROOT, 'dist/services/cli/main.js')).catch(() => null)
  const folders = ['services', 'shared'].map((name) => join(ROOT, name))
  const sources = (await Promise.all(folders.map((path) => readdir(path, { recursive: true, withFileTypes: true }))))
    .flat()
    .filter((entry) => entry.isFile())
  const changed = await Promise.all(
    sources.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).mtimeMs),
  )
  return built !== null && built.mtimeMs >= Math.max(...changed)
}
