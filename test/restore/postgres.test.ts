import { cp, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import ava from 'ava'
import { commandLine } from '../support/command-line.ts'
import { type Env, startProcess } from '../support/ledger-process.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { databaseUrl, onServer, realTest } from '../support/real-parts.ts'
import type { Credentials } from '../support/requests.ts'
import { refresh } from '../support/refreshing.ts'
import { startPostgres } from '../support/start-postgres.ts'
import { until } from '../support/waiting.ts'
import { devSettings } from '../support/tour-lines.ts'
import { assertVerified, blockWith, emptyFolder, guide, ownedByPostgres, putBack, runTold } from './guide.ts'

const test = realTest('postgres')

/** Two grants, each refreshed; answers a refresh token that is good then. */
async function live(ledger: TestLedger, app: Credentials): Promise<string> {
  const pairs = [await ledger.grant({ to: app }), await ledger.grant({ to: app })]
  const answers = await Promise.all(pairs.map(({ refresh_token }) => refresh(ledger, app, refresh_token)))
  return String(answers[0]?.body['refresh_token'])
}

const envOf = ({ settings }: TestLedger) =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LEDGER_${name}`, String(value)]))

test('traps-running 33: a log in PostgreSQL that is lost with its schema is named, never replaced by a new one, and comes back from the dump', async (t) => {
  const [url, folder] = [await databaseUrl(t), await emptyFolder(t)]
  const ledger = await startLedger(t, { settings: { DATABASE_URL: url } })
  const paste = guide(t, { folder, databaseUrl: url })
  const env = envOf(ledger)
  const app = await ledger.client()
  await live(ledger, app)
  await paste(blockWith('pg_dump'))
  await live(ledger, app)
  await ledger.stop()
  await onServer('DROP SCHEMA ledger CASCADE', url)

  const lost = await commandLine(env, 'serve', 'all')
  t.is(lost.code, 1)
  t.regex(lost.err, /schema "ledger" of this database is lost.*: run "\S+ migrate" first/)
  const refused = await commandLine(env, 'migrate')
  t.is(refused.code, 1)
  t.regex(refused.err, /the log of this database is lost with schema "ledger"/)
  const [, command = ''] = /restore the database from its backup: (pg_restore .*)$/m.exec(refused.err) ?? []
  t.deepEqual([command], blockWith('pg_restore'))
  await paste([command])
  t.is((await commandLine(env, 'migrate')).code, 0)
  const restored = await startLedger(t, { beside: ledger })
  await assertVerified(t, env)
  await live(restored, app)
  await assertVerified(t, env)
})

test('traps-running 33: a log in PostgreSQL that is older than the read model is named, and the read model made anew from it', async (t) => {
  const [url, folder] = [await databaseUrl(t), await emptyFolder(t)]
  const ledger = await startLedger(t, { settings: { DATABASE_URL: url } })
  const paste = guide(t, { folder, databaseUrl: url })
  const env = envOf(ledger)
  const app = await ledger.client()
  await live(ledger, app)
  await paste(blockWith('pg_dump'))
  await live(ledger, app)
  await ledger.stop()
  await paste(blockWith('pg_restore').map((line) => line.replace('--dbname', '--schema=ledger --dbname')))

  const projector = await startProcess(t, { services: ['projector'], env: { ...env, LEDGER_SERVE_ADMIN_PORT: '0' } })
  t.regex(projector.logs.map(({ msg }) => String(msg)).join('\n'), /The log is not the one that was folded/)
  const status = await commandLine(env, 'projection', 'status')
  t.is(status.code, 1)
  await runTold(t, env, status.out, /: \S+ (projection rebuild), then/)
  await runTold(t, env, status.out, /, then \S+ (projection switch)$/m)
  await projector.kill('SIGTERM')
  await startLedger(t, { beside: ledger })
  await assertVerified(t, env)
})

test('a database that was restored to a point in time goes on with what was given out until then', async (t) => {
  t.timeout(300_000)
  const [server, folder] = [await startPostgres(), await emptyFolder(t)]
  t.teardown(() => server.stop())
  await mkdir(join(folder, 'wal'))
  await ownedByPostgres(folder)
  const archiving = blockWith('archive_mode', 'ini').map((line) => line.replaceAll('/backup', folder))
  for (const line of [...archiving, 'max_connections = 300'])
    await onServer(`ALTER SYSTEM SET ${line.replace(/= (\w+)$/, "= '$1'")}`, server.url)
  await server.kill()
  await server.restart()
  const ledger = await startLedger(t, { settings: { DATABASE_URL: server.url } })
  const app = await ledger.client()
  const paste = guide(t, { folder, databaseUrl: server.url, asPostgres: true })
  await live(ledger, app)
  await paste(blockWith('pg_basebackup'))
  const good = await live(ledger, app)
  const { rows } = await ledger.runtime.knex.raw<{ rows: [{ at: string }] }>('SELECT now()::text AS at')
  const gone = await live(ledger, app)
  await onServer('SELECT pg_switch_wal()', server.url)
  await until(async () => (await readdir(join(folder, 'wal'))).length >= 2, 'the archive of the last segment')
  await ledger.stop()
  await server.kill()

  t.teardown(() =>
    guide(t, { folder, databaseUrl: server.url, asPostgres: true })([
      'pg_ctl --pgdata=/backup/restored --mode=immediate stop',
    ]),
  )
  await paste(blockWith('pg_ctl').map((line) => line.replace(/2026-\S+ \S+(?=')/, rows[0].at)))
  await until(async () => !/standby/.test((await commandLine(envOf(ledger), 'migrate')).err), 'the end of recovery')
  const restored = await startLedger(t, { beside: ledger })
  await assertVerified(t, envOf(ledger))
  t.is((await refresh(restored, app, good)).status, 200)
  t.not((await refresh(restored, app, gone)).status, 200)
  await assertVerified(t, envOf(ledger))
})

ava('an embedded folder that was copied while stopped, and put back, goes on from there', async (t) => {
  t.timeout(300_000)
  const [env, folder] = [await devSettings(t), await emptyFolder(t)]
  const data = env['LEDGER_DATA_DIR'] ?? ''
  // Each start makes grants of its own.
  const start = () => startProcess(t, { services: ['all'], env })
  await (await start()).kill('SIGTERM')
  await cp(data, join(folder, 'copy'), { recursive: true, preserveTimestamps: true })
  const later = await start()
  const length = await lengthOf(env)
  await later.kill('SIGTERM')
  await putBack(join(folder, 'copy'), data)
  await start()
  await assertVerified(t, env)
  t.is(await lengthOf(env), length)
})

async function lengthOf(env: Env): Promise<number> {
  const { out } = await commandLine(env, 'projection', 'status', '--format', 'json')
  return (JSON.parse(out) as { end: number }[]).reduce((sum, { end }) => sum + end, 0)
}
