import { fork } from 'node:child_process'
import { once } from 'node:events'
import Table from 'cli-table3'
import { startKafka } from '../../test/support/start-kafka.ts'
import { startPostgres } from '../../test/support/start-postgres.ts'
import { cpuBetween, cpuOf, cpuSeconds, PARTS, pidsOf } from '../cpu.ts'
import { ask, startSubject, type Subject } from '../subject.ts'
import { CLIENT_FORM, exchangeForms, refreshForm } from './forms.ts'
import type { Loaded, LoadOrder } from './load.ts'

/**
 * `npm run bench -- grant-types`: what an answer costs in CPU, by grant type, and of bare Koa with the same bytes. The
 * grant types are measured in turn, on the same processes; a code exchange is to cost at most 1.5 times a refresh.
 */
const ROOT = new URL('../..', import.meta.url).pathname
const CONNECTIONS = Number(process.env['BENCH_CONCURRENCY'] ?? 32)
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5)
/** Answers of one connection in one round. */
const EACH = Number(process.env['BENCH_EACH'] ?? 100)

const KINDS = ['refresh', 'code', 'client'] as const
type Kind = (typeof KINDS)[number]
/** CPU of one answer in µs, by part. */
type Cost = Record<(typeof PARTS)[number] | 'all' | 'koa', number>

const note = (text: string) => process.stderr.write(`${text}\n`)

note('starting Kafka and PostgreSQL …')
const [kafka, postgres] = await Promise.all([startKafka(), startPostgres()])
const costs: Record<Kind, Cost[]> = { refresh: [], code: [], client: [] }
try {
  const subject = await startSubject({ brokers: kafka.brokers, databaseUrl: postgres.url })
  try {
    for (let round = 0; round <= ROUNDS; round++) {
      note(round === 0 ? 'warming up …' : `round ${round} of ${ROUNDS} …`)
      for (const kind of KINDS) {
        const cost = await costOf(subject, kind)
        if (round > 0) costs[kind].push(cost)
      }
    }
  } finally {
    await subject.stop()
  }
} finally {
  await Promise.all([kafka.stop(), postgres.stop()])
}
process.stdout.write(`${render()}\n`)

async function formsOf(subject: Subject, kind: Kind, each: number): Promise<string[][]> {
  const connections = Array.from({ length: CONNECTIONS }, (_, n) => n)
  if (kind === 'client') return connections.map(() => [CLIENT_FORM])
  if (kind === 'refresh') return (await subject.grants(CONNECTIONS)).map((token) => [refreshForm(token)])
  const forms = await exchangeForms(subject, CONNECTIONS * each)
  return connections.map((n) => forms.slice(n * each, (n + 1) * each))
}

async function costOf(subject: Subject, kind: Kind): Promise<Cost> {
  const { port, authorization } = subject
  const order = { authorization, each: EACH, follows: kind === 'refresh' }
  const forms = await formsOf(subject, kind, EACH)
  const pids = { ...subject.pids, ...(await pidsOf(kafka.brokers, postgres.url)) }
  const before = await cpuSeconds(pids)
  const answered = await load({ ...order, port, forms })
  const spent = await cpuSeconds(pids, before)
  const perAnswer = PARTS.map((part) => [part, (spent[part] / answered) * 1e6] as const)
  const all = perAnswer.reduce((sum, [, cost]) => sum + cost, 0)
  const koa = await bareKoa(subject, kind, (barePort) => load({ ...order, port: barePort, forms, follows: false }))
  return { ...(Object.fromEntries(perAnswer) as Cost), all, koa }
}

async function load(order: LoadOrder): Promise<number> {
  const { answered, failures } = await ask<Loaded>('grant-types/load.ts', order)
  if (failures > 0) throw new Error(`${failures} of ${answered + failures} requests failed`)
  return answered
}

/** CPU of an answer of Koa, router and body parser alone, with the bytes of a real one. */
async function bareKoa(subject: Subject, kind: Kind, drive: (port: number) => Promise<number>): Promise<number> {
  const [[form = ''] = []] = await formsOf(subject, kind, 1)
  const sample = await fetch(`http://127.0.0.1:${subject.port}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: subject.authorization, 'content-type': 'application/x-www-form-urlencoded' },
    body: form,
  })
  if (sample.status !== 200) throw new Error(`no sample: ${sample.status}`)
  const own = /^(date|connection|keep-alive|content-length|content-type)$/
  const headers = Object.fromEntries([...sample.headers].filter(([name]) => !own.test(name)))
  const child = fork(`${ROOT}bench/bare-koa.ts`, [await sample.text(), JSON.stringify(headers)], {
    execArgv: ['--import', 'tsx'],
    env: { ...process.env, NODE_ENV: 'production' },
  })
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    await drive(port)
    const before = await cpuOf({ pid: child.pid ?? 0 })
    const answered = await drive(port)
    return (cpuBetween(before, await cpuOf({ pid: child.pid ?? 0 })) / answered) * 1e6
  } finally {
    child.kill()
  }
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}

function render(): string {
  const table = new Table({ head: ['µs of CPU an answer', ...KINDS], style: { head: [], border: [] } })
  const line = (name: string, value: (kind: Kind) => string) => table.push([name, ...KINDS.map(value)])
  for (const part of [...PARTS, 'all', 'koa'] as const)
    line(part, (kind) => median(costs[kind].map((cost) => cost[part])).toFixed(0))
  const timesRefresh = (part: 'all' | 'endpoint') => (kind: Kind) =>
    median(costs[kind].map((cost, n) => cost[part] / (costs.refresh[n]?.[part] ?? NaN))).toFixed(2)
  line('times a refresh, all', timesRefresh('all'))
  line('times a refresh, endpoint', timesRefresh('endpoint'))
  line('times bare Koa, endpoint', (kind) => median(costs[kind].map(({ endpoint, koa }) => endpoint / koa)).toFixed(1))
  return table.toString()
}
