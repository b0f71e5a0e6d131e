import test from 'ava'
import { verify } from '../../../services/audit/verify/verify.ts'
import { issued, refreshed, reuse } from '../../ledger/given.ts'
import { closeEmbedded, embeddedLedger, grantId } from '../../support/written-ledger.ts'

test.after.always(closeEmbedded)

test('a reuse is judged by when its next generation was made, also where the projector remembers less of the grant', async (t) => {
  const ledger = await embeddedLedger()
  const grant_id = grantId(1)
  await ledger.append(issued({ grant_id }))
  for (const generation of [2, 3, 4]) await ledger.append(refreshed(generation, { grant_id }))
  await ledger.project()
  // Another projector, which loads no more of the grant than this refresh needs, and remembers that.
  const stop = await ledger.startProjector()
  await ledger.append(refreshed(5, { grant_id }))
  await ledger.shown()
  await ledger.append(reuse(1, { grant_id, refresh_grace_seconds: 300 }))
  await ledger.shown()
  await stop()
  const { knex, schema } = ledger
  const { rows } = await knex.raw<{ rows: object[] }>(`SELECT status, access_generation FROM ${schema}.grants`)
  t.deepEqual(rows, [{ status: 'live', access_generation: 5 }], 'generation 2 is young, so this is a retry')
  t.is((await verify(ledger)).difference, null)
})
