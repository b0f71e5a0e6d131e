import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import knexOf from 'knex'
import { topicsOf } from '../shared/event-log/places.ts'
import { readModelInUse } from '../shared/read-model/versions/read-models.ts'
import { writeManyGrants } from '../test/support/many-grants.ts'
import { startKafka } from '../test/support/start-kafka.ts'
import { startPostgres } from '../test/support/start-postgres.ts'
import { measureRefresh, startSubject, type Measured, type Subject } from './subject.ts'

/**
 * `npm run bench -- sweep`: what a refresh costs while the projector sweeps BENCH_DEAD_GRANTS dead grants (default a
 * million), beside what it costs when there is nothing to sweep, and how long that takes.
 */
const DEAD = Number(process.env['BENCH_DEAD_GRANTS'] ?? 1_000_000)
const CONCURRENCY = Number(process.env['BENCH_CONCURRENCY'] ?? 32)
const MEASURE_MS = Number(process.env['BENCH_MEASURE_MS'] ?? 5_000)
const QUIET_ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
/** Beside the dead, so that the tables are none of a young ledger. */
const LIVE = 100_000
const AT_ONCE = 100_000

type Sweep = { dead: number; seconds: number; quiet: Measured[]; beside: Measured[]; quietAgain: Measured[] }

const note = (text: string) => process.stderr.write(`${text}\n`)

note('starting Kafka and PostgreSQL …')
const [kafka, postgres] = await Promise.all([startKafka(), startPostgres()])
const knex = knexOf({ client: 'pg', connection: postgres.url, pool: { min: 0, max: 2 } })
const tables = { knex, schema: '', topics: topicsOf('token-ledger') }
try {
  const subject = await startSubject({
    brokers: kafka.brokers,
    databaseUrl: postgres.url,
    settings: { LEDGER_SWEEP_INTERVAL: '1' },
  })
  const result = await measure(subject).finally(() => subject.stop())
  process.stdout.write(`${render(result)}\n`)
  await mkdir('bench/results', { recursive: true })
  const about = { at: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model, cores: cpus().length }
  await writeFile('bench/results/sweep.json', `${JSON.stringify({ ...about, ...result }, null, 2)}\n`)
  note('written to bench/results/sweep.json')
} finally {
  await knex.destroy()
  await Promise.all([kafka.stop(), postgres.stop()])
}

async function measure(subject: Subject): Promise<Sweep> {
  tables.schema = await readModelInUse(knex)
  const round = async (): Promise<Measured> => {
    const order = { generator: 'autocannon', concurrency: CONCURRENCY, measureMs: MEASURE_MS } as const
    const measured = await measureRefresh(subject, order, () =>
      Promise.resolve({ endpoint: 0, projector: 0, kafka: 0, postgres: 0 }),
    )
    note(`  p95 ${measured.p95.toFixed(0)} ms, ${measured.rate.toFixed(0)} refreshes/s`)
    return measured
  }
  note(`writing ${LIVE} live grants …`)
  await writeManyGrants(tables, { live: LIVE })
  await analyze()
  note('refreshes with nothing to sweep …')
  const quiet = await times(QUIET_ROUNDS, round)
  note(`writing ${DEAD} dead grants …`)
  await fill()
  note('refreshes beside the sweeper …')
  const started = performance.now()
  const done = swept().then(() => (performance.now() - started) / 1000)
  const beside: Measured[] = []
  const isDone = { yet: false }
  void done.then(() => (isDone.yet = true))
  // What was measured while it ended is of neither kind.
  for (;;) {
    const measured = await round()
    if (isDone.yet) break
    beside.push(measured)
  }
  note('refreshes with nothing to sweep, again …')
  return { dead: DEAD, seconds: await done, quiet, beside, quietAgain: await times(QUIET_ROUNDS, round) }
}

/** All at once for the projector: what one transaction wrote is seen when it ends. */
async function fill(): Promise<void> {
  await knex.transaction(async (tx) => {
    for (let written = 0; written < DEAD; written += AT_ONCE) {
      const half = Math.floor(Math.min(AT_ONCE, DEAD - written) / 2)
      await writeManyGrants({ ...tables, knex: tx }, { expired: half, revoked: half })
    }
  })
  await analyze()
}

// As autovacuum does where rows come little by little: without it the plans would be those of a small table.
async function analyze(): Promise<void> {
  await knex.raw(`ANALYZE ${tables.schema}.grants, ${tables.schema}.bearer_tokens`)
}

async function swept(): Promise<void> {
  const left = async () => {
    const { rows } = await knex.raw<{ rows: { found: boolean }[] }>(
      `SELECT EXISTS (SELECT FROM ${tables.schema}.grants WHERE client_id = 'shop' AND (refresh_exp < extract(epoch FROM now()) OR dead_at IS NOT NULL)) AS found`,
    )
    return rows[0]?.found === true
  }
  while (await left()) await new Promise((resolve) => void setTimeout(resolve, 2_000))
}

async function times(count: number, round: () => Promise<Measured>): Promise<Measured[]> {
  const all: Measured[] = []
  for (let i = 0; i < count; i++) all.push(await round())
  return all
}

function render({ dead, seconds, quiet, beside, quietAgain }: Sweep): string {
  const p95 = (rounds: Measured[]) => {
    const all = rounds.map((one) => one.p95).sort((a, b) => a - b)
    return all[Math.floor(all.length / 2)] ?? 0
  }
  const without = p95([...quiet, ...quietAgain])
  return [
    `dead grants swept          ${dead} in ${seconds.toFixed(0)} s (${(dead / seconds).toFixed(0)}/s)`,
    `refresh p95 without        ${without.toFixed(0)} ms (before ${p95(quiet).toFixed(0)}, after ${p95(quietAgain).toFixed(0)})`,
    `refresh p95 beside         ${p95(beside).toFixed(0)} ms, median of ${beside.length} rounds (worst ${Math.max(...beside.map((one) => one.p95)).toFixed(0)})`,
    `ratio                      ${(p95(beside) / without).toFixed(2)}`,
    `failures                   ${[...quiet, ...beside, ...quietAgain].reduce((sum, one) => sum + one.failures, 0)}`,
  ].join('\n')
}
