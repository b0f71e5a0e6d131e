import { readdirSync, readFileSync } from 'node:fs'
import { constants, getPriority } from 'node:os'
import { performance } from 'node:perf_hooks'
import type { ExecutionContext } from 'ava'
import pino from 'pino'
import { auditRoutes } from '../../services/audit/app.ts'
import { createAudit, type OwnAudit } from '../../services/audit/audit.ts'
import type { ShownEntry } from '../../services/audit/people/shown-entry.ts'
import { inWorker } from '../../services/audit/worker/in-worker.ts'
import { fewAtOnce, inThisProcess, type LongAudit } from '../../services/audit/worker/long-audit.ts'
import { createHttpApp } from '../../shared/http/app/create-app.ts'
import { listen } from '../../shared/http/listen.ts'
import { knownError } from '../../shared/process/known-errors.ts'
import { fillReadModel } from '../../shared/read-model/projection/rebuild.ts'
import { issued, refreshed } from '../ledger/given.ts'
import { appendPast } from '../support/past-records.ts'
import { realTest } from '../support/real-parts.ts'
import { until } from '../support/waiting.ts'
import { grantId, postgresLedger, seed, type WrittenLedger } from '../support/written-ledger.ts'

const test = realTest('postgres')

async function filled(t: ExecutionContext, grants: number): Promise<WrittenLedger> {
  const ledger = await postgresLedger(t)
  await seed(ledger)
  const at = Date.now()
  const facts = Array.from({ length: grants }, (_, n) => grantId(100 + n)).flatMap((grant_id) => [
    { fact: issued({ grant_id }), at },
    { fact: refreshed(2, { grant_id }), at },
  ])
  await appendPast(ledger, facts)
  await fillReadModel(ledger, { lanes: 1 })
  return ledger
}

function auditOf(ledger: WrittenLedger): OwnAudit {
  return createAudit({ ...ledger, maxLagMs: 5_000, configured: null })
}

/** The audit API with long questions answered like this. */
async function serve(t: ExecutionContext, ledger: WrittenLedger, long: LongAudit): Promise<string> {
  const logger = pino({ level: 'silent' })
  const options = { known: knownError, logger, requireHttps: false, trustedProxies: [] }
  const { app, router } = createHttpApp({ for: 'machines', ...options })
  const guard = () => (_ctx: unknown, next: () => Promise<unknown>) => next()
  const guarding = { guard, allows: () => Promise.resolve(true), timeoutMs: 20_000 }
  auditRoutes(router, { audit: auditOf(ledger), long: fewAtOnce(long) }, guarding)
  const listener = await listen(app, { host: '127.0.0.1', port: 0 })
  t.teardown(() => listener.close(0))
  return listener.url
}

/** The worker processes of this one. */
function workers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => fileOf(pid, 'cmdline').includes('worker-main') && parentOf(pid) === process.pid)
}

function fileOf(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8')
  } catch {
    return ''
  }
}

function parentOf(pid: number): number {
  const stat = fileOf(pid, 'stat')
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
}

async function aWorker(): Promise<number> {
  await until(() => workers().length > 0, 'a worker')
  return workers()[0] ?? 0
}

const gone = () => until(() => workers().length === 0, 'the end of the workers')

/** Until then the service has not heard yet that workers are gone, and answers 503. */
const isFree = (url: string) =>
  until(async () => {
    const answer = await fetch(`${url}/audit/events?grant_id=${grantId(1)}`)
    await answer.text()
    return answer.status === 200
  }, 'an answer, now that the others have left')

test.serial('a worker of its own answers what the service would answer', async (t) => {
  const ledger = await filled(t, 50)
  const url = await serve(t, ledger, inWorker(ledger))
  const direct = auditOf(ledger)
  const text = await (await fetch(`${url}/audit/events?type=TokenRefreshed`)).text()
  const told = text.trimEnd().split('\n')
  const entries: ShownEntry[] = []
  for await (const entry of direct.replay({ types: ['TokenRefreshed'] })) entries.push(entry)
  t.is(entries.length, 50)
  t.deepEqual(
    told.map((line) => JSON.parse(line) as unknown),
    JSON.parse(JSON.stringify(entries)),
  )
  t.deepEqual(await (await fetch(`${url}/audit/verify`)).json(), await direct.verify())
  await gone()
})

