import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import Table from 'cli-table3'
import knexOf from 'knex'
import { topicsOf } from '../shared/event-log/places.ts'
import { type GrantFilters, grantPage } from '../shared/read-model/lists/grant-page.ts'
import { GRANT_STATUSES } from '../shared/read-model/lists/grant-status.ts'
import { pageSql } from '../shared/read-model/lists/page.ts'
import { readModelInUse } from '../shared/read-model/versions/read-models.ts'
import { writeManyGrants } from '../test/support/many-grants.ts'
import { startKafka } from '../test/support/start-kafka.ts'
import { startPostgres } from '../test/support/start-postgres.ts'
import { cpuSeconds, pidsOf } from './cpu.ts'
import { measureRefresh, startSubject, type Subject } from './subject.ts'

/**
 * `npm run bench -- lists`: the time of the database for the first and the last page of BENCH_GRANTS grants (default a
 * million), by filter, and what a refresh costs with and without the two indexes that the lists brought, in turn.
 */
const GRANTS = Number(process.env['BENCH_GRANTS'] ?? 1_000_000)
const PAIRS = Number(process.env['BENCH_PAIRS'] ?? 5)
const MEASURE_MS = Number(process.env['BENCH_MEASURE_MS'] ?? 5_000)
const CONCURRENCY = Number(process.env['BENCH_CONCURRENCY'] ?? 32)
const REPEATS = 7
const AT_ONCE = 100_000

const INDEXES = {
  grants_client: '(client_id, grant_id)',
  grants_principal: '(principal_type, principal_id, grant_id)',
}

type Page = { filter: string; first: number; last: number }
type Cost = { cpu: number; p50: number; rate: number; failures: number }
type Pair = { with: Cost; without: Cost }

const note = (text: string) => process.stderr.write(`${text}\n`)

note('starting Kafka and PostgreSQL …')
const [kafka, postgres] = await Promise.all([startKafka(), startPostgres()])
const knex = knexOf({ client: 'pg', connection: postgres.url, pool: { min: 0, max: 2 } })
const tables = { knex, schema: '', topics: topicsOf('token-ledger') }
try {
  const settings = { LEDGER_SWEEP_INTERVAL: '0' }
  const subject = await startSubject({ brokers: kafka.brokers, databaseUrl: postgres.url, settings })
  const result = await measure(subject).finally(() => subject.stop())
  process.stdout.write(`${renderPages(result.pages)}\n${renderCost(result.pairs)}\n`)
  await mkdir('bench/results', { recursive: true })
  const about = { at: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model, cores: cpus().length }
  await writeFile('bench/results/lists.json', `${JSON.stringify({ ...about, grants: GRANTS, ...result }, null, 2)}\n`)
  note('written to bench/results/lists.json')
} finally {
  await knex.destroy()
  await Promise.all([kafka.stop(), postgres.stop()])
}

async function measure(subject: Subject): Promise<{ pages: Page[]; pairs: Pair[] }> {
  tables.schema = await readModelInUse(knex)
  note(`writing ${GRANTS} grants …`)
  await fill()
  note('pages …')
  const pages: Page[] = []
  for (const [filter, filters] of Object.entries(asked())) {
    pages.push({ filter, first: await msOf(filters, null), last: await msOf(filters, await lastPage(filters)) })
  }
  note(renderPages(pages))
  note('refreshes with and without the two indexes, in turn …')
  const pairs: Pair[] = []
  for (let n = 0; n <= PAIRS; n++) {
    const order = n % 2 ? (['with', 'without'] as const) : (['without', 'with'] as const)
    const pair: Partial<Pair> = {}
    for (const one of order) pair[one] = await refreshing(subject, one)
    // The first warms both up, and does not count.
    if (n > 0 && pair.with && pair.without) pairs.push({ with: pair.with, without: pair.without })
  }
  return { pages, pairs }
}

/** Of one client and one user all but a few, of which some are of another client, and some of another user. */
async function fill(): Promise<void> {
  const { schema } = tables
  for (let written = 0; written < GRANTS; written += AT_ONCE) {
    const few = AT_ONCE / 100
    await writeManyGrants(tables, { live: AT_ONCE - 2 * few, expired: few, revoked: few })
  }
  for (const client_id of ['shop', 'till'])
    await knex.raw(
      `INSERT INTO ${schema}.clients (client_id, enabled, value, revision, deleted, last_offset, at)
       VALUES (?, true, '{}', 1, false, 0, now())`,
      [client_id],
    )
  for (const sub of ['ada', 'bob', 'off'])
    await knex.raw(
      `INSERT INTO ${schema}.users (sub, enabled, value, revision, deleted, last_offset, at)
       VALUES (?, ?, '{}', 1, false, 0, now())`,
      [sub, sub !== 'off'],
    )
  const few = (column: string, value: string, at: number) =>
    knex.raw(`UPDATE ${schema}.grants SET ${column} = ? WHERE get_byte(uuid_send(grant_id), 6) = ?`, [value, at])
  await few('client_id', 'till', 1)
  await few('principal_id', 'bob', 2)
  await few('principal_id', 'off', 3)
  await knex.raw(`VACUUM ANALYZE ${schema}.grants, ${schema}.bearer_tokens`)
}

