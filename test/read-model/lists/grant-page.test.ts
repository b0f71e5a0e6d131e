import type { Runtime } from '../../../shared/process/runtime.ts'
import { type GrantFilters, grantPage } from '../../../shared/read-model/lists/grant-page.ts'
import { pageSql } from '../../../shared/read-model/lists/page.ts'
import { startLedger } from '../../support/ledger.ts'
import { writeManyGrants } from '../../support/many-grants.ts'
import { realTest } from '../../support/real-parts.ts'
import { refresh } from '../../support/refreshing.ts'

const test = realTest('postgres')

type Plan = {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  Plans?: Plan[]
}

type Used = { node: string; table: string; rows: number }

/** What the plan of a page does, in all, and to how many rows of which table. */
async function planOf({ knex, schema, topics }: Runtime, filters: GrantFilters, after: string[] | null) {
  const { sql, bindings } = pageSql(schema, grantPage({ schema, topics }, { filters, after, limit: 100 }))
  const { rows } = await knex.raw<{ rows: { 'QUERY PLAN': { Plan: Plan }[] }[] }>(
    `EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`,
    bindings,
  )
  const used = (plan: Plan): Used[] => [
    {
      node: plan['Node Type'],
      table: plan['Relation Name'] ?? '',
      rows: (plan['Actual Rows'] + (plan['Rows Removed by Filter'] ?? 0)) * plan['Actual Loops'],
    },
    ...(plan.Plans ?? []).flatMap(used),
  ]
  return rows.flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan }) => used(Plan)))
}

/** The key of a page that begins behind this grant. */
function behind({ sub, client_id, status }: GrantFilters, grant_id: string | null): string[] | null {
  if (grant_id === null) return null
  if (sub !== undefined) return ['user', sub, grant_id]
  if (client_id !== undefined) return [client_id, grant_id]
  return status === 'revoked' || status === 'authorized' ? [status, grant_id] : [grant_id]
}

const FILTERS: GrantFilters[] = [
  {},
  ...(['live', 'authorized', 'disabled', 'expired', 'ended', 'revoked'] as const).flatMap((status) => [
    { status },
    { status, client_id: 'shop' },
    { status, client_id: 'till' },
    { status, client_id: 'young' },
    { status, sub: 'ada' },
    { status, client_id: 'till', sub: 'ada' },
  ]),
  { client_id: 'shop' },
  { client_id: 'nobody' },
  { sub: 'ada' },
  { sub: 'bob' },
  { client_id: 'young' },
  { sub: 'zoe' },
  { client_id: 'till', sub: 'ada' },
  { client_id: 'shop', grant_type: 'password' },
]

test('a page out of 100,000 grants is found by an index, and a few thousand rows are read for it at the most, whatever is asked for', async (t) => {
  const { runtime, client, user } = await startLedger(t, { services: ['projector'], settings: { SWEEP_INTERVAL: '0' } })
  const { knex, schema } = runtime
  for (const client_id of ['shop', 'till', 'young']) await client({ client_id })
  for (const sub of ['ada', 'bob', 'zoe']) await user({ sub })
  await writeManyGrants(runtime, { live: 98_000, expired: 1_000, revoked: 1_000 })
  const set = (what: string, where: string) => knex.raw(`UPDATE ${schema}.grants SET ${what} WHERE ${where}`)
  // The latest third is of one client and one user, and the latest tenth was revoked: the planner believes that such a
  // grant is soon met, wherever it looks.
  await set("client_id = 'young', principal_id = 'zoe'", 'get_byte(uuid_send(grant_id), 4) >= 170')
  await set("status = 'revoked', dead_at = now()", 'get_byte(uuid_send(grant_id), 4) >= 230')
  await set("client_id = 'till'", 'get_byte(uuid_send(grant_id), 6) % 64 = 1')
  await set("principal_id = 'bob'", 'get_byte(uuid_send(grant_id), 6) % 64 = 2')
  await knex.raw(`VACUUM ANALYZE ${schema}.grants, ${schema}.bearer_tokens`)
  for (const filters of FILTERS)
    for (const after of [null, 'ffffffff-0000-0000-0000-000000000000', '01890a5d-0000-0000-0000-000000000000']) {
      const plan = await planOf(runtime, filters, behind(filters, after))
      const about = `${JSON.stringify(filters)} after ${String(after)}: ${JSON.stringify(plan)}`
      const large = plan.filter(({ table }) => table === 'grants' || table === 'bearer_tokens')
      t.true(
        plan.some(({ table }) => table === 'grants'),
        about,
      )
      t.deepEqual(
        large.filter(({ node }) => node === 'Seq Scan'),
        [],
        about,
      )
      // A page looks at a thousand; where there are hardly more the planner may read and sort all of them.
      t.true(
        large.every(({ rows }) => rows <= 3_000),
        about,
      )
    }
})

test('a refresh changes no column that has an index of the grants, so it stays on its page', async (t) => {
  const ledger = await startLedger(t)
  const { knex, schema } = ledger.runtime
  const app = await ledger.publicClient()
  let { refresh_token } = await ledger.grant({ to: app })
  for (let n = 0; n < 20; n++) refresh_token = String((await refresh(ledger, app, refresh_token)).body['refresh_token'])
  const counted = async () => {
    const { rows } = await knex.raw<{ rows: { all: number; hot: number }[] }>(
      `SELECT n_tup_upd::int AS all, n_tup_hot_upd::int AS hot FROM pg_stat_user_tables WHERE schemaname = ? AND relname = 'grants'`,
      [schema],
    )
    return rows[0] ?? { all: 0, hot: 0 }
  }
  while ((await counted()).all < 20) continue
  const { all, hot } = await counted()
  t.is(hot, all)
})
