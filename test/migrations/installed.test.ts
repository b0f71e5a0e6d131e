import test from 'ava'
import { openEmbedded } from '../../shared/database/open-database.ts'
import { topicsOf, placesOf } from '../../shared/event-log/places.ts'
import { migrateDatabase } from '../../shared/migrations/migrations.ts'
import { createCheckpoints, loadCheckpoints } from '../../shared/read-model/checkpoints.ts'

test('an installed ledger gets the columns of this release, and keeps its checkpoints', async (t) => {
  const { knex, close } = await openEmbedded(null)
  t.teardown(close)
  const readModel = { knex, schema: 'ledger_v1' }
  const topics = topicsOf('ledger')
  const migrate = () => migrateDatabase(knex, readModel.schema, { shared: false })
  await migrate()
  await createCheckpoints(readModel, placesOf(topics))
  const before = await loadCheckpoints(readModel, Object.values(topics))
  // As the first release left it.
  await knex.raw(`ALTER TABLE ledger_v1.checkpoints DROP COLUMN first_hash, DROP COLUMN guard_revision, DROP COLUMN stalls,
    ADD COLUMN stalled_at timestamptz, ADD COLUMN resumed_at timestamptz`)
  await knex.raw("UPDATE ledger_v1.checkpoints SET stalled_at = 'epoch', resumed_at = 'epoch' WHERE partition = 7")
  await knex.raw("DELETE FROM ledger_v1.migrations WHERE name > '0001-read-model'")
  await migrate()
  t.deepEqual(await loadCheckpoints(readModel, Object.values(topics)), before)
  t.is(before.length, 13)
  const { rows } = await knex.raw<{ rows: { partition: number }[] }>(
    'SELECT partition FROM ledger_v1.checkpoints WHERE cardinality(stalls) = 1',
  )
  t.deepEqual(rows, [{ partition: 7 }], 'a stall is still known')
})
