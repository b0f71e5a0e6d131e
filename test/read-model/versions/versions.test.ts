import { randomUUID } from 'node:crypto'
import { OperatorError } from '../../../shared/config/operator-error.ts'
import { claimReadModel, createReadModel } from '../../../shared/read-model/versions/build.ts'
import { dropReadModel } from '../../../shared/read-model/versions/drop.ts'
import { type ProcessFacts, putProcess } from '../../../shared/read-model/versions/processes.ts'
import { listReadModels, nextSchema, readModelInUse } from '../../../shared/read-model/versions/read-models.ts'
import { switchReadModel } from '../../../shared/read-model/versions/switch.ts'
import { LAYOUT, TABLES_SHA256 } from '../../../shared/read-model/tables.ts'
import { viewedSchema } from '../../../shared/read-model/versions/views.ts'
import { issued } from '../../ledger/given.ts'
import { loginRole, onServer, realTest } from '../../support/real-parts.ts'
import { grantId, postgresLedger, rebuiltBeside, seed, type WrittenLedger } from '../../support/written-ledger.ts'

const test = realTest('postgres')

/** What the tables of each layout are told by. A layout that was released is never edited: its number is raised. */
const LAYOUTS: Record<number, string> = {
  2: 'ce52b0da87b3079f5bc81d32ce6122a19b80ebe607d3a9a3ef9a93e1ce882ac1',
}

test('a change of the tables raises the number of the layout, or is made before its release', (t) => {
  t.is(LAYOUTS[LAYOUT], TABLES_SHA256, 'released? raise LAYOUT in tables.ts; if not, put the new digest here')
})

test('read models are named after their layout, and then counted', (t) => {
  const taken = (...names: string[]) => nextSchema(names.map((schema_name) => ({ schema_name })))
  t.is(taken('public', 'ledger_v1'), `ledger_v${LAYOUT}`)
  t.is(taken('ledger_v1', `ledger_v${LAYOUT}`), `ledger_v${LAYOUT}_2`)
  t.is(taken(`ledger_v${LAYOUT}`, `ledger_v${LAYOUT}_2`, `ledger_v${LAYOUT}_4`), `ledger_v${LAYOUT}_3`)
})

function facts(over: Partial<ProcessFacts>): ProcessFacts {
  const own = { process_id: randomUUID(), host: 'host-a', pid: 7, services: ['token-endpoint'], release: '0' }
  return { ...own, reads: null, pinned: false, projects: [], ...over }
}

const refusal = (message: RegExp) => ({ instanceOf: OperatorError, message })

const fresh = ({ knex }: WrittenLedger, schema: string, ago = '0 s') =>
  knex.raw(`UPDATE ${schema}.checkpoints SET fresh_as_of = clock_timestamp() - ?::interval`, [ago])

test('a process reads the chosen read model of its layout, and says what to do where there is none', async (t) => {
  const ledger = await postgresLedger(t)
  const { knex } = ledger
  t.is(await readModelInUse(knex), 'ledger_v2')
  const layout = (of: number | null) =>
    knex.raw('UPDATE ledger.read_models SET layout = ?, tables_sha256 = ?', [
      of ?? LAYOUT,
      of ? TABLES_SHA256 : 'another',
    ])
  await layout(1)
  await t.throwsAsync(
    readModelInUse(knex),
    refusal(/layout 2 .*there is ledger_v2 of layout 1: "\S+ projection rebuild"/),
  )
  await layout(null)
  await t.throwsAsync(readModelInUse(knex), refusal(/there is ledger_v2 of layout 2: "\S+ projection rebuild"/))
  await t.throwsAsync(readModelInUse(knex, 'ledger_v2'), refusal(/ledger_v2 is made by another build of it/))
  await t.throwsAsync(
    readModelInUse(knex, 'ledger_v9'),
    refusal(/^LEDGER_READ_MODEL: there is no read model ledger_v9/),
  )
  await layout(LAYOUT)
  await knex.raw('UPDATE ledger.read_models SET built_at = NULL')
  await t.throwsAsync(
    readModelInUse(knex),
    refusal(/ledger_v2 is not built to its end: "\S+ projection rebuild" goes on/),
  )
})

test('of two that build at once the second is told who does, and one that died is gone on with', async (t) => {
  const { knex } = await postgresLedger(t)
  const claim = (builder: ProcessFacts) => claimReadModel(knex, { builder, shared: true })
  const first = facts({ services: ['rebuild'] })
  const claims = await Promise.allSettled([claim(first), claim(facts({ services: ['rebuild'] }))])
  const refused = claims.flatMap((one) => (one.status === 'rejected' ? [String(one.reason)] : []))
  t.is(refused.length, 1)
  t.regex(refused.join(), /ledger_v2_2 is being filled by rebuild \(process 7 on host-a\)/)
  await knex.raw("UPDATE ledger.processes SET seen_at = seen_at - interval '1 min'")
  t.is(await claim(facts({ services: ['rebuild'] })), 'ledger_v2_2')
})

test('a switch is refused until the other read model is up to date, and takes the views along', async (t) => {
  const ledger = await postgresLedger(t)
  await seed(ledger)
  const { knex } = ledger
  const switchTo = (wanted?: string) => switchReadModel(knex, { wanted, maxLagMs: 5_000, patienceMs: 0 })
  await t.throwsAsync(switchTo(), refusal(/there is no other read model of this release/))
  const { schema } = await rebuiltBeside(ledger)
  await t.throwsAsync(
    switchTo(),
    refusal(/is not up to date: .* was never known to be complete: a projector of this rel/),
  )
  await fresh(ledger, schema, '1 min')
  await t.throwsAsync(switchTo(schema), refusal(/was last complete 60 s ago/))
  await fresh(ledger, schema)
  t.is(await switchTo(), schema)
  t.is(await switchTo(schema), schema, 'repeated, it changes nothing')
  t.is(await readModelInUse(knex), schema)
  t.is(await viewedSchema(knex), schema)
  await t.throwsAsync(switchTo('ledger_v9'), refusal(/there is no read model ledger_v9/))
})

