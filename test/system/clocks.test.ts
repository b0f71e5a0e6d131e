import type { ExecutionContext } from 'ava'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import { type LedgerOptions, startLedger, type TestLedger } from '../support/ledger.ts'
import type { Pair } from '../support/ledger-seeds.ts'
import { kafkaBrokers, realTest } from '../support/real-parts.ts'
import type { Answer, Credentials } from '../support/requests.ts'
import { shiftableDatabase } from '../support/shift-clock.ts'
import { until } from '../support/waiting.ts'

const test = realTest('kafka', 'postgres')

const TEN_MINUTES = 600

const issue = (ledger: TestLedger, as: Credentials) =>
  ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as })
const refresh = (ledger: TestLedger, as: Credentials, refresh_token: unknown) =>
  ledger.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token: String(refresh_token) }, { as })
const alarms = ({ lines }: TestLedger) => lines.filter(({ alarm }) => alarm === 'clock_skew')
const ready = (ledger: TestLedger) => ledger.send('/health/ready')
const isReady = async (ledger: TestLedger) => (await ready(ledger)).status === 200
const problems = async (ledger: TestLedger) => JSON.stringify((await ready(ledger)).body['problems'])

function isUnavailable(t: ExecutionContext, { status, headers, body }: Answer): void {
  t.deepEqual([status, body['error'], headers.get('retry-after')], [503, 'temporarily_unavailable', '1'])
}

/** A ledger with its log in Kafka and a database whose clock can be set. */
async function startShiftable(t: ExecutionContext, options: LedgerOptions = {}) {
  const database = await shiftableDatabase(t)
  const settings = { DATABASE_URL: database.url, MAX_LAG: '5', ...options.settings }
  return { ...database, ledger: await startLedger(t, { brokers: kafkaBrokers(), ...options, settings }) }
}

/** Puts the revocation of a grant into the log, past every endpoint. */
async function revokeInLog({ runtime }: TestLedger, { grant_id }: Pair, client_id: string): Promise<void> {
  const data = { grant_id, client_id, reason: 'administrator', revoked_by: { type: 'client', id: 'x' } } as const
  const event = envelop({ type: 'TokenRevoked', data }, 'https://ledger.example', { actor: 'test' }, Date.now())
  await runtime.log.append(outgoing(event, runtime.topics))
}

/** A folder, whoever guards it, and a token that may use it. */
async function guarded(ledger: TestLedger) {
  const app = await ledger.client()
  await ledger.scope('read', 'orders')
  await ledger.acl('open', { allowed_groups: ['Everybody'] })
  await ledger.resource('orders', 'open')
  return { app, pair: await ledger.grant({ to: app }), server: await ledger.resourceServer('orders') }
}

