import { mkdir, writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import Table from 'cli-table3'
import { startKafka } from '../test/support/start-kafka.ts'
import { startPostgres } from '../test/support/start-postgres.ts'
import type { Generator } from './load.ts'
import { bareKoa, bareLog, barePostgres } from './limits.ts'
import { cpuSeconds, pidsOf } from './cpu.ts'
import { measureVerify, renderVerify, type VerifyMeasured } from './audit/measure.ts'
import { measureRefresh, startSubject, type Measured } from './subject.ts'

/**
 * `npm run bench`: refreshes per second of the real thing (endpoint and projector in processes of their own, on real
 * Kafka and PostgreSQL) beside the limits, measured in the same run on the same machine, warm, three times, median.
 */
const CONCURRENCY = (process.env['BENCH_CONCURRENCY'] ?? '32,128').split(',').map(Number)
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const MEASURE_MS = Number(process.env['BENCH_MEASURE_MS'] ?? 5_000)

const GENERATORS: Generator[] = ['autocannon', 'http']

const note = (text: string) => process.stderr.write(`${text}\n`)

type Row = Measured & { generator: Generator; concurrency: number; koa: number; kafkajs: number; postgres: number }

note('starting Kafka and PostgreSQL …')
const [kafka, postgres] = await Promise.all([startKafka(), startPostgres()])
const rows: Row[] = []
let verified: VerifyMeasured | undefined
try {
  const subject = await startSubject({ brokers: kafka.brokers, databaseUrl: postgres.url })
  const pids = async () => ({ ...subject.pids, ...(await pidsOf(kafka.brokers, postgres.url)) })
  try {
    for (const concurrency of CONCURRENCY) {
      note(`concurrency ${concurrency}: kafkajs and pg alone …`)
      const kafkajs = await median(ROUNDS, () => bareLog(kafka.brokers, subject, concurrency, MEASURE_MS))
      const pg = await median(ROUNDS, () => barePostgres(postgres.url, concurrency, MEASURE_MS))
      for (const generator of GENERATORS) {
        const round = { generator, concurrency, measureMs: MEASURE_MS }
        note(`concurrency ${concurrency}, ${generator}: refresh …`)
        const measured = await rounds(ROUNDS, async () => {
          const before = await cpuSeconds(await pids())
          return measureRefresh(subject, round, async () => cpuSeconds(await pids(), before))
        })
        note(`concurrency ${concurrency}, ${generator}: bare Koa …`)
        const koa = await median(ROUNDS, () => bareKoa(subject, round))
        rows.push({ ...measured, generator, concurrency, koa, kafkajs, postgres: pg })
      }
    }
    note('fold and verify, and refresh beside verify …')
    const round = {
      generator: 'autocannon' as const,
      concurrency: CONCURRENCY[0] ?? 32,
      measureMs: MEASURE_MS,
      rounds: ROUNDS,
    }
    verified = await measureVerify(subject, round, async () => cpuSeconds(await pids()))
  } finally {
    await subject.stop()
  }
} finally {
  await Promise.all([kafka.stop(), postgres.stop()])
}
process.stdout.write(`${render(rows)}\n${verified ? `${renderVerify(verified)}\n` : ''}`)
await mkdir('bench/results', { recursive: true })
const file = 'bench/results/refresh.json'
await writeFile(
  file,
  `${JSON.stringify({ at: new Date().toISOString(), node: process.version, cpu: cpus()[0]?.model, cores: cpus().length, rows, verified }, null, 2)}\n`,
)
note(`written to ${file}`)

/** The round with the median rate. */
async function rounds(count: number, measure: () => Promise<Measured>): Promise<Measured> {
  const all: Measured[] = []
  for (let i = 0; i < count; i++) all.push(await measure())
  all.sort((a, b) => a.rate - b.rate)
  const middle = all[Math.floor(all.length / 2)]
  if (!middle) throw new Error('no round was measured')
  return middle
}

async function median(count: number, measure: () => Promise<number>): Promise<number> {
  const all: number[] = []
  for (let i = 0; i < count; i++) all.push(await measure())
  all.sort((a, b) => a - b)
  return all[Math.floor(all.length / 2)] ?? 0
}

function render(measured: Row[]): string {
  const table = new Table({ style: { head: [], border: [] } })
  const line = (name: string, value: (row: Row) => string) => table.push([name, ...measured.map(value)])
  const whole = (value: number) => value.toFixed(0)
  const percent = (value: number) => `${(value * 100).toFixed(1)} %`
  line('concurrency', (row) => whole(row.concurrency))
  line('load generator', (row) => row.generator)
  line('refresh/s', (row) => whole(row.rate))
  line('failures', (row) => whole(row.failures))
  line('p50 / p95 / p99 ms', (row) => [row.p50, row.p95, row.p99].map(whole).join(' / '))
  line('bare Koa, same bytes/s', (row) => whole(row.koa))
  line('  ours of it', (row) => percent(row.rate / row.koa))
  line('bare kafkajs, acked records/s', (row) => whole(row.kafkajs))
  line('  ours of it', (row) => percent(row.rate / row.kafkajs))
  line('bare pg, same upserts/s', (row) => whole(row.postgres))
  line('  ours of it', (row) => percent(row.rate / row.postgres))
  for (const part of ['endpoint', 'projector', 'kafka', 'postgres'] as const)
    line(`CPU s per 1,000: ${part}`, (row) => (row.cpu[part] / (row.counted / 1000)).toFixed(2))
  line('refreshes per CPU second, all four', (row) =>
    whole(row.counted / Object.values(row.cpu).reduce((sum, seconds) => sum + seconds, 0)),
  )
  return table.toString()
}
