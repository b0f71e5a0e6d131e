import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { freePorts, hasProgram } from './commands.ts'
import { until } from './waiting.ts'

// Debian puts it where only root looks.
const SBIN = '/usr/sbin/pgbouncer'
const PROGRAM = existsSync(SBIN) ? SBIN : 'pgbouncer'

/** Whether this machine has PgBouncer (Debian: pgbouncer). */
export function hasPgbouncer(): boolean {
  return existsSync(SBIN) || hasProgram('pgbouncer')
}

/** Starts PgBouncer before the server of this URL: transaction mode, three sessions for everybody. Gives its URL. */
export async function startPgbouncer(
  t: { teardown: (end: () => Promise<void>) => void },
  url: string,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'pgbouncer-'))
  await chmod(folder, 0o755)
  const behind = new URL(url)
  const port = await freePorts(1)
  await writeFile(join(folder, 'users'), `"${behind.username}" ""\n`)
  const file = join(folder, 'ini')
  const database = `${behind.pathname.slice(1)} = host=${behind.hostname} port=${behind.port}`
  await writeFile(file, `[databases]\n${database}\n[pgbouncer]\n${settings(folder, port).join('\n')}\n`)
  const asOther = process.getuid?.() === 0 ? ['-u', 'postgres'] : []
  const child = spawn(PROGRAM, ['-q', ...asOther, file], { stdio: 'ignore' })
  const ended = once(child, 'exit')
  t.teardown(async () => {
    child.kill('SIGINT')
    await ended
    await rm(folder, { recursive: true })
  })
  const own = new URL(url)
  own.hostname = '127.0.0.1'
  own.port = String(port)
  await until(() => answers(own.href), 'PgBouncer')
  return own.href
}

function settings(folder: string, port: number): string[] {
  return [
    'listen_addr = 127.0.0.1',
    `listen_port = ${port}`,
    'unix_socket_dir =',
    'auth_type = trust',
    `auth_file = ${folder}/users`,
    'pool_mode = transaction',
    'default_pool_size = 3',
    'server_reset_query_always = 0',
  ]
}

async function answers(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString })
  try {
    await client.connect()
    await client.query('SELECT 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => undefined)
  }
}
