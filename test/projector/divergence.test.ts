import { verify } from '../../services/audit/verify/verify.ts'
import { runProjector } from '../../services/projector/main.ts'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import { partitionOf } from '../../shared/event-log/places.ts'
import { type Checkpoint, loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import { revoked } from '../ledger/given.ts'
import { realTest } from '../support/real-parts.ts'
import { ISSUER, startLedger, type TestLedger } from '../support/ledger.ts'
import { until } from '../support/waiting.ts'

const test = realTest('postgres')

async function checkpointOf({ runtime }: TestLedger, partition: number): Promise<Checkpoint> {
  const checkpoints = await loadCheckpoints(runtime, [runtime.topics.grants])
  const found = checkpoints[partition]
  if (!found) throw new Error(`there is no partition ${partition}`)
  return found
}

async function change({ runtime }: TestLedger, partition: number, what: string): Promise<void> {
  const where = [runtime.topics.grants, partition]
  await runtime.knex.raw(`UPDATE ${runtime.schema}.checkpoints SET ${what} WHERE topic = ? AND partition = ?`, where)
}

/** A ledger that follows its log, with a grant in the partition that is looked at. */
async function withGrant(t: Parameters<typeof startLedger>[0]) {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const refresh = () => ledger.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, { as: app })
  return { ledger, partition: partitionOf(grant_id), refresh, grant_id, client_id: app.client_id }
}

/** Resolves when a partition was marked fresh as of later than now. */
async function anotherRound({ runtime }: TestLedger, partition: number): Promise<void> {
  const { knex, waiter, topics } = runtime
  const { rows } = await knex.raw<{ rows: { now: number }[] }>('SELECT extract(epoch FROM now())::float8 * 1000 AS now')
  await waiter.freshAsOf({ topic: topics.grants, partition }, rows[0]?.now ?? Infinity, 40_000)
}

const GOES_BACK = [
  ['the log ends below what was folded', 'next = next + 5', /the log ends at 1, 6 was folded/],
  ['the log begins with another record', "first_hash = sha256('another')", /begins with another record .* made again/],
] as const

for (const [what, sql, told] of GOES_BACK) {
  test(`${what}: while it is followed its partition is left, with an alarm, and the others go on`, async (t) => {
    const { ledger, partition, refresh } = await withGrant(t)
    await change(ledger, partition, sql)
    await until(async () => (await checkpointOf(ledger, partition)).status === 'diverged', 'a diverged partition')
    t.regex((await checkpointOf(ledger, partition)).status_reason ?? '', told)
    t.is((await refresh()).status, 503)
    await anotherRound(ledger, (partition + 1) % 12)
    const alarms = ledger.lines.filter((line) => line['alarm'] === 'diverged')
    t.deepEqual(
      alarms.map((line) => [line['topic'], line['partition']]),
      [[ledger.runtime.topics.grants, partition]],
    )
    const all = await loadCheckpoints(ledger.runtime, Object.values(ledger.runtime.topics))
    t.is(all.filter(({ status }) => status === 'ok').length, 12)
  })

  test(`${what}: whoever joins does not begin there`, async (t) => {
    const { ledger, partition } = await withGrant(t)
    await ledger.stop()
    const waiting = await startLedger(t, { beside: ledger, services: ['token-endpoint'] })
    await change(waiting, partition, sql)
    const next = await startLedger(t, { beside: ledger, services: ['projector', 'token-endpoint'] })
    await until(async () => (await checkpointOf(next, partition)).status === 'diverged', 'a diverged partition')
    t.regex((await checkpointOf(next, partition)).status_reason ?? '', told)
  })
}

test('a ledger of a release that kept no first records learns them, and is verified before and after', async (t) => {
  const { ledger, partition, refresh } = await withGrant(t)
  const { first_hash } = await checkpointOf(ledger, partition)
  t.is(first_hash?.length, 32)
  await change(ledger, partition, 'first_hash = NULL')
  t.is((await verify(ledger.runtime)).difference, null)
  await until(async () => (await checkpointOf(ledger, partition)).first_hash !== null, 'a first record')
  t.deepEqual((await checkpointOf(ledger, partition)).first_hash, first_hash)
  t.is((await refresh()).status, 200)
  t.is((await verify(ledger.runtime)).difference, null)
  t.is((await checkpointOf(ledger, (partition + 1) % 12)).first_hash, null)
})

test('a grant whose rows contradict each other stops its partition at its next record, by name', async (t) => {
  const { ledger, partition, grant_id, client_id } = await withGrant(t)
  await ledger.stop()
  const waiting = await startLedger(t, { beside: ledger, services: ['token-endpoint'] })
  const { knex, schema, log, topics } = waiting.runtime
  await knex.raw(`DELETE FROM ${schema}.bearer_tokens WHERE grant_id = ?`, [grant_id])
  const fact = revoked({ grant_id, client_id })
  const { offset } = await log.append(outgoing(envelop(fact, ISSUER, { actor: 'test' }, Date.now()), topics))
  const projector = await runProjector(waiting.runtime)
  t.teardown(() => projector.stop())
  await until(async () => (await checkpointOf(waiting, partition)).status === 'stopped', 'a stopped partition')
  const { status_reason } = await checkpointOf(waiting, partition)
  t.is(
    status_reason,
    `the record at offset ${offset} cannot be folded: grant ${grant_id} is live without its current generation`,
  )
})
