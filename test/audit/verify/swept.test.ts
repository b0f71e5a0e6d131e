import test from 'ava'
import { verify } from '../../../services/audit/verify/verify.ts'
import { authorized, issued, refreshed, reuse, revoked } from '../../ledger/given.ts'
import { appendPast, type Past } from '../../support/past-records.ts'
import { closeEmbedded, embeddedLedger, grantId, type WrittenLedger } from '../../support/written-ledger.ts'

test.after.always(closeEmbedded)

const MINUTE = 60_000
const SHORT = { access_token_lifetime: 60, refresh: null }
const grant_id = grantId(1)

/** A ledger with this past, projected. `minutes`: ago. */
async function lived(...past: [minutes: number, fact: Past['fact']][]): Promise<WrittenLedger> {
  const ledger = await embeddedLedger()
  await add(ledger, ...past)
  return ledger
}

async function add(ledger: WrittenLedger, ...past: [minutes: number, fact: Past['fact']][]): Promise<void> {
  const now = Date.now()
  await appendPast(
    ledger,
    past.map(([minutes, fact]) => ({ fact, at: now - minutes * MINUTE })),
  )
  await ledger.project()
}

async function sweep({ knex, schema }: WrittenLedger): Promise<void> {
  await knex.raw(`DELETE FROM ${schema}.grants`)
  await knex.raw(`DELETE FROM ${schema}.bearer_tokens`)
}

const ENDINGS = {
  'a revocation': revoked({ grant_id }),
  'a reuse': reuse(1, { grant_id }),
} as const

for (const [what, ending] of Object.entries(ENDINGS)) {
  const past: [number, Past['fact']][] = [
    [
      300,
      issued({ grant_id, access_token_lifetime: 60, refresh: { lifetime: 60, absolute_lifetime: null, limit: 1 } }),
    ],
    [299.5, refreshed(2, { grant_id, access_token_lifetime: 60 })],
  ]

  test(`${what} that lands an hour too late leaves a verification clean, whether the grant was swept or not`, async (t) => {
    const kept = await lived(...past, [1, ending])
    t.is((await verify(kept)).difference, null)
    const swept = await lived(...past)
    await sweep(swept)
    await add(swept, [1, ending], [0.5, ending])
    const report = await verify(swept)
    t.is(report.difference, null)
    t.is(report.partitions.find(({ records }) => records > 0)?.voids, 1, 'the copy')
    const { knex, schema } = swept
    const [row] = await knex.withSchema(schema).from('checkpoints').where({ partition: 1 }).select('void_count')
    t.deepEqual(row, { void_count: 2 })
  })

  test(`${what} that lands an hour too late excuses one void event, and no row that differs`, async (t) => {
    const ledger = await lived(...past)
    await sweep(ledger)
    await add(ledger, [1, ending])
    const { knex, schema } = ledger
    await knex.raw(`UPDATE ${schema}.checkpoints SET void_count = 2 WHERE partition = 1`)
    t.like((await verify(ledger)).difference, { column: 'void_count', log: 0, read_model: 2 })
    const kept = await lived(...past, [1, ending])
    await kept.knex.raw(`UPDATE ${kept.schema}.grants SET reason = 'other'`)
    t.like((await verify(kept)).difference, { table: 'grants', key: grant_id, column: 'reason' })
  })

  test(`${what} that lands just in time excuses nothing`, async (t) => {
    const ledger = await lived(...past, [240, ending])
    t.is((await verify(ledger)).difference, null)
    await ledger.knex.raw(`UPDATE ${ledger.schema}.checkpoints SET void_count = 1 WHERE partition = 1`)
    t.like((await verify(ledger)).difference, { column: 'void_count', log: 0, read_model: 1 })
    const late = await lived([90, issued({ grant_id, ...SHORT })], [31, revoked({ grant_id })])
    await sweep(late)
    t.like((await verify(late)).difference, { table: 'grants', key: grant_id, read_model: 'no row' })
  })
}

test('late copies of all kinds are void either way', async (t) => {
  const ledger = await lived(
    [300, issued({ grant_id, access_token_lifetime: 60 })],
    [299, refreshed(2, { grant_id, access_token_lifetime: 60 })],
    [298, revoked({ grant_id })],
    [290, authorized({ grant_id: grantId(13) })],
  )
  await sweep(ledger)
  await add(ledger, [2, refreshed(3, { grant_id })], [2, revoked({ grant_id })], [2, reuse(1, { grant_id })])
  const report = await verify(ledger)
  t.is(report.difference, null)
  t.is(report.partitions.find(({ records }) => records > 0)?.voids, 3)
})

test('a bearer token of a grant that was ended too late may be there or gone', async (t) => {
  const ledger = await lived(
    [300, issued({ grant_id, access_token_lifetime: 7200, refresh: null })],
    [1, revoked({ grant_id })],
  )
  t.is((await verify(ledger)).difference, null)
  await ledger.knex.raw(`DELETE FROM ${ledger.schema}.bearer_tokens`)
  t.is((await verify(ledger)).difference, null)
})
