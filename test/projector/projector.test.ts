import { verify } from '../../services/audit/verify/verify.ts'
import { partitionOf, placeOf } from '../../shared/event-log/places.ts'
import { loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import { realTest } from '../support/real-parts.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { refresh } from '../support/refreshing.ts'
import { until } from '../support/waiting.ts'

const test = realTest('postgres')

async function statusOf({ runtime }: TestLedger, partition: number) {
  const checkpoints = await loadCheckpoints(runtime, [runtime.topics.grants])
  const { status, status_reason, next } = checkpoints[partition] ?? { status: 'none', status_reason: '', next: -1 }
  return { status, reason: status_reason ?? '', next }
}

/** Appends bytes that no command of ours would write. */
async function appendRaw({ runtime }: TestLedger, partition: number, key: string, value: string) {
  return runtime.log.append({ topic: runtime.topics.grants, partition, key, value })
}

const isStopped = async (ledger: TestLedger, partition: number) =>
  (await statusOf(ledger, partition)).status === 'stopped'

/** A pair in the given partition, or in any other. */
async function pairIn(
  ledger: TestLedger,
  to: Parameters<TestLedger['grant']>[0]['to'],
  fits: (partition: number) => boolean,
) {
  for (;;) {
    const pair = await ledger.grant({ to })
    if (fits(partitionOf(pair.grant_id))) return pair
  }
}

test('a record that cannot be read stops its partition, by name and reason, and no other', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const inside = await ledger.grant({ to: app })
  const partition = partitionOf(inside.grant_id)
  const outside = await pairIn(ledger, app, (place) => place !== partition)
  const { offset } = await appendRaw(ledger, partition, inside.grant_id, '{"type":"TokenTeleported"}')
  await until(() => isStopped(ledger, partition), 'a stopped partition')
  const { reason, next } = await statusOf(ledger, partition)
  t.is(next, offset)
  t.regex(reason, new RegExp(`offset ${offset} `))
  const refused = await refresh(ledger, app, inside.refresh_token)
  t.is(refused.status, 503)
  t.is(refused.headers.get('retry-after'), '1')
  t.is((await refresh(ledger, app, outside.refresh_token)).status, 200)
  const ready = await ledger.send('/health/ready')
  t.is(ready.status, 503)
  t.true(JSON.stringify(ready.body).includes(`${ledger.runtime.topics.grants}/${partition} is stopped`))
})

test('an event under another key, or in a partition that is not its own, stops the partition instead of being folded', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const { grant_id } = await ledger.grant({ to: app })
  const { runtime } = ledger
  const range = { ...placeOf(runtime.topics, grant_id), from: 0, to: 1 }
  for await (const batch of runtime.log.read(range)) {
    const value = batch.records[0]?.value.toString('utf8') ?? ''
    const wrong = (partitionOf(grant_id) + 1) % 12
    await appendRaw(ledger, wrong, grant_id, value)
    await until(() => isStopped(ledger, wrong), 'a stopped partition')
    t.regex((await statusOf(ledger, wrong)).reason, new RegExp(`belongs in partition ${partitionOf(grant_id)}`))
    await appendRaw(ledger, partitionOf(grant_id), 'somebody-else', value)
    await until(() => isStopped(ledger, partitionOf(grant_id)), 'a stopped partition')
    t.regex((await statusOf(ledger, partitionOf(grant_id))).reason, /the key is not that of TokenIssued/)
  }
})

/** Folds a grant, stops everything, changes its partition's checkpoint as `sql` says, and serves again. */
async function restartedAfter(t: Parameters<typeof startLedger>[0], change: string) {
  const first = await startLedger(t)
  const app = await first.client()
  const pair = await first.grant({ to: app })
  const partition = partitionOf(pair.grant_id)
  await first.runtime.knex.raw(
    `UPDATE ${first.runtime.schema}.checkpoints SET ${change} WHERE topic = ? AND partition = ?`,
    [first.runtime.topics.grants, partition],
  )
  await first.stop()
  const ledger = await startLedger(t, { beside: first })
  await until(async () => (await statusOf(ledger, partition)).status === 'diverged', 'a diverged partition')
  return { ledger, app, pair, ...(await statusOf(ledger, partition)) }
}

test('a log that ends below what was folded is another log: the partition has diverged, and answers 503', async (t) => {
  const { ledger, app, pair, reason } = await restartedAfter(t, 'next = next + 5')
  t.regex(reason, /the log ends at 1, 6 was folded/)
  t.is((await refresh(ledger, app, pair.refresh_token)).status, 503)
})

test('a last record that is not the one that was folded means that the partition has diverged', async (t) => {
  const { reason, ledger, app, pair } = await restartedAfter(t, "last_hash = sha256('another record')")
  await appendRaw(ledger, partitionOf(pair.grant_id), pair.grant_id, '{}')
  t.regex(reason, /the record at offset 0 is not the one that was folded/)
  t.is((await refresh(ledger, app, pair.refresh_token)).status, 503)
})

test('the read model of one log is not continued from another', async (t) => {
  const { reason } = await restartedAfter(t, "cluster_id = 'another-log'")
  t.regex(reason, /folded from log another-log/)
})

test('two projectors on the same log fold every record once', async (t) => {
  const ledger = await startLedger(t)
  await startLedger(t, { beside: ledger, services: ['projector'] })
  const app = await ledger.client()
  const pairs = await Promise.all(Array.from({ length: 12 }, () => ledger.grant({ to: app })))
  const answers = await Promise.all(pairs.map(({ refresh_token }) => refresh(ledger, app, refresh_token)))
  t.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  const report = await verify(ledger.runtime)
  t.is(report.difference, null)
  t.true(report.equal)
})
