import { verify } from '../../../services/audit/verify/verify.ts'
import type { ReadModelList } from '../../../services/admin/projection/read-models.ts'
import { tokenLedger } from '../../support/ledger-process.ts'
import { databaseUrl, kafkaBrokers, realTest } from '../../support/real-parts.ts'
import { until } from '../../support/waiting.ts'
import { assertNobodyWasHurt } from '../aftermath.ts'
import { startLoad } from '../load.ts'
import { startSystem, type System } from '../system.ts'

const test = realTest('postgres', 'kafka')

const SECOND = 'ledger_v2_2'

const listOf = async ({ env }: System) =>
  JSON.parse(await tokenLedger(env, 'projection', 'list', '--format', 'json')) as ReadModelList

const differenceIn = async ({ runtime }: System, schema: string) => (await verify({ ...runtime, schema })).difference

test('traps-running 26: a rebuild beside two live projectors, one of them killed, shares nothing with them; a switch refuses nobody', async (t) => {
  t.timeout(180_000)
  const ledger = await startSystem(t, { databaseUrl: await databaseUrl(t), brokers: kafkaBrokers(), projectors: 2 })
  const as = await ledger.client()
  const pairs = await ledger.grants(as, 12)
  const load = startLoad({ as, urls: () => ledger.endpoints.map(({ url }) => url), pairs })
  const { env } = ledger

  const rebuilding = tokenLedger(env, 'projection', 'rebuild', '--format', 'json')
  const isRegistered = async () => (await listOf(ledger)).read_models.some(({ schema_name }) => schema_name === SECOND)
  await until(isRegistered, 'the second read model on the list')
  const [killed] = ledger.projectors
  if (killed) {
    await killed.kill()
    await ledger.replace(ledger.projectors, killed)
  }
  t.deepEqual(JSON.parse(await rebuilding), { read_model: SECOND, chosen: false })
  await t.throwsAsync(tokenLedger(env, 'projection', 'drop', 'ledger_v2'), { message: /ledger_v2 is in use by / })

  await ledger.ready()
  const second = { ...env, LEDGER_READ_MODEL: SECOND }
  const isUpToDate = () =>
    tokenLedger(second, 'projection', 'status').then(
      () => true,
      () => false,
    )
  await until(isUpToDate, 'a second read model that is kept up')
  const kept = performance.now()
  await until(() => load.servesAll(kept), 'every client to be served, whichever projector was killed')
  const begun = performance.now()
  const switched = await tokenLedger(env, 'projection', 'switch', '--format', 'json')
  t.deepEqual(JSON.parse(switched), { read_model: SECOND, behind: [] })
  const moved = (await listOf(ledger)).processes
  t.deepEqual(
    moved.map(({ reads }) => reads),
    moved.map(() => SECOND),
  )
  const after = performance.now()
  await until(() => load.count(200, after) > 100, 'refreshes from the other read model')
  t.is(load.count(503, begun), 0, 'nobody was refused at the switch')
  await assertNobodyWasHurt(t, { ledger, load }, { as })
  t.deepEqual([await differenceIn(ledger, 'ledger_v2'), await differenceIn(ledger, SECOND)], [null, null])

  t.is(await tokenLedger(env, 'projection', 'drop', 'ledger_v2'), 'ledger_v2 is dropped')
  t.deepEqual(
    (await listOf(ledger)).read_models.map(({ schema_name }) => schema_name),
    [SECOND],
  )
  await ledger.ready()
  const [first] = ledger.endpoints
  const late = await fetch(`${first?.url ?? ''}/health/ready`)
  t.is(late.status, 200)
})
