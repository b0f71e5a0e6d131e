import type { Knex } from 'knex'
import { reindexUsers } from '../../../services/admin/people/reindex.ts'
import { projectionStatus } from '../../../services/audit/status/projection-status.ts'
import { renderStatus } from '../../../services/cli/render/projection.ts'
import { verify } from '../../../services/audit/verify/verify.ts'
import { loadSettings } from '../../../shared/config/load-settings.ts'
import { realTest } from '../../support/real-parts.ts'
import { until } from '../../support/waiting.ts'
import { type Ledger, startLedger } from '../ledger.ts'
import { ADA, emptyBeside, foldRegistry, forget, putNew, seedNames, shownIn, SUB } from './person.ts'

const test = realTest('postgres')

const GRACE = { username: 'Grace.Hopper', name: 'Grace Brewster', email: 'grace@people.example' }

async function startWithTwo(t: Parameters<typeof startLedger>[0]) {
  seedNames()
  const ledger = await startLedger(t)
  await putNew(ledger)
  await putNew(ledger, GRACE, 'grace')
  return { ledger, ...ledger.runtime }
}

/** As a rebuild would: what stands in the log, opened with the keys that are there now. */
async function shownAnew({ runtime }: Ledger, schema: string) {
  const beside = await emptyBeside(runtime, schema)
  await foldRegistry(beside)
  return { shown: await shownIn(runtime.knex, schema), difference: (await verify(beside)).difference }
}

const putAgain = ({ send, root: token }: Ledger, body: object, sub: string, revision = 1) =>
  send('PUT', `/admin/users/${sub}`, { token, body, headers: { 'if-match': `"${revision}"` } })

const alarmsOf = ({ lines }: Ledger) => lines.filter(({ alarm }) => alarm === 'unreadable')

test('a key that is lost is an alarm with the sub alone, at the next fold and at the next start, and counted, until the person is put again', async (t) => {
  const { ledger, knex } = await startWithTwo(t)
  const { send, root: token, runtime } = ledger
  t.is((await projectionStatus(runtime, 60_000)).unreadable, 0)
  await knex.raw('DELETE FROM ledger.persons WHERE sub = ?', [SUB])
  t.is((await send('POST', `/admin/users/${SUB}/revoke-all`, { token, body: { reason: 'lost' } })).status, 200)
  await until(() => alarmsOf(ledger).length > 0, 'an alarm')
  t.like(alarmsOf(ledger), [{ level: 50, sub: SUB, schema: runtime.schema }])
  const status = await projectionStatus(runtime, 60_000)
  t.deepEqual([status.unreadable, status.healthy], [1, true])
  const look = { width: null, colour: false }
  t.regex(renderStatus(status, 'table', look) as string, /^1 of the people cannot be named: their keys are lost/m)
  t.like((await send('GET', `/admin/users/${SUB}`, { token })).body, { username: null, personal_state: 'unreadable' })

  const again = await startLedger(t, { settings: ledger.settings })
  t.like(alarmsOf(again), [{ level: 50, sub: SUB }])
  t.is((await putAgain(ledger, ADA, SUB, 2)).status, 200)
  t.is((await projectionStatus(runtime, 60_000)).unreadable, 0)
  t.is((await verify(runtime)).difference, null)
  const third = await startLedger(t, { settings: ledger.settings })
  t.deepEqual(alarmsOf(third), [])
})

test('a key that is lost while the name is still shown is an alarm at the next start as well', async (t) => {
  const { ledger, knex } = await startWithTwo(t)
  t.is((await forget(ledger, 'grace')).status, 200)
  await knex.raw('DELETE FROM ledger.persons WHERE sub = ?', [SUB])
  const again = await startLedger(t, { settings: ledger.settings })
  t.like(alarmsOf(again), [{ level: 50, sub: SUB }])
  t.is(alarmsOf(again).length, 1)
})

test('an older copy of the keys, or rows of two persons changed over, show nobody under the name of another', async (t) => {
  const { ledger, knex } = await startWithTwo(t)
  await swapKeys(knex)
  const { shown, difference } = await shownAnew(ledger, 'ledger_v2_2')
  t.deepEqual(
    shown.map(({ username, personal_state }) => [username, personal_state]),
    [
      [null, 'unreadable'],
      [null, 'unreadable'],
    ],
  )
  t.is(difference, null)
  t.is((await putAgain(ledger, ADA, SUB)).status, 200)
  t.is((await putAgain(ledger, GRACE, 'grace')).status, 200)
  const again = await shownAnew(ledger, 'ledger_v2_3')
  t.like(again.shown, [{ username: ADA.username }, { username: GRACE.username }])
  t.is(again.difference, null)
})

