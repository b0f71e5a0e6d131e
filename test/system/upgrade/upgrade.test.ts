import { verify } from '../../../services/audit/verify/verify.ts'
import { type LedgerProcess, runLedger, startProcess, tokenLedger } from '../../support/ledger-process.ts'
import { user } from '../../ledger/given.ts'
import { createSeeds } from '../../support/ledger-seeds.ts'
import { putPlainUser } from '../../support/plain-users.ts'
import { databaseUrl, kafkaBrokers, realTest } from '../../support/real-parts.ts'
import { until } from '../../support/waiting.ts'
import { present, startLoad } from '../load.ts'
import { envOf, open } from '../system.ts'
import { releaseBefore } from './release.ts'

const test = realTest('postgres', 'kafka')

const isReady = ({ url, adminUrl }: LedgerProcess) =>
  fetch(`${url || adminUrl}/health/ready`).then(
    ({ ok }) => ok,
    () => false,
  )

test('an installed ledger of layout 1 follows to layout 2 under load, a projector killed meanwhile', async (t) => {
  t.timeout(180_000)
  const before = await releaseBefore(t)
  const env = envOf({ databaseUrl: await databaseUrl(t), brokers: kafkaBrokers() })
  await runLedger(before, env, 'migrate')
  const start = (service: 'token-endpoint' | 'projector', program = before) =>
    startProcess(t, { services: [service], env, program })
  const [oldProjector, killed, oldEndpoint] = await Promise.all([
    start('projector'),
    start('projector'),
    start('token-endpoint'),
  ])
  await until(() => isReady(oldEndpoint), 'the release of before to be ready')
  const { runtime } = await open(t, env, 'ledger_v1')
  const seeds = createSeeds(runtime)
  const as = await seeds.client()
  const { sub } = user()
  await putPlainUser(runtime, user())
  const pairs = await Promise.all(Array.from({ length: 10 }, () => seeds.grant({ to: as, sub })))
  let urls = [oldEndpoint.url]
  const load = startLoad({ as, urls: () => urls, pairs })
  await until(() => load.count(200) > 50, 'refreshes by the release of before')

  const told = await t.throwsAsync(tokenLedger(env, 'serve', 'token-endpoint'))
  t.regex(told.message, /the database was not migrated for this release: run "\S+ migrate" first/)
  await tokenLedger(env, 'migrate')
  const missing = await t.throwsAsync(tokenLedger(env, 'serve', 'token-endpoint'))
  t.regex(missing.message, /reads layout 2 .* there is ledger_v1 of layout 1: "\S+ projection rebuild" builds it/)
  const rebuilding = tokenLedger(env, 'projection', 'rebuild')
  const killedAt = performance.now()
  await killed.kill()
  t.regex(await rebuilding, /^ledger_v2 is built; processes of this release read it/)

  const [newProjector, newEndpoint] = await Promise.all(
    (['projector', 'token-endpoint'] as const).map((service) => startProcess(t, { services: [service], env })),
  )
  if (!newProjector || !newEndpoint) return t.fail()
  await until(() => isReady(newEndpoint), 'this release to be ready')
  // Only then the log has noticed, and gives its partitions to the other.
  await until(() => load.count(503, killedAt) > 0, 'the loss of a projector to be felt')
  const felt = performance.now()
  // An endpoint is ready while its lag is small: that each partition is folded again, only the clients know.
  await until(() => load.servesAll(felt), 'the projector that is left to take over')
  urls = [oldEndpoint.url, newEndpoint.url]
  const both = performance.now()
  await until(() => load.count(200, both) > 100, 'refreshes by both releases')
  urls = [newEndpoint.url]
  await until(() => load.count(200, performance.now() - 1_000) > 10, 'refreshes by this release')
  t.is(await oldEndpoint.kill('SIGTERM'), 0)
  await load.stop()
  const answers = load.clients.flatMap(({ seen }) => seen)
  const refused = answers.filter(({ status, at }) => status < 1 || (status === 503 && at >= both))
  t.deepEqual(refused, [], 'nobody was refused while the releases changed over')
  const statuses = new Set(answers.map(({ status }) => status))
  t.deepEqual(
    [...statuses].filter((status) => status !== 200 && status !== 503),
    [],
    'no refresh was lost',
  )
  for (const client of load.clients) t.is((await present(client, as, newEndpoint.url)).status, 200)

  await t.throwsAsync(tokenLedger(env, 'projection', 'drop', 'ledger_v1'), {
    message: /ledger_v1 is kept up by a process of a release before/,
  })
  t.regex(await runLedger(before, env, 'projection', 'verify'), /^equal/)
  t.deepEqual((await verify({ ...runtime, schema: 'ledger_v2' })).difference, null)
  t.is(await oldProjector.kill('SIGTERM'), 0)
  const dropped = () =>
    tokenLedger(env, 'projection', 'drop', 'ledger_v1').then(
      () => true,
      () => false,
    )
  await until(dropped, 'ledger_v1 to be dropped')
  for (const client of load.clients) t.is((await present(client, as, newEndpoint.url)).status, 200)
})
