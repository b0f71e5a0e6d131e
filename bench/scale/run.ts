import { mkdir, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import { startKafka } from '../../test/support/start-kafka.ts'
import { startPostgres } from '../../test/support/start-postgres.ts'
import { type Figures, measure } from './figures.ts'
import { startScaled } from './ledger.ts'

/**
 * `npm run bench -- scale [--grants 6000000]`: appends issued grants straight to the log until there are so many, lets
 * the projector fold them, and prints what each start, probe and question of an operator takes then.
 */
const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { grants: { type: 'string', default: '1000000' } },
})
const most = Number(values.grants)
const sizes = [10_000, 100_000, 1_000_000].filter((size) => size < most).concat(most)

const note = (text: string) => process.stderr.write(`${text}\n`)

note('starting Kafka and PostgreSQL …')
const [kafka, postgres] = await Promise.all([startKafka(), startPostgres()])
const columns: Figures[] = []
try {
  const ledger = await startScaled({ brokers: kafka.brokers, databaseUrl: postgres.url })
  try {
    for (const size of sizes) {
      note(`${size} grants: append and fold …`)
      const grown = await ledger.growTo(size)
      note(`${size} grants: measure …`)
      columns.push({ grants: size, ...grown, ...(await measure(ledger)) })
    }
  } finally {
    await ledger.stop()
  }
} finally {
  await Promise.all([kafka.stop(), postgres.stop()])
}
process.stdout.write(`${render(columns)}\n`)
await mkdir('bench/results', { recursive: true })
await writeFile('bench/results/scale.json', `${JSON.stringify({ at: new Date().toISOString(), columns }, null, 2)}\n`)
note('written to bench/results/scale.json')

function render(measured: Figures[]): string {
  const table = new Table({ style: { head: [], border: [] } })
  const names = Object.keys(measured[0] ?? {})
  for (const name of names) table.push([name, ...measured.map((column) => (column[name] ?? 0).toLocaleString('en-US'))])
  return table.toString()
}