test('a name key that is lost is not made anew by itself: a taken name is not given twice, and reindex mends it', async (t) => {
  const { ledger, knex, log, topics } = await startWithTwo(t)
  const settings = loadSettings(
    Object.fromEntries(Object.entries(ledger.settings).map(([name, value]) => [`LEDGER_${name}`, value])),
  )
  const account = { issuer: 'https://id.example', sub: 'of-ada' }
  await ledger.send('POST', `/admin/users/${SUB}/external/link`, { token: ledger.root, body: account })
  await knex.raw('DELETE FROM ledger.name_key')
  t.is((await putNew(ledger, { username: 'ada.LOVELACE' }, 'other')).status, 503)
  const told = ledger.lines.find(({ alarm }) => alarm === 'operator_needed')
  t.regex(JSON.stringify(told), /is lost \(ledger.name_key\).*users reindex/)
  t.is((await ledger.send('GET', `/admin/users/${SUB}`, { token: ledger.root })).status, 200)

  const reason = 'lost in a failover'
  t.deepEqual(await reindexUsers({ knex, log, topics }, settings, { reason }), { done: 2, left: [], unlinked: [SUB] })
  t.deepEqual(await reindexUsers({ knex, log, topics }, settings, { reason }), { done: 0, left: [], unlinked: [] })
  const external = await ledger.send('GET', `/admin/users/${SUB}/external`, { token: ledger.root })
  t.deepEqual(external.body['external'], [], 'what no key tells any more is not shown as if it worked')
  t.is((await putNew(ledger, { username: 'ada.LOVELACE' }, 'other')).status, 409)
  t.is((await putNew(ledger, { username: 'Turing' }, 'other')).status, 201)
  const { shown, difference } = await shownAnew(ledger, 'ledger_v2_2')
  t.like(shown, [{ username: ADA.username }, { username: GRACE.username }, { username: 'Turing' }])
  t.is(difference, null)
})

test('a name is taken under a name key that this process has not seen yet, and nothing is appended for it', async (t) => {
  const { ledger, knex, log, topics } = await startWithTwo(t)
  const settings = loadSettings(
    Object.fromEntries(Object.entries(ledger.settings).map(([name, value]) => [`LEDGER_${name}`, value])),
  )
  await knex.raw('DELETE FROM ledger.name_key')
  await reindexUsers({ knex, log, topics }, settings, { reason: 'lost in a failover' })
  await knex.raw('DELETE FROM ledger.persons WHERE sub = ?', [SUB])
  const revoked = { token: ledger.root, body: { reason: 'lost' } }
  t.is((await ledger.send('POST', `/admin/users/${SUB}/revoke-all`, revoked)).status, 200)
  const before = await log.bounds([topics.registry])
  t.is((await putNew(ledger, { username: 'ada.LOVELACE' }, 'other')).status, 409)
  t.deepEqual(await log.bounds([topics.registry]), before)
})

test('a name that is shown is taken, also where its index is of another name key', async (t) => {
  const { ledger, knex, log, topics } = await startWithTwo(t)
  await knex.raw('DELETE FROM ledger.name_key')
  const settings = loadSettings(
    Object.fromEntries(Object.entries(ledger.settings).map(([name, value]) => [`LEDGER_${name}`, value])),
  )
  // Cut short after it made the key.
  const failing = { ...log, append: () => Promise.reject(new Error('killed')) }
  await t.throwsAsync(reindexUsers({ knex, topics, log: failing }, settings, { reason: 'lost' }), { message: 'killed' })
  t.is((await putNew(ledger, { username: 'ADA.Lovelace' }, 'other')).status, 409)
})

async function swapKeys(knex: Knex): Promise<void> {
  for (const [from, to] of [
    [SUB, 'aside'],
    ['grace', SUB],
    ['aside', 'grace'],
  ] as const)
    await knex.raw('UPDATE ledger.persons SET sub = ? WHERE sub = ?', [to, from])
}
