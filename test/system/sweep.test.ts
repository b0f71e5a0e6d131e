import { verify } from '../../services/audit/verify/verify.ts'
import { placeOf } from '../../shared/event-log/places.ts'
import type { LogRecord } from '../../shared/event-log/event-log.ts'
import { loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import { kafkaBrokers, realTest } from '../support/real-parts.ts'
import { createRequests } from '../support/requests.ts'
import { shiftableDatabase } from '../support/shift-clock.ts'
import { until } from '../support/waiting.ts'
import { startSystem, type System } from './system.ts'

const test = realTest('kafka', 'postgres')

const TWO_HOURS_S = 7_200
const GRANTS = 1_200

test('what one projector began to sweep when it was killed another ends, whatever comes late; the read model stays what the log says', async (t) => {
  const database = await shiftableDatabase(t)
  const settings = { LEDGER_SWEEP_INTERVAL: '1' }
  const system = await startSystem(t, {
    databaseUrl: database.url,
    brokers: kafkaBrokers(),
    projectors: 2,
    endpoints: 1,
    settings,
  })
  const { runtime, projectors } = system
  const app = await system.client({
    access_token_lifetime: 60,
    refresh_token_lifetime: 120,
    refresh_token_absolute_lifetime: 120,
  })
  const lasting = await system.client({
    access_token_lifetime: null,
    refresh_token_lifetime: null,
    refresh_token_absolute_lifetime: null,
  })
  const pairs = await system.grants(app, GRANTS)
  const kept = await system.grants(lasting, 20)
  const [refreshed, revoked] = [pairs.slice(0, 20), pairs.slice(20, 40)]
  const [endpoint] = system.endpoints
  if (!endpoint) return t.fail('there is no endpoint')
  const { post } = createRequests(endpoint.url)
  for (const { refresh_token } of refreshed)
    t.is((await post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, { as: app })).status, 200)
  for (const { refresh_token } of revoked)
    t.is((await post('/oauth2/revoke', { token: refresh_token }, { as: app })).status, 200)
  const later = await Promise.all([...refreshed, ...revoked].map(({ grant_id }) => lastRecord(system, grant_id)))

  await database.shiftTo(TWO_HOURS_S)
  await until(async () => (await count(system)) < GRANTS, 'the first batch')
  const [first] = projectors
  if (!first) return t.fail('there is no projector')
  await first.kill()
  t.true((await count(system)) > kept.length, 'it was killed on its way')
  // Copies that a broker may still hold, on grants that are gone or go now.
  for (const { grant_id, key, value } of later)
    await runtime.log.append({ ...placeOf(runtime.topics, grant_id), key: String(key), value: value.toString() })
  await system.replace(projectors, first)
  await until(async () => (await count(system)) === kept.length, 'the end of the sweep', 40_000)
  await until(async () => (await voids(system)) >= later.length, 'the copies')
  const report = await verify(runtime)
  t.true(report.equal, JSON.stringify(report.difference))
})

async function lastRecord({ runtime }: System, grant_id: string): Promise<LogRecord & { grant_id: string }> {
  const place = placeOf(runtime.topics, grant_id)
  const [bound] = (await runtime.log.bounds([place.topic])).filter(({ partition }) => partition === place.partition)
  let last: LogRecord | undefined
  for await (const { records } of runtime.log.read({ ...place, from: 0, to: bound?.end ?? 0 }))
    last = records.findLast(({ key }) => key?.toString() === grant_id) ?? last
  if (!last) throw new Error('the grant has no record')
  return { ...last, grant_id }
}

async function count({ runtime: { knex, schema } }: System): Promise<number> {
  const { rows } = await knex.raw<{ rows: { count: number }[] }>(`SELECT count(*)::int AS count FROM ${schema}.grants`)
  return rows[0]?.count ?? 0
}

async function voids({ runtime }: System): Promise<number> {
  const checkpoints = await loadCheckpoints(runtime, [runtime.topics.grants])
  return checkpoints.reduce((sum, { void_count }) => sum + void_count, 0)
}