function asked(): Record<string, GrantFilters> {
  const whose: Record<string, GrantFilters> = {
    all: {},
    'client_id, of nearly all': { client_id: 'shop' },
    'client_id, of few': { client_id: 'till' },
    'sub, of nearly all': { sub: 'ada' },
    'sub, of few': { sub: 'bob' },
    'both, of few': { client_id: 'till', sub: 'ada' },
  }
  const withStatus = Object.entries(whose).flatMap(([name, filters]) =>
    GRANT_STATUSES.map((status): [string, GrantFilters] => [`${name}; ${status}`, { ...filters, status }]),
  )
  return { ...whose, ...Object.fromEntries(withStatus) }
}

/** Behind which key the last page comes: a thousand grants, which is what a page looks at, before the end. */
async function lastPage({ client_id, sub, status }: GrantFilters): Promise<string[]> {
  const has = status === 'revoked' || status === 'authorized' ? { status } : {}
  const principal_type = 'user'
  const where =
    sub !== undefined ? { principal_type, principal_id: sub } : client_id !== undefined ? { client_id } : has
  const [row] = await knex(`${tables.schema}.grants`)
    .where(where)
    .orderBy('grant_id', 'desc')
    .offset(1_000)
    .limit(1)
    .select<{ grant_id: string }[]>('grant_id')
  return [...Object.values(where), row?.grant_id ?? '00000000-0000-0000-0000-000000000000']
}

/** Planning and execution, the median of some. */
async function msOf(filters: GrantFilters, after: string[] | null): Promise<number> {
  const question = grantPage(tables, { filters, after, limit: 100 })
  const { sql, bindings } = pageSql(tables.schema, question)
  const all: number[] = []
  for (let n = 0; n < REPEATS; n++) {
    const { rows } = await knex.raw<{ rows: { 'QUERY PLAN': Record<'Planning Time' | 'Execution Time', number>[] }[] }>(
      `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${sql}`,
      bindings,
    )
    const [plan] = rows[0]?.['QUERY PLAN'] ?? []
    all.push((plan?.['Planning Time'] ?? NaN) + (plan?.['Execution Time'] ?? NaN))
  }
  return median(all)
}

async function refreshing(subject: Subject, which: keyof Pair): Promise<Cost> {
  for (const [name, columns] of Object.entries(INDEXES)) {
    await knex.raw(`DROP INDEX IF EXISTS ${tables.schema}.${name}`)
    if (which === 'with') await knex.raw(`CREATE INDEX ${name} ON ${tables.schema}.grants ${columns}`)
  }
  await knex.raw('CHECKPOINT')
  const pids = async () => ({ ...subject.pids, ...(await pidsOf(kafka.brokers, postgres.url)) })
  const before = await cpuSeconds(await pids())
  const order = { generator: 'autocannon', concurrency: CONCURRENCY, measureMs: MEASURE_MS } as const
  const measured = await measureRefresh(subject, order, async () => cpuSeconds(await pids(), before))
  const { cpu, counted, p50, rate, failures } = measured
  note(`  ${which}: ${((1000 * 1000 * cpu.postgres) / counted).toFixed(0)} µs, ${rate.toFixed(0)}/s`)
  return { cpu: (1000 * 1000 * cpu.postgres) / counted, p50, rate, failures }
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN
}

function renderPages(pages: Page[]): string {
  const table = new Table({ style: { head: [], border: [] }, head: ['filters', 'first page, ms', 'last page, ms'] })
  for (const { filter, first, last } of pages) table.push([filter, first.toFixed(1), last.toFixed(1)])
  return table.toString()
}

function renderCost(pairs: Pair[]): string {
  const of = (which: keyof Pair, member: keyof Cost) => median(pairs.map((pair) => pair[which][member]))
  const ratio = median(pairs.map((pair) => pair.with.cpu / pair.without.cpu))
  const line = (which: keyof Pair) =>
    `${which.padEnd(8)} the two indexes: PostgreSQL's CPU ${of(which, 'cpu').toFixed(0)} µs a refresh, p50 ${of(which, 'p50').toFixed(0)} ms, ${of(which, 'rate').toFixed(0)}/s`
  return [line('without'), line('with'), `ratio of the CPU, median of ${pairs.length} pairs: ${ratio.toFixed(3)}`].join(
    '\n',
  )
}
