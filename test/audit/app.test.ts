import test, { type ExecutionContext } from 'ava'
import pino from 'pino'
import { auditRoutes } from '../../services/audit/app.ts'
import { createAudit, type Audit } from '../../services/audit/audit.ts'
import { fewAtOnce, inThisProcess } from '../../services/audit/worker/long-audit.ts'
import type { ShownEntry } from '../../services/audit/people/shown-entry.ts'
import { remoteAudit } from '../../services/cli/connect/remote-audit.ts'
import { EXIT, OperatorError } from '../../shared/config/operator-error.ts'
import { LogReadError, type EventLog } from '../../shared/event-log/event-log.ts'
import { registryPlace } from '../../shared/event-log/places.ts'
import { readBearer, insufficientScope } from '../../shared/callers/bearer.ts'
import type { HttpMiddleware } from '../../shared/http/context.ts'
import { createHttpApp } from '../../shared/http/app/create-app.ts'
import { listen } from '../../shared/http/listen.ts'
import { knownError } from '../../shared/process/known-errors.ts'
import { issued, refreshed, revoked } from '../ledger/given.ts'
import { CACHE } from '../support/command-line.ts'
import { until } from '../support/waiting.ts'
import { closeEmbedded, embeddedLedger, grantId, seed, type WrittenLedger } from '../support/written-ledger.ts'

test.after.always(closeEmbedded)

/** The audit API as a service would mount it; whoever carries the token `auditor` may read. */
async function serve(t: ExecutionContext, ledger: WrittenLedger, log: EventLog = ledger.log, timeoutMs = 20_000) {
  const { app, router } = createHttpApp({
    for: 'machines',
    known: knownError,
    logger: pino({ level: 'silent' }),
    requireHttps: false,
    trustedProxies: [],
  })
  const asked: string[] = []
  const guard =
    (resource: string): HttpMiddleware =>
    (ctx, next) => {
      asked.push(resource)
      if (readBearer(ctx.get('authorization')) !== 'auditor') throw insufficientScope('ledger.audit')
      return next()
    }
  const audit = createAudit({ ...ledger, log, maxLagMs: 5_000, configured: null })
  const guarding = { guard, allows: () => Promise.resolve(true), timeoutMs }
  auditRoutes(router, { audit, long: fewAtOnce(inThisProcess(audit)) }, guarding)
  router.post('/oauth2/token', (ctx) => {
    const isAuditor = ctx.get('authorization') === `Basic ${Buffer.from('auditor:s%26cret').toString('base64')}`
    ctx.body = { access_token: isAuditor ? 'auditor' : 'nobody', token_type: 'Bearer' }
  })
  const listener = await listen(app, { host: '127.0.0.1', port: 0 })
  const { url } = listener
  t.teardown(() => listener.close(0))
  const access = {
    url,
    admin_url: url,
    client_id: 'auditor',
    client_secret: 's&cret',
    tokens_folder: CACHE,
    named: NAMED,
  }
  const get = (path: string, token = 'auditor') =>
    fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })
  return { url, get, asked, remote: remoteAudit(access), stranger: remoteAudit({ ...access, client_id: 'shop' }) }
}

const NAMED = { url: 'LEDGER_URL', admin_url: 'LEDGER_ADMIN_URL', client: 'LEDGER_CLIENT_ID' }

async function lived(): Promise<WrittenLedger> {
  const ledger = await embeddedLedger()
  await seed(ledger)
  await ledger.append(refreshed(2, { grant_id: grantId(1) }))
  await ledger.append(refreshed(2, { grant_id: grantId(1) }))
  await ledger.append(issued({ grant_id: grantId(2), client_id: 'till' }))
  await ledger.append(revoked({ grant_id: grantId(2), client_id: 'till' }))
  await ledger.project()
  return ledger
}

async function all(audit: Audit, filter = {}): Promise<ShownEntry[]> {
  const entries: ShownEntry[] = []
  for await (const entry of audit.replay(filter)) entries.push(entry)
  return entries
}

test('whoever may read the audit trail gets the replay as JSON lines, filtered as asked', async (t) => {
  const { get, asked } = await serve(t, await lived())
  const response = await get(`/audit/events?grant_id=${grantId(1).toUpperCase()}&type=TokenRefreshed`)
  t.is(response.status, 200)
  t.true(response.headers.get('content-type')?.startsWith('application/jsonl'))
  t.is(response.headers.get('cache-control'), 'no-store')
  const lines = (await response.text()).trimEnd().split('\n')
  t.deepEqual(
    lines.map((line) => (JSON.parse(line) as ShownEntry).verdict),
    ['valid', 'void'],
  )
  t.deepEqual(asked, ['ledger.audit:read'])
})

test('the audit API answers nobody else', async (t) => {
  const { get, url } = await serve(t, await lived())
  for (const path of ['/audit/events', `/audit/grants/${grantId(1)}`, '/audit/verify', '/audit/projection']) {
    t.is((await fetch(`${url}${path}`)).status, 401, path)
    t.is((await get(path, 'somebody')).status, 403, path)
  }
})

test('a wrong parameter of a replay is named', async (t) => {
  const { get } = await serve(t, await lived())
  const answers: Record<string, string> = {
    'grant_id=7': 'grant_id must be a UUID',
    'type=TokenRefreshed,Nonsense': 'type is not an event type',
    'user=ada': 'user is no parameter of a replay',
    'sub=ada&sub=bob': 'sub must be given once',
  }
  for (const [query, description] of Object.entries(answers)) {
    const response = await get(`/audit/events?${query}`)
    t.is(response.status, 400, query)
    t.deepEqual(await response.json(), { error: 'invalid_request', error_description: description })
  }
})