test('after the clock of the database was set back a dead projector is noticed, and no check allows what the log revoked', async (t) => {
  const { ledger: projecting, shiftTo } = await startShiftable(t)
  const { app, pair, server } = await guarded(projecting)
  const settings = { APPEND_TIMEOUT: '2', CHECK_MAX_LAG: '60' }
  const checking = await startLedger(t, { beside: projecting, services: ['token-check'], settings })
  const check = (ledger: TestLedger, consistency: string) =>
    ledger.postJson('/check', { token: pair.access_token, resource: 'orders', consistency }, { as: server })
  t.like((await check(checking, 'fully_consistent')).body, { allowed: true })
  await projecting.stop()
  await revokeInLog(checking, pair, app.client_id)
  t.true(await isReady(checking))

  await shiftTo(-TEN_MINUTES)
  t.regex(await problems(checking), /stamped \d+ ms ahead of the database's clock, which was set back/)
  for (const consistency of ['fully_consistent', 'minimize_latency'])
    isUnavailable(t, await check(checking, consistency))
  t.regex((await problems(checking)) ?? '', /the clocks of process and database are (5[89]\d|600)\d{3} ms apart/)
  t.is(alarms(checking).length, 1)

  // The stamps look young again once the clock has caught up with them: whoever saw them ahead does not believe them.
  await shiftTo(0)
  t.regex(await problems(checking), /stamped before a step of the database's clock/)
  for (const consistency of ['fully_consistent', 'minimize_latency'])
    isUnavailable(t, await check(checking, consistency))
  await startLedger(t, { beside: projecting, services: ['projector'] })
  await until(() => isReady(checking), 'readiness')
  t.like((await check(checking, 'minimize_latency')).body, { allowed: false, active: false })
})

test('a spent token past its grace is not answered because the clock of the database was set back, nor is it a theft', async (t) => {
  const { ledger, shiftTo } = await startShiftable(t, { settings: { MAX_LAG: '60' } })
  const as = await ledger.client({ refresh_grace_seconds: 10 })
  const { grant_id, refresh_token } = await ledger.grant({ to: as })
  const spent = (await refresh(ledger, as, refresh_token)).body['refresh_token']
  t.is((await refresh(ledger, as, spent)).status, 200)
  const { knex, schema } = ledger.runtime
  await knex.raw(`UPDATE ${schema}.bearer_tokens SET projected_at = projected_at - interval '15 s'`)
  // Less than what makes every refresh 503.
  await shiftTo(-40)
  await until(async () => !/stamped/.test(await problems(ledger)), 'stamps of the clock as it is')
  isUnavailable(t, await refresh(ledger, as, spent))
  t.deepEqual(
    (await ledger.eventsOf(grant_id)).map(({ type }) => type),
    ['TokenIssued', 'TokenRefreshed', 'TokenRefreshed'],
  )
})

test('a projector that lives replaces the stamps of a clock that was set back: served on within seconds, and again after', async (t) => {
  const { ledger, shiftTo } = await startShiftable(t)
  const as = await ledger.client()
  for (const seconds of [-20, 20, 0]) {
    await shiftTo(seconds)
    await until(async () => (await issue(ledger, as)).status === 200, `an answer at ${seconds} s`)
    t.regex(await problems(ledger), seconds === 0 ? /^\[\]$/ : /process and database are/)
  }
})

test('while the clock of the database is ten minutes off nothing is issued or refreshed, and what ends a grant goes on', async (t) => {
  const { ledger, shiftTo } = await startShiftable(t)
  const as = await ledger.client()
  const pair = await ledger.grant({ to: as })
  const other = await ledger.grant({ to: as })
  for (const seconds of [TEN_MINUTES, -TEN_MINUTES]) {
    await shiftTo(seconds)
    await until(async () => /process and database are/.test(await problems(ledger)), 'the skew')
    const before = await ledger.length()
    isUnavailable(t, await issue(ledger, as))
    isUnavailable(t, await refresh(ledger, as, pair.refresh_token))
    t.is(await ledger.length(), before)
    const revoked = async () =>
      (await ledger.post('/oauth2/revoke', { token: other.refresh_token }, { as })).status === 200
    await until(revoked, 'a revocation')
  }
  t.is((await ledger.eventsOf(other.grant_id)).at(-1)?.type, 'TokenRevoked')
  await shiftTo(0)
  await ledger.user()
  await until(() => isReady(ledger), 'readiness')
  const next = await refresh(ledger, as, pair.refresh_token)
  t.is(next.status, 200)
  // What it remembers of that time is nobody's theft either.
  t.is((await refresh(ledger, as, pair.refresh_token)).body['refresh_token'], next.body['refresh_token'])
})

for (const seconds of [TEN_MINUTES, -TEN_MINUTES])
  realTest('postgres')(
    `a log whose clock is ${seconds} s off issues no token that is dead or lives too long`,
    async (t) => {
      let shift = 0
      const ledger = await startLedger(t, { logShiftMs: () => shift * 1000 })
      const as = await ledger.client({ access_token_lifetime: 300 })
      const { refresh_token } = await ledger.grant({ to: as })
      const { refresh_token: current } = (await refresh(ledger, as, refresh_token)).body
      shift = seconds
      isUnavailable(t, await issue(ledger, as))
      const before = await ledger.length()
      for (let i = 0; i < 5; i++) {
        isUnavailable(t, await issue(ledger, as))
        isUnavailable(t, await refresh(ledger, as, current))
        isUnavailable(t, await refresh(ledger, as, refresh_token))
      }
      t.is(await ledger.length(), before)
      t.regex(await problems(ledger), /the clocks of log and database are (5[89]\d|600)\d{3} ms apart/)
      t.deepEqual(
        alarms(ledger).map(({ clocks }) => clocks),
        ['process and log', 'log and database'],
      )

      shift = 0
      await ledger.user()
      t.is((await refresh(ledger, as, current)).status, 200)
      t.true(await isReady(ledger))
      t.is(alarms(ledger).length, 2)
    },
  )

realTest('postgres')(
  'a log whose clock is half a minute off is served from, but not ready, and said once',
  async (t) => {
    let shift = 0
    const ledger = await startLedger(t, { logShiftMs: () => shift * 1000 })
    const as = await ledger.client()
    shift = 30
    for (let i = 0; i < 3; i++) t.is((await issue(ledger, as)).status, 200)
    t.regex(await problems(ledger), /process and log are (2\d|30)\d{3} ms.*log and database are (2\d|30)\d{3} ms/)
    t.deepEqual(
      alarms(ledger).map(({ clocks }) => clocks),
      ['process and log', 'log and database'],
    )
  },
)

realTest('postgres')(
  'what an issue learns of the clocks from its own append, it is not answered on: log and database 100 s apart',
  async (t) => {
    const database = await shiftableDatabase(t)
    let shift = 0
    const settings = { DATABASE_URL: database.url }
    const ledger = await startLedger(t, { settings, logShiftMs: () => shift * 1000 })
    const as = await ledger.client()
    // Each within a minute of the process, so that the fold takes the event.
    await database.shiftTo(-50)
    shift = 100
    await until(async () => !/stamped/.test(await problems(ledger)), 'stamps of the clock as it is')
    const before = await ledger.length()
    isUnavailable(t, await issue(ledger, as))
    t.is(await ledger.length(), before + 1)
    isUnavailable(t, await issue(ledger, as))
    t.is(await ledger.length(), before + 1)
  },
)
