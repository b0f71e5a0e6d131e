import { join } from 'node:path'
import { cp } from 'node:fs/promises'
import { commandLine } from '../support/command-line.ts'
import { databaseUrl, onServer, realTest } from '../support/real-parts.ts'
import { createRequests } from '../support/requests.ts'
import { refresh } from '../support/refreshing.ts'
import { startKafka } from '../support/start-kafka.ts'
import { until } from '../support/waiting.ts'
import { startSystem, type System } from '../system/system.ts'
import { assertVerified, blockWith, emptyFolder, guide, putBack, runTold } from './guide.ts'

const test = realTest('kafka', 'postgres')

test('traps-running 33: log older or newer than the read model, or schema ledger lost, is named at the start and mended by the command that is told', async (t) => {
  t.timeout(300_000)
  const [kafka, url, folder] = [await startKafka(), await databaseUrl(t), await emptyFolder(t)]
  t.teardown(() => kafka.stop())
  const system = await startSystem(t, { databaseUrl: url, brokers: kafka.brokers, endpoints: 1 })
  const { env } = system
  const run = guide(t, { folder, databaseUrl: url })
  const data = kafka.dataOf(1)

  const { app, refresh_token } = await live(system)
  await run(blockWith('pg_dump'))
  await stopAll(system)
  await kafka.kill(1)
  await cp(data, join(folder, 'log'), { recursive: true, preserveTimestamps: true })
  await kafka.restart()
  await startAll(system)
  await live(system)
  await stopAll(system)

  // The log is newer than the read model.
  await run(blockWith('pg_restore'))
  const migrated = await commandLine(env, 'migrate')
  t.is(migrated.code, 0, migrated.err)
  const newer = await commandLine(env, 'projection', 'status')
  t.is(newer.code, 1)
  t.regex(newer.out, /^The read model is \d+ records behind the log, .*: \S+ serve projector$/m)
  const behind = await system.start('projector')
  t.regex(told(behind), /The read model is \d+ records behind the log/)
  await assertVerified(t, env)
  await behind.kill('SIGTERM')

  // It is older.
  await kafka.kill(1)
  await putBack(join(folder, 'log'), data)
  await kafka.restart()
  const ahead = await system.start('projector')
  t.regex(told(ahead), /The log is not the one that was folded/)
  const isDiverged = async () => /diverged/.test((await commandLine(env, 'projection', 'status', '--wide')).out)
  await until(isDiverged, 'diverged partitions', 60_000)
  const ready = (await (await fetch(`${ahead.adminUrl}/health/ready`)).json()) as { problems: string[] }
  t.regex(ready.problems.join('\n'), /is diverged: the log ends at \d+, \d+ was folded/)
  const older = await commandLine(env, 'projection', 'status')
  t.is(older.code, 1)
  t.regex(older.out, /^The log is not the one that was folded \(\S+: the log ends at /m)
  await runTold(t, env, older.out, /: \S+ (projection rebuild), then/)
  await runTold(t, env, older.out, /, then \S+ (projection switch)$/m)
  await assertVerified(t, env)
  await ahead.kill('SIGTERM')

  // Schema ledger is lost.
  await onServer('DROP SCHEMA ledger CASCADE', url)
  const lost = await commandLine(env, 'serve', 'projector')
  t.is(lost.code, 1)
  t.regex(lost.err, /schema "ledger" of this database is lost, its read model is there/)
  await runTold(t, env, lost.err, /run "\S+ (migrate)" first/)
  await startAll(system)
  t.is((await refresh(createRequests(system.endpoints[0]?.url ?? ''), app, refresh_token)).status, 200)
  await assertVerified(t, env)
})

/** Grants of a new client, each refreshed; answers one of the refresh tokens that are good then. */
async function live(system: System) {
  const requests = createRequests(system.endpoints[0]?.url ?? '')
  const app = await system.client()
  const pairs = await system.grants(app, 8)
  const answers = await Promise.all(pairs.map(({ refresh_token }) => refresh(requests, app, refresh_token)))
  for (const { status } of answers) if (status !== 200) throw new Error(`a refresh answered ${status}`)
  return { app, refresh_token: answers[0]?.body['refresh_token'] }
}

async function stopAll({ endpoints, projectors }: System): Promise<void> {
  await Promise.all([...endpoints, ...projectors].map((process) => process.kill('SIGTERM')))
}

async function startAll(system: System): Promise<void> {
  system.projectors.splice(0, 1, await system.start('projector'))
  system.endpoints.splice(0, 1, await system.start('token-endpoint'))
  await system.ready()
}

function told({ logs }: Awaited<ReturnType<System['start']>>): string {
  return logs.map(({ msg }) => String(msg)).join('\n')
}
