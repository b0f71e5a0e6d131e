import { fork } from 'node:child_process'
import { once } from 'node:events'
import Table from 'cli-table3'
import { startKafka } from '../../test/support/start-kafka.ts'
import { startPostgres } from '../../test/support/start-postgres.ts'
import { cpuBetween, cpuOf } from '../cpu.ts'
import { ask, load, startSubject, type Subject, WARM_MS } from '../subject.ts'
import type { PageOrder, PagesLoaded } from './load.ts'
import { createPerson, keepLoggingIn, logIn, type Person, wholeFlow } from './person.ts'

/**
 * `npm run bench -- pages`: what the login page and the consent page cost in CPU, beside bare Koa with the same bytes
 * (at most 3 times is asked); a whole flow; and refreshes beside 20 logins a second, in the same process (at most 1.5
 * times the p95 is asked).
 */
const ROOT = new URL('../..', import.meta.url).pathname
const CONNECTIONS = Number(process.env['BENCH_CONCURRENCY'] ?? 8)
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5)
/** Answers of one connection in one round. */
const EACH = Number(process.env['BENCH_EACH'] ?? 200)
const FLOWS = Number(process.env['BENCH_FLOWS'] ?? 40)
const MEASURE_MS = Number(process.env['BENCH_MEASURE_MS'] ?? 5_000)
const LOGINS_A_SECOND = 20

const note = (text: string) => process.stderr.write(`${text}\n`)

type PageCost = { ours: number; koa: number }

note('starting Kafka and PostgreSQL …')
const [kafka, postgres] = await Promise.all([startKafka(), startPostgres()])
try {
  const services = ['token-endpoint', 'authorize']
  const settings = { LEDGER_ADDRESS_FAILURES: '100000' }
  const subject = await startSubject({ brokers: kafka.brokers, databaseUrl: postgres.url, services, settings })
  try {
    const person = await createPerson(subject)
    const pages = await measurePages(subject, person)
    const flows = await measureFlows(person)
    const refreshes = await measureBeside(subject, person)
    process.stdout.write(`${render(pages, flows, refreshes)}\n`)
  } finally {
    await subject.stop()
  }
} finally {
  await Promise.all([kafka.stop(), postgres.stop()])
}

async function measurePages(subject: Subject, person: Person) {
  const { browser } = await logIn(person)
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const headers = { accept: 'text/html' }
  const costs = { login: [] as PageCost[], consent: [] as PageCost[] }
  for (let round = 0; round <= ROUNDS; round++) {
    note(round === 0 ? 'warming up …' : `pages, round ${round} of ${ROUNDS} …`)
    for (const page of ['login', 'consent'] as const) {
      const sent = page === 'login' ? headers : { ...headers, cookie }
      const cost = await costOf(subject, person, sent)
      if (round > 0) costs[page].push(cost)
    }
  }
  return costs
}

/** CPU of an answer in µs: of the process that makes it, and of bare Koa with its bytes. */
async function costOf({ pids }: Subject, { url, request }: Person, headers: Record<string, string>): Promise<PageCost> {
  const drive = (origin: string) => loadPages({ url: origin + request, headers, connections: CONNECTIONS, each: EACH })
  const [pid = 0] = pids.endpoint
  const before = await cpuOf({ pid })
  const answered = await drive(url)
  const ours = (cpuBetween(before, await cpuOf({ pid })) / answered) * 1e6
  return { ours, koa: await bareKoa(await fetch(url + request, { headers }), drive) }
}

async function bareKoa(sample: Response, drive: (origin: string) => Promise<number>): Promise<number> {
  const own = /^(date|connection|keep-alive|content-length)$/
  const headers = Object.fromEntries([...sample.headers].filter(([name]) => !own.test(name)))
  const args = [JSON.stringify(await sample.text()), JSON.stringify(headers)]
  const env = { ...process.env, NODE_ENV: 'production' }
  const child = fork(`${ROOT}bench/bare-koa.ts`, args, { execArgv: ['--import', 'tsx'], env })
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }]
    const origin = `http://127.0.0.1:${port}`
    await drive(origin)
    const before = await cpuOf({ pid: child.pid ?? 0 })
    const answered = await drive(origin)
    return (cpuBetween(before, await cpuOf({ pid: child.pid ?? 0 })) / answered) * 1e6
  } finally {
    child.kill()
  }
}

async function loadPages(order: PageOrder): Promise<number> {
  const { answered, failures } = await ask<PagesLoaded>('pages/load.ts', order)
  if (failures > 0) throw new Error(`${failures} of ${answered + failures} requests failed`)
  return answered
}

async function measureFlows(person: Person): Promise<number[]> {
  note('whole flows …')
  const taken: number[] = []
  for (let n = 0; n < FLOWS; n++) taken.push(await wholeFlow(person))
  return taken
}

type Beside = { alone: number; beside: number; logins: number }

/** The p95 of refreshes in turn alone and beside logins. */
async function measureBeside(subject: Subject, person: Person): Promise<Beside[]> {
  const { port, authorization } = subject
  const order = { generator: 'http' as const, port, authorization }
  const refresh = async (measureMs: number) => load({ ...order, measureMs, tokens: await subject.grants(CONNECTIONS) })
  const rounds: Beside[] = []
  await refresh(WARM_MS)
  for (let round = 1; round <= ROUNDS; round++) {
    note(`refreshes beside logins, round ${round} of ${ROUNDS} …`)
    const alone = await refresh(MEASURE_MS)
    const running = refresh(MEASURE_MS)
    const logins = await keepLoggingIn(person, LOGINS_A_SECOND, running)
    const beside = await running
    if (alone.failures + beside.failures > 0) throw new Error('refreshes failed')
    rounds.push({ alone: alone.p95, beside: beside.p95, logins: logins / (MEASURE_MS / 1000) })
  }
  return rounds
}

function at(values: number[], share = 0.5): number {
  return [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0
}

function render(pages: Record<'login' | 'consent', PageCost[]>, flows: number[], refreshes: Beside[]): string {
  const table = new Table({ style: { head: [], border: [] } })
  for (const [name, costs] of Object.entries(pages)) {
    table.push([`${name} page, µs of CPU`, at(costs.map(({ ours }) => ours)).toFixed(0)])
    table.push(['  bare Koa, same bytes', at(costs.map(({ koa }) => koa)).toFixed(0)])
    table.push(['  times bare Koa', at(costs.map(({ ours, koa }) => ours / koa)).toFixed(2)])
  }
  table.push(['whole flow, p50 / p95 ms', `${at(flows).toFixed(0)} / ${at(flows, 0.95).toFixed(0)}`])
  table.push(['refresh p95 alone, ms', at(refreshes.map(({ alone }) => alone)).toFixed(1)])
  table.push(['  beside logins, ms', at(refreshes.map(({ beside }) => beside)).toFixed(1)])
  table.push(['  times alone', at(refreshes.map(({ alone, beside }) => beside / alone)).toFixed(2)])
  table.push(['  logins a second', at(refreshes.map(({ logins }) => logins)).toFixed(1)])
  return table.toString()
}
