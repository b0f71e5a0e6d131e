import test from 'ava'
import { expectGrants } from '../../../services/audit/verify/expect-grants.ts'
import { lookAgain } from '../../../services/audit/verify/look-again.ts'
import { createSightings } from '../../../services/audit/verify/sightings.ts'
import { verify } from '../../../services/audit/verify/verify.ts'
import { foldLog, walkLog } from '../../../shared/event-log/fold-log.ts'
import { readSkips } from '../../../shared/event-log/skips.ts'
import { authorized, exchanged, issued, refreshed } from '../../ledger/given.ts'
import { closeEmbedded, embeddedLedger, grantId, seed, type WrittenLedger } from '../../support/written-ledger.ts'

test.after.always(closeEmbedded)

const grant_id = grantId(1)

async function refreshedOnce(): Promise<WrittenLedger> {
  const ledger = await embeddedLedger()
  await seed(ledger)
  await ledger.project()
  return ledger
}

test('a grant that was put back to how it was before its last refresh is found', async (t) => {
  const ledger = await refreshedOnce()
  const { knex, schema } = ledger
  await knex.raw(`CREATE TABLE ${schema}.kept AS SELECT * FROM ${schema}.grants`)
  await ledger.append(refreshed(2, { grant_id }))
  await ledger.project()
  t.is((await verify(ledger)).difference, null)
  await knex.raw(`DELETE FROM ${schema}.grants`)
  await knex.raw(`INSERT INTO ${schema}.grants SELECT * FROM ${schema}.kept`)
  t.like((await verify(ledger)).difference, { table: 'grants', key: grant_id, column: 'at' })
})

test('text that is written in more than one way compares as what it says', async (t) => {
  const ledger = await embeddedLedger()
  await seed(ledger)
  const odd = 'ä "quoted" \\ back \b\t\n\u2028 \u007f € 😀 \u0001 /'
  await ledger.append(
    issued({ grant_id: grantId(2), client_id: odd, principal: { type: 'user', id: odd }, scope: odd }),
  )
  await ledger.append(authorized({ grant_id: grantId(3), client_id: odd, redirect_uri: odd }))
  await ledger.append(authorized({ grant_id: grantId(4), redirect_uri: null, code_challenge: null }))
  await ledger.append(authorized({ grant_id: grantId(5), redirect_uri: odd }))
  await ledger.append(exchanged({ grant_id: grantId(5) }))
  await ledger.project()
  t.is((await verify(ledger)).difference, null)
})

const TAMPERINGS: [what: string, sql: string, found: Record<string, unknown>][] = [
  [
    'an authorization on other terms',
    `UPDATE grants SET authorization_terms = jsonb_set(authorization_terms, '{terms,scope}', '"all"') WHERE status = 'authorized'`,
    { table: 'grants', key: grantId(2), column: 'authorization_terms' },
  ],
  [
    'a code that lives longer by a microsecond',
    `UPDATE grants SET dead_at = dead_at + interval '1 microsecond' WHERE status = 'authorized'`,
    { table: 'grants', key: grantId(2), column: 'dead_at' },
  ],
  [
    'a code that another redirect_uri exchanges',
    `UPDATE grants SET code = jsonb_set(code, '{redirect_uri}', '"https://evil.example/"') WHERE status = 'authorized'`,
    { table: 'grants', key: grantId(2), column: 'code' },
  ],
  [
    'a live grant that is to be swept',
    `UPDATE grants SET dead_at = now() WHERE status = 'live'`,
    { table: 'grants', key: grant_id, column: 'dead_at', log: null },
  ],
  [
    'a bearer token that the sweeper looks for elsewhere',
    'UPDATE bearer_tokens SET partition = 5',
    { table: 'bearer_tokens', key: `${grant_id}/1`, column: 'partition', log: 1, read_model: 5 },
  ],
  [
    'a bearer token under another key',
    'UPDATE bearer_tokens SET kid = 9',
    { table: 'bearer_tokens', key: `${grant_id}/1`, column: 'kid', log: 1, read_model: 9 },
  ],
]

for (const [what, sql, found] of TAMPERINGS) {
  test(`a verification finds ${what}`, async (t) => {
    const ledger = await embeddedLedger()
    await seed(ledger)
    await ledger.append(authorized({ grant_id: grantId(2) }))
    await ledger.project()
    t.is((await verify(ledger)).difference, null)
    const { rowCount } = await ledger.knex.raw<{ rowCount: number }>(sql.replace('UPDATE ', `UPDATE ${ledger.schema}.`))
    t.true(rowCount > 0)
    t.like((await verify(ledger)).difference, found)
  })
}

test('when the sweeper looks again is no difference', async (t) => {
  const ledger = await refreshedOnce()
  await ledger.knex.raw(`UPDATE ${ledger.schema}.bearer_tokens SET look_at = now()`)
  t.is((await verify(ledger)).difference, null)
})

test('what was made before the first row was seen must have been seen, and what was made later need not', async (t) => {
  const ledger = await refreshedOnce()
  const place = { topic: ledger.topics.grants, partition: 1 }
  const held = async (next: number) => {
    const [grants, tokens] = [createSightings().load(), createSightings().load()]
    const expectation = expectGrants({ grants, tokens, next, now: Date.now() })
    const skips = await readSkips(ledger.log, ledger.topics)
    for await (const { judged } of foldLog(walkLog(ledger.log, { ...place, from: 0, to: 1 }, { skips })))
      t.is(expectation.take(judged), null)
    return expectation.end()
  }
  t.is(await held(0), null)
  t.like(await held(1), { named: { table: 'bearer_tokens', key: `${grant_id}/1`, read_model: 'no row' } })
})

test('a difference that is gone when it is looked at again is told all the same', async (t) => {
  const ledger = await refreshedOnce()
  const named = { table: 'grants', key: grant_id, column: null, log: 'a row', read_model: 'another row' }
  const skips = await readSkips(ledger.log, ledger.topics)
  t.deepEqual(await lookAgain(ledger, { grant_id, named, looksAgain: true }, skips), named)
})

test('a read model that is emptied while it is verified is not called wrong', async (t) => {
  const ledger = await refreshedOnce()
  const { knex, schema } = ledger
  let emptied: Promise<unknown> | null = null
  const empty = () => {
    emptied ??= Promise.resolve(knex.raw(`UPDATE ${schema}.checkpoints SET next = 0`))
  }
  await t.throwsAsync(verify(ledger, empty), { message: /emptied or restored while it was verified/ })
  t.truthy(emptied)
})