test.serial('a worker is told its settings on no command line and in no environment', async (t) => {
  process.env['LEDGER_DATABASE_PASSWORD'] = 'known-to-the-service'
  t.teardown(() => delete process.env['LEDGER_DATABASE_PASSWORD'])
  const ledger = await filled(t, 2_000)
  const url = await serve(t, ledger, inWorker(ledger))
  const answer = fetch(`${url}/audit/verify`)
  const pid = await aWorker()
  for (const file of ['cmdline', 'environ']) {
    const text = fileOf(pid, file)
    t.true(text.length > 0)
    for (const secret of ['LEDGER_', 'known-to-the-service', ledger.settings.DATABASE_URL ?? ''])
      t.false(text.includes(secret))
  }
  t.true(((await (await answer).json()) as { equal: boolean }).equal)
})

test.serial(
  'more long questions than a few at once are 503, until a reader leaves, which ends his worker',
  async (t) => {
    const ledger = await filled(t, 20_000)
    const url = await serve(t, ledger, inWorker(ledger))
    const leaving = new AbortController()
    const open = await Promise.all([1, 2].map(() => fetch(`${url}/audit/events`, { signal: leaving.signal })))
    t.deepEqual(
      open.map(({ status }) => status),
      [200, 200],
    )
    t.is(workers().length, 2)
    for (const path of ['/audit/events', '/audit/verify']) {
      const refused = await fetch(`${url}${path}`)
      t.is(refused.status, 503)
      t.is(refused.headers.get('retry-after'), '1')
    }
    t.is((await fetch(`${url}/audit/projection`)).status, 200, 'what is short is answered')
    leaving.abort()
    await gone()
    await isFree(url)
    const left = new AbortController()
    const verifying = fetch(`${url}/audit/verify`, { signal: left.signal })
    await aWorker()
    left.abort()
    t.is(await verifying.catch(() => null), null)
    await gone()
    await isFree(url)
  },
)

test.serial(
  'a worker that is killed is 503 before the first byte and a cut connection after it, and harms nobody',
  async (t) => {
    const ledger = await filled(t, 20_000)
    const url = await serve(t, ledger, inWorker(ledger))
    for (const path of ['/audit/events', '/audit/verify']) {
      const answer = fetch(`${url}${path}`)
      process.kill(await aWorker(), 'SIGKILL')
      t.is((await answer).status, 503, path)
      await gone()
    }
    const begun = await fetch(`${url}/audit/events`)
    t.is(begun.status, 200)
    process.kill(await aWorker(), 'SIGKILL')
    await t.throwsAsync(begun.text())
    await gone()
    await isFree(url)
  },
)

test.serial('a worker that runs out of memory is 503', async (t) => {
  const ledger = await filled(t, 10)
  const url = await serve(t, ledger, inWorker(ledger, 16))
  for (const path of ['/audit/events', '/audit/verify']) t.is((await fetch(`${url}${path}`)).status, 503, path)
  t.is((await fetch(`${url}/audit/projection`)).status, 200)
})

test.serial('a log that a worker cannot reach is 503', async (t) => {
  const ledger = await filled(t, 1)
  const settings = { ...ledger.settings, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }
  const url = await serve(t, ledger, inWorker({ ...ledger, settings }))
  for (const path of ['/audit/events', '/audit/verify']) t.is((await fetch(`${url}${path}`)).status, 503, path)
})

test.serial('a worker gives way to those who serve', async (t) => {
  const ledger = await filled(t, 2_000)
  const url = await serve(t, ledger, inWorker(ledger))
  const answer = fetch(`${url}/audit/verify`)
  const pid = await aWorker()
  await until(() => getPriority(pid) === constants.priority.PRIORITY_BELOW_NORMAL, 'a low priority')
  t.is((await answer).status, 200)
})

test.serial('the process that serves stays idle while the whole log is verified for somebody', async (t) => {
  const ledger = await filled(t, 8_000)
  const busy = async (long: LongAudit) => {
    const url = await serve(t, ledger, long)
    const before = performance.eventLoopUtilization()
    t.is((await fetch(`${url}/audit/verify`)).status, 200)
    return performance.eventLoopUtilization(before).utilization
  }
  t.true((await busy(inThisProcess(auditOf(ledger)))) > 0.5, 'it would have work to do')
  t.true((await busy(inWorker(ledger))) < 0.2)
})
