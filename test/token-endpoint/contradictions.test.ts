import { partitionOf } from '../../shared/event-log/places.ts'
import { realTest } from '../support/real-parts.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { refresh } from '../support/refreshing.ts'

// What the log and the read model say can contradict each other only if one of them lost something: that is our outage.
const test = realTest('postgres')

const alarmsOf = ({ lines }: TestLedger) => lines.flatMap(({ alarm }) => (alarm === undefined ? [] : [alarm]))

test('an acknowledged offset that was folded before the write is 503 with an alarm, whatever was written', async (t) => {
  const projecting = await startLedger(t)
  const app = await projecting.client({ refresh_grace_seconds: 0 })
  const { grant_id, refresh_token } = await projecting.grant({ to: app })
  const spent = refresh_token
  const { body } = await refresh(projecting, app, refresh_token)
  const ledger = await startLedger(t, { beside: projecting, services: ['token-endpoint'] })
  await projecting.stop()
  // As if the log had lost its last records: what it takes now gets offsets that were folded long ago.
  const { knex, schema, topics } = ledger.runtime
  await knex.raw(`UPDATE ${schema}.checkpoints SET next = next + 50 WHERE topic = ? AND partition = ?`, [
    topics.grants,
    partitionOf(grant_id),
  ])
  const writes = [
    () => refresh(ledger, app, body['refresh_token']),
    () => refresh(ledger, app, spent),
    () => ledger.post('/oauth2/revoke', { token: String(body['refresh_token']) }, { as: app }),
  ]
  for (const [n, write] of writes.entries()) {
    const answer = await write()
    t.is(answer.status, 503, JSON.stringify(answer.body))
    t.is(answer.headers.get('retry-after'), '1')
    t.deepEqual(alarmsOf(ledger), Array<string>(n + 1).fill('log_went_back'))
  }
})

test('a grant whose rows contradict each other is 503 with an alarm, and costs nobody else an answer', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const [broken, whole] = [await ledger.grant({ to: app }), await ledger.grant({ to: app })]
  const { knex, schema } = ledger.runtime
  await knex.raw(`DELETE FROM ${schema}.bearer_tokens WHERE grant_id = ?`, [broken.grant_id])
  // At once, so that they are read together.
  const answers = await Promise.all([
    refresh(ledger, app, broken.refresh_token),
    refresh(ledger, app, whole.refresh_token),
    ledger.introspect(whole.access_token),
  ])
  t.deepEqual([answers[0].status, answers[1].status, answers[2]['active']], [503, 200, true])
  t.deepEqual(alarmsOf(ledger), ['read_model_contradicts'])
})
