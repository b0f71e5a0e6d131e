import type { ExecutionContext } from 'ava'
import type { Knex } from 'knex'
import { pageSql } from '../../../shared/read-model/lists/page.ts'
import { placesSql } from '../../../shared/read-model/lists/places.ts'
import { registryPage, type RegistryPageQuestion } from '../../../shared/read-model/lists/registry-page.ts'
import { realTest } from '../../support/real-parts.ts'
import { type Ledger, startLedger } from '../ledger.ts'

const test = realTest('postgres')

const MANY = 20_000
/** What a page may touch of a table: its own rows, those of a filter beside it, and the one row more. */
const FEW = 1_500

/** Many of each kind: every 1000th is disabled, and in a group of its own beside that of everybody. */
async function fill({ runtime: { knex, schema } }: Ledger): Promise<void> {
  const rest = 'revision, deleted, last_offset, at'
  const values = '1, false, 1, now()'
  const groups = "ARRAY['many', CASE WHEN n % 1000 = 0 THEN 'few' ELSE 'most' END]"
  const n = `FROM generate_series(1, ${MANY}) AS n`
  const json = "'{}'::jsonb"
  await knex.raw(`
    INSERT INTO ${schema}.users (sub, username, username_sort, groups, enabled, value, ${rest})
      SELECT 'u' || n, 'Name' || n, 'name' || n, ${groups}, n % 1000 <> 0, jsonb_build_object('sub', 'u' || n, 'groups', ${groups}, 'enabled', true), ${values} ${n};
    INSERT INTO ${schema}.clients (client_id, client_name, client_version, groups, scope, enabled, resource_server_folders, value, ${rest})
      SELECT 'c' || n, 'Client' || n, '1', ${groups}, CASE WHEN n % 1000 = 0 THEN 'many few' ELSE 'many' END, n % 1000 <> 0,
             CASE WHEN n = 1 THEN ARRAY['few'] END, jsonb_build_object('groups', ${groups}, 'scope', ''), ${values} ${n};
    INSERT INTO ${schema}.scopes (name, includes, value, ${rest}) SELECT 's' || n, ARRAY['f' || n], ${json}, ${values} ${n};
    INSERT INTO ${schema}.groups (name, value, ${rest}) SELECT 'g' || n, ${json}, ${values} ${n};
    INSERT INTO ${schema}.groups (name, value, ${rest}) SELECT name, ${json}, ${values} FROM unnest(ARRAY['few', 'many']) AS name;
    INSERT INTO ${schema}.acls (name, allowed_groups, denied_groups, value, ${rest})
      SELECT 'a' || n, '{}', '{}', '{"allowed_groups":[],"denied_groups":[]}', ${values} ${n};
    INSERT INTO ${schema}.resources (name, value, ${rest}) SELECT 'r' || n, ${json}, ${values} ${n}`)
  for (const table of ['users', 'clients', 'scopes', 'groups', 'acls', 'resources'])
    await knex.raw(`ANALYZE ${schema}.${table}`)
}

type Node = {
  'Node Type': string
  'Relation Name'?: string
  'Actual Rows': number
  'Actual Loops': number
  'Rows Removed by Filter'?: number
  'Rows Removed by Index Recheck'?: number
  Plans?: Node[]
}

/** Nodes that go through more rows than a page may, and those that go through all of a table. */
async function costly(knex: Knex, sql: string, bindings: (string | number | string[])[]): Promise<string[]> {
  const { rows } = await knex.raw<{ rows: { 'QUERY PLAN': { Plan: Node }[] }[] }>(
    `EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`,
    bindings,
  )
  const nodes: Node[] = []
  const walk = (node: Node) => {
    nodes.push(node)
    for (const one of node.Plans ?? []) walk(one)
  }
  for (const { Plan } of rows[0]?.['QUERY PLAN'] ?? []) walk(Plan)
  return nodes.flatMap((node) => {
    const read =
      node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)
    const isCostly = read * node['Actual Loops'] > FEW
    return isCostly ? [`${node['Node Type']} ${node['Relation Name'] ?? ''} ${read} × ${node['Actual Loops']}`] : []
  })
}

test('a page of a list, the first or the last, goes through its own rows and not through the table', async (t) => {
  const ledger = await startLedger(t)
  await fill(ledger)
  const { knex } = ledger.runtime
  const explain = async (
    question: Partial<RegistryPageQuestion> & Pick<RegistryPageQuestion, 'kind'>,
    title: string,
  ) => {
    const page = registryPage(ledger.runtime, { filters: {}, after: null, limit: 100, ...question })
    const { sql, bindings } = pageSql(ledger.runtime.schema, page)
    t.deepEqual(await costly(knex, sql, bindings), [], title)
  }
  for (const [kind, last] of [
    ['user', 'u99'],
    ['client', 'c99'],
    ['scope', 's99'],
    ['group', 'g99'],
    ['acl', 'a99'],
    ['resource', 'r99'],
  ] as const) {
    await explain({ kind }, `${kind}: first`)
    await explain({ kind, after: [last] }, `${kind}: last`)
    await explain({ kind, prefix: last }, `${kind}: prefix`)
  }
  for (const kind of ['user', 'client'] as const) {
    for (const filters of [
      { enabled: true },
      { enabled: false },
      { group: 'few' },
      { group: 'many' },
      { group: 'none' },
    ])
      await explain({ kind, filters }, `${kind} ${JSON.stringify(filters)}`)
    await explain({ kind, prefix: 'n', filters: { group: 'many' } }, 'both')
  }
  await explain({ kind: 'user', prefix: 'NAME', after: ['name9', 'u9'] }, 'by name')
  await places(t, ledger)
})

async function places(t: ExecutionContext, { runtime }: Ledger): Promise<void> {
  const { knex, schema } = runtime
  for (const [kind, name] of [
    ['scope', 'few'],
    ['group', 'few'],
    ['group', 'none'],
  ] as const) {
    const { sql, bindings } = placesSql(schema, kind, name)
    t.deepEqual(
      (await costly(knex, sql, bindings)).filter((node) => !/acls/.test(node)),
      [],
      `who names ${kind} ${name}`,
    )
  }
}