test('an auditor elsewhere reads, through the service, what one beside the log reads', async (t) => {
  const ledger = await lived()
  const { remote } = await serve(t, ledger)
  const direct = createAudit({ ...ledger, maxLagMs: 5_000, configured: null })
  t.deepEqual(await all(remote), await all(direct))
  t.deepEqual(await all(remote, { client_id: 'till' }), await all(direct, { client_id: 'till' }))
  t.is((await all(remote, { types: ['TokenIssued', 'TokenRevoked'] })).length, 3)
  t.deepEqual(await remote.verify(), await direct.verify())
  t.is((await remote.status()).partitions.length, 13)
  const [life, own] = [await remote.life(grantId(2)), await direct.life(grantId(2))]
  t.deepEqual(life?.events, own?.events)
  t.is(await remote.life(grantId(9)), null)
})

test('a service that says no, or does not answer, is told apart', async (t) => {
  const { stranger } = await serve(t, await lived())
  await failsWith(t, stranger.verify(), EXIT.problem, /answers 403: [^{}\n]+ \(insufficient_scope\)$/)
  await failsWith(t, all(stranger), EXIT.problem)
  const gone = remoteAudit({
    tokens_folder: CACHE,
    named: NAMED,
    url: 'http://127.0.0.1:1',
    admin_url: 'http://127.0.0.1:1',
    client_id: 'a',
    client_secret: 'b',
  })
  await failsWith(t, gone.verify(), EXIT.unreachable, /^LEDGER_URL: http:\/\/127\.0\.0\.1:1 does not answer: [^\n]+$/)
})

test('a log that cannot be reached is 503, and one that fails in the middle does not look like the end', async (t) => {
  const ledger = await lived()
  const away = new LogReadError('unreachable', 'gone')
  const unreachable = await serve(t, ledger, { ...ledger.log, bounds: () => Promise.reject(away) })
  t.is((await unreachable.get('/audit/events')).status, 503)
  const failing: EventLog['read'] = async function* (range) {
    for await (const batch of ledger.log.read(range)) yield batch
    if (range.topic === ledger.topics.grants) throw away
  }
  const broken = await serve(t, ledger, { ...ledger.log, read: failing })
  await failsWith(t, all(broken.remote), EXIT.unreachable, /cut short/)
})

test('a registry that cannot be read is an outage of ours, which names the record in our log alone', async (t) => {
  const ledger = await lived()
  const { get } = await serve(t, ledger)
  await ledger.log.append({ ...registryPlace(ledger.topics), key: 'ledger', value: '{"type":"FromTheFuture"}' })
  const response = await get(`/audit/grants/${grantId(1)}`)
  t.is(response.status, 503)
  t.is(response.headers.get('retry-after'), '1')
  t.notRegex(await response.text(), /offset|FromTheFuture/)
})

test('a long log is read to its end though the answer begins in time, and one that hangs is 503', async (t) => {
  const ledger = await lived()
  let release = () => undefined as void
  const released = new Promise<void>((resolve) => (release = resolve))
  const slow: EventLog['read'] = async function* (range) {
    for await (const batch of ledger.log.read(range)) yield batch
    await released
  }
  const { get } = await serve(t, ledger, { ...ledger.log, read: slow }, 3_000)
  const paths = [
    '/audit/verify',
    `/audit/grants/${grantId(1)}`,
    `/audit/events?grant_id=${grantId(1)}&client_id=nobody`,
  ]
  const begun = await Promise.all(paths.map((path) => get(path)))
  t.deepEqual(
    begun.map(({ status }) => status),
    [200, 200, 200],
    'before the log is read',
  )
  release()
  const direct = createAudit({ ...ledger, maxLagMs: 5_000, configured: null })
  t.deepEqual(await begun[0]?.json(), await direct.verify())
  t.is(((await begun[1]?.json()) as { grant_id: string }).grant_id, grantId(1))
  t.is((await begun[2]?.text())?.trim(), '')
  const hanging = await serve(t, ledger, { ...ledger.log, bounds: () => new Promise(() => undefined) }, 100)
  for (const path of paths) t.is((await hanging.get(path)).status, 503, path)
})

test('a reader who leaves ends the work for him in this process too', async (t) => {
  const ledger = await lived()
  let [reading, ended] = [0, 0]
  const endless: EventLog['read'] = async function* (range) {
    reading++
    try {
      do yield* ledger.log.read(range)
      while (range.topic === ledger.topics.grants)
    } finally {
      ended++
    }
  }
  const { url } = await serve(t, ledger, { ...ledger.log, read: endless })
  for (const path of ['/audit/verify', '/audit/events?type=TokenRevoked&client_id=nobody']) {
    ;[reading, ended] = [0, 0]
    const leaving = new AbortController()
    const headers = { authorization: 'Bearer auditor' }
    const answer = fetch(`${url}${path}`, { headers, signal: leaving.signal }).catch(() => null)
    await until(() => reading > 1, 'a log that is read')
    leaving.abort()
    await answer
    await until(() => ended === reading, `the end of ${path}`)
    t.pass()
  }
})

/** The command line would end with this exit code. */
async function failsWith(t: ExecutionContext, work: Promise<unknown>, exitCode: number, message = /./): Promise<void> {
  const error = await t.throwsAsync(work, { instanceOf: OperatorError, message })
  t.is(error.exitCode, exitCode)
}
