import { runProjector } from '../../services/projector/main.ts'
import { partitionOf } from '../../shared/event-log/places.ts'
import { realTest } from '../support/real-parts.ts'
import { startLedger } from '../support/ledger.ts'
import { refresh } from '../support/refreshing.ts'
import { arrival, until } from '../support/waiting.ts'

const test = realTest('postgres')

test('a database that lost commits ends the projector, and the next one folds again what is missing', async (t) => {
  const ledger = await startLedger(t)
  const { runtime } = ledger
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const apart = await startLedger(t, { beside: ledger, services: ['token-endpoint', 'token-check'] })
  await ledger.stop()
  const projector = await runProjector(apart.runtime)
  t.teardown(() => projector.stop())
  const { knex, schema } = apart.runtime
  const place = [runtime.topics.grants, partitionOf(grant_id)]
  const before = await knex.raw<{ rows: object[] }>(
    `SELECT * FROM ${schema}.checkpoints WHERE topic = ? AND partition = ?`,
    place,
  )
  t.is(before.rows.length, 1)
  const answer = await refresh(apart, app, refresh_token)
  t.is(answer.status, 200)
  // As a standby that was one transaction behind: the checkpoint and the rows before that refresh.
  const { last_hash, chain } = before.rows[0] as { last_hash: Buffer; chain: Buffer }
  await knex.raw(
    `UPDATE ${schema}.checkpoints SET next = 1, last_offset = 0, last_hash = ?, chain = ? WHERE topic = ? AND partition = ?`,
    [last_hash, chain, ...place],
  )
  await knex.raw(`DELETE FROM ${schema}.bearer_tokens WHERE grant_id = ? AND generation = 2`, [grant_id])
  await knex.raw(
    `UPDATE ${schema}.grants SET access_generation = 1, refresh_generation = 1, last_offset = 0 WHERE grant_id = ?`,
    [grant_id],
  )
  await t.throwsAsync(arrival(projector.ended, 'the end of the projector'), { name: 'CommitsLost' })
  await projector.stop()
  const next = await runProjector(apart.runtime)
  t.teardown(() => next.stop())
  const goesOn = async () => (await refresh(apart, app, answer.body['refresh_token'])).status === 200
  await until(goesOn, 'a refresh with the latest token')
})
