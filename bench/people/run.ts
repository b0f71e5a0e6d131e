import { mkdir, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import Table from 'cli-table3'
import knexOf from 'knex'
import { startKafka } from '../../test/support/start-kafka.ts'
import { startPostgres } from '../../test/support/start-postgres.ts'
import { costOf, type Ratio } from './cost.ts'
import { foldCost } from './fold.ts'
import { freshKey, type Opened, openRelease } from './release.ts'
import { rehearse, type Rehearsed } from './rotation.ts'
import { ROOT, startSide } from './side.ts'

/**
 * `npm run bench -- people [--before DIR] [--people 100000] [--forget 10000] [--only fold|cost|rehearsal]`: what sealed
 * people cost beside plain ones, and forgetting and rotation with many. DIR: a built checkout of a release before.
 */
const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    before: { type: 'string' },
    people: { type: 'string', default: '100000' },
    forget: { type: 'string', default: '10000' },
    only: { type: 'string' },
    pairs: { type: 'string', default: '5' },
    folded: { type: 'string', default: '20000' },
  },
})
const PAIRS = Number(values.pairs)
const FOLDED_USERS = Number(values.folded)

const note = (text: string) => process.stderr.write(`${text}\n`)

note('starting Kafka and PostgreSQL …')
const postgres = await startPostgres()
const closing: (() => Promise<unknown>)[] = [postgres.stop]
try {
  const cost = values.only === 'rehearsal' ? {} : await measureCost()
  const rehearsed = values.only === undefined || values.only === 'rehearsal' ? await measureRehearsal() : {}
  process.stdout.write(`${render(cost, rehearsed)}\n`)
  await mkdir('bench/results', { recursive: true })
  const result = { at: new Date().toISOString(), node: process.version, cost, rehearsed }
  await writeFile('bench/results/people.json', `${JSON.stringify(result, null, 2)}\n`)
  note('written to bench/results/people.json')
} finally {
  for (const close of closing.toReversed()) await close()
}

async function brokers(): Promise<string[]> {
  const kafka = await startKafka()
  closing.push(kafka.stop)
  return kafka.brokers
}

async function database(name: string): Promise<string> {
  const knex = knexOf({ client: 'pg', connection: postgres.url })
  await knex.raw(`CREATE DATABASE ${name}`)
  await knex.destroy()
  const url = new URL(postgres.url)
  url.pathname = name
  return url.href
}

async function opened(root: string, env: Record<string, string>): Promise<Opened> {
  const release = await openRelease(root, env)
  closing.push(release.close)
  return release
}

async function measureCost(): Promise<Record<string, Ratio>> {
  const env = async (name: string) => ({
    LEDGER_DATABASE_URL: await database(name),
    LEDGER_SECRETS_SYSTEM: freshKey(1),
  })
  const plain = await opened(ROOT, await env('plain'))
  const sealed = await opened(ROOT, await env('sealed'))
  const unsealed = values.before === undefined ? null : await opened(values.before, await env('unsealed'))
  note(`folding ${FOLDED_USERS} users, in turn …`)
  const fold = await foldCost({ plain, sealed, before: unsealed }, FOLDED_USERS, PAIRS)
  if (values.before === undefined || values.only === 'fold') return fold
  note(render(fold, {}))
  const kafka = await brokers()
  const before = await startSide({ root: values.before, brokers: kafka, databaseUrl: await database('before') })
  closing.push(before.stop)
  const now = await startSide({ brokers: kafka, databaseUrl: await database('now') })
  closing.push(now.stop)
  note('users created, refreshes, checks: before and now in turn …')
  return { ...fold, ...(await costOf({ before, now }, PAIRS)) }
}

async function measureRehearsal(): Promise<Rehearsed> {
  const [one, two] = [freshKey(1), freshKey(2)]
  const databaseUrl = await database('rehearsal')
  const side = await startSide({ brokers: await brokers(), databaseUrl, secrets: `${one},${two}` })
  closing.push(side.stop)
  const { runtime, ledger_id } = await opened(ROOT, side.env)
  const [people, forgotten] = [Number(values.people), Number(values.forget)]
  return rehearse({ side, runtime, ledger_id, rotated: `${two},${one}`, people, forgotten }, note)
}

function render(cost: Record<string, Ratio>, rehearsed: Rehearsed): string {
  const table = new Table({ style: { head: [], border: [] } })
  const number = (value: number) => value.toLocaleString('en-US', { maximumFractionDigits: value < 10 ? 2 : 0 })
  for (const [what, { before, now, ratio }] of Object.entries(cost))
    table.push([what, number(before), number(now), `${ratio.toFixed(2)} times`])
  for (const [what, value] of Object.entries(rehearsed)) table.push([what, '', number(value), ''])
  return table.toString()
}