test('a read model is dropped only when nobody reads it, shows it or keeps it up', async (t) => {
  const ledger = await postgresLedger(t)
  const { knex } = ledger
  const { schema } = await rebuiltBeside(ledger)
  const drop = () => dropReadModel(knex, schema)
  await t.throwsAsync(dropReadModel(knex, 'ledger_v9'), refusal(/there is no read model ledger_v9/))
  await t.throwsAsync(dropReadModel(knex, 'ledger_v2'), refusal(/ledger_v2 is the one in use: "\S+ projection switch"/))
  const reader = facts({ reads: schema })
  await putProcess(knex, reader)
  await t.throwsAsync(drop(), refusal(/is in use by token-endpoint \(process 7 on host-a\)/))
  await putProcess(knex, { ...reader, reads: 'ledger_v2' })
  await fresh(ledger, schema)
  await t.throwsAsync(drop(), refusal(/is kept up by a process of a release before: stop/))
  await fresh(ledger, schema, '1 min')
  t.true((await listReadModels(knex)).some(({ schema_name }) => schema_name === schema))
  await drop()
  t.deepEqual(
    (await listReadModels(knex)).map(({ schema_name }) => schema_name),
    ['ledger_v2'],
  )
  await t.throwsAsync(createReadModel(knex, 'ledger_v2'), refusal(/there is a schema ledger_v2 already/))
})

test('what is built small is not known to be small: plans that were made for it would be kept while it grows', async (t) => {
  const ledger = await postgresLedger(t)
  await seed(ledger)
  const { schema } = await rebuiltBeside(ledger)
  const { rows } = await ledger.knex.raw<{ rows: { known: number }[] }>(
    'SELECT reltuples::int AS known FROM pg_class WHERE relnamespace = ?::regnamespace AND relname = ANY (?)',
    [schema, ['grants', 'bearer_tokens', 'clients', 'users']],
  )
  t.deepEqual(
    rows.map(({ known }) => known),
    [-1, -1, -1, -1],
    'PostgreSQL knows nothing of them yet',
  )
})

test('a read model that is on no list, because schema ledger was lost, can be dropped; another schema cannot', async (t) => {
  const ledger = await postgresLedger(t)
  const { knex } = ledger
  const { schema } = await rebuiltBeside(ledger)
  await knex.raw('DELETE FROM ledger.read_models WHERE schema_name = ?', [schema])
  await fresh(ledger, schema)
  await t.throwsAsync(dropReadModel(knex, schema), refusal(/is kept up by a process: stop that first/))
  await fresh(ledger, schema, '1 min')
  await dropReadModel(knex, schema)
  await knex.raw('CREATE SCHEMA orders')
  await t.throwsAsync(dropReadModel(knex, 'orders'), refusal(/there is no read model orders/))
  const { rows } = await knex.raw<{ rows: unknown[] }>('SELECT FROM pg_namespace WHERE nspname IN (?, ?)', [
    schema,
    'orders',
  ])
  t.is(rows.length, 1)
})

test('a role with rights on ledger_read sees people and tokens, no secret and nothing else, also after a switch', async (t) => {
  const ledger = await postgresLedger(t)
  await seed(ledger)
  await ledger.append(issued({ grant_id: grantId(7) }))
  await ledger.project()
  const { knex, url } = ledger
  const switchTo = (wanted: string) => switchReadModel(knex, { wanted, maxLagMs: 5_000, patienceMs: 0 })
  await fresh(ledger, 'ledger_v2')
  await switchTo('ledger_v2')
  const role = await loginRole(t, url)
  const rights = `GRANT USAGE ON SCHEMA ledger_read TO ${role.name};
                  GRANT SELECT ON ALL TABLES IN SCHEMA ledger_read TO ${role.name};`
  await onServer(rights, url)
  const sees = async () => {
    await onServer('SELECT username, client_name, generation FROM ledger_read.live_bearer_tokens', role.url)
    for (const view of ['grants', 'bearer_tokens', 'clients', 'users', 'scopes', 'groups', 'acls', 'resources', 'keys'])
      await onServer(`SELECT * FROM ledger_read.${view}`, role.url)
    for (const hidden of ['clients', 'users', 'grants', 'bearer_tokens', 'checkpoints'])
      await t.throwsAsync(onServer(`SELECT * FROM ${await readModelInUse(knex)}.${hidden}`, role.url), {
        message: /permission denied/,
      })
    await t.throwsAsync(onServer('SELECT * FROM ledger.ledger', role.url), { message: /permission denied/ })
    for (const secret of ['secret', 'previous_secret'])
      await t.throwsAsync(onServer(`SELECT ${secret} FROM ledger_read.clients`, role.url), {
        message: /does not exist/,
      })
    await t.throwsAsync(onServer('SELECT value FROM ledger_read.clients', role.url), { message: /does not exist/ })
    await t.throwsAsync(onServer('DELETE FROM ledger_read.grants', role.url), { message: /permission denied/ })
  }
  await sees()
  const { schema } = await rebuiltBeside(ledger)
  await fresh(ledger, schema)
  await switchTo(schema)
  await sees()
})
