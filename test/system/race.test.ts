import type { ExecutionContext } from 'ava'
import { replay } from '../../services/audit/replay/replay.ts'
import { refresh } from '../support/refreshing.ts'
import { until } from '../support/waiting.ts'
import { createRequests, type Answer, type Credentials } from '../support/requests.ts'
import { databaseUrl, kafkaBrokers, realTest } from '../support/real-parts.ts'
import { onceForFile } from './once-for-file.ts'
import { startSystem, type System } from './system.ts'

const RACERS = 20
const real = realTest('kafka', 'postgres')
// What is asked here is who wins, not how soon: a slow machine must not make it an outage.
const settings = { LEDGER_APPEND_TIMEOUT: '20', LEDGER_REFRESH_GRACE_PUBLIC: '30', LEDGER_MAX_LAG: '30' }
const system = onceForFile(async (t) =>
  startSystem(t, { databaseUrl: await databaseUrl(t), brokers: kafkaBrokers(), endpoints: 3, settings }),
)

type Told = { type: string; verdict: string; reason: string | null }

async function eventsOf({ runtime }: System, grant_id: string): Promise<Told[]> {
  const told: Told[] = []
  for await (const { type, verdict, reason } of replay(runtime, { grant_id })) told.push({ type, verdict, reason })
  return told
}

/** Equal refreshes at once, in turn to each endpoint. */
function refreshAtOnce({ endpoints }: System, as: Credentials, refresh_token: string): Promise<Answer[]> {
  const requests = endpoints.map(({ url }) => createRequests(url))
  return Promise.all(
    Array.from({ length: RACERS }, (_, n) =>
      refresh(requests[n % requests.length] ?? createRequests(''), as, refresh_token),
    ),
  )
}

/**
 * The same with the projector held until every endpoint has appended: so all of them have read the old generation, and
 * as many events as there are processes compete in the log.
 */
async function refreshWhileHeld(ledger: System, as: Credentials, refresh_token: string): Promise<Answer[]> {
  const { runtime, endpoints, projectors } = ledger
  const length = async () => (await runtime.log.bounds([runtime.topics.grants])).reduce((sum, { end }) => sum + end, 0)
  const before = await length()
  projectors[0]?.signal('SIGSTOP')
  const answers = refreshAtOnce(ledger, as, refresh_token)
  try {
    await until(async () => (await length()) >= before + endpoints.length, 'an event of each process')
    // Whoever answers a later request has read what came earlier.
    await Promise.all(endpoints.map(({ url }) => createRequests(url).send('/health/ready')))
  } finally {
    projectors[0]?.signal('SIGCONT')
  }
  return answers
}

const refreshOnFirst = ({ endpoints }: System, as: Credentials, refresh_token: string): Promise<Answer> =>
  refresh(createRequests(endpoints[0]?.url ?? ''), as, refresh_token)

const pairOf = ({ body }: Answer) => `${String(body['access_token'])} ${String(body['refresh_token'])}`
const refreshTokenOf = (answer: Answer | undefined) => String(answer?.body['refresh_token'])
const accessTokenOf = (answer: Answer | undefined) => String(answer?.body['access_token'])

async function resourceServer(ledger: System): Promise<Credentials> {
  await ledger.scope('read', 'orders')
  return ledger.resourceServer('orders')
}

/** Which of these tokens are active, asked of every endpoint. */
async function activeSomewhere({ endpoints }: System, as: Credentials, tokens: string[]): Promise<string[]> {
  const asked = await Promise.all(
    endpoints.flatMap(({ url }) =>
      tokens.map(async (token) => {
        const { body } = await createRequests(url).post('/oauth2/introspect', { token }, { as })
        return body['active'] === true ? [token] : []
      }),
    ),
  )
  return [...new Set(asked.flat())]
}

/** One event of all counts, everybody has its pair, that pair works everywhere, and one refresh token is live. */
async function assertOneWinner(
  t: ExecutionContext,
  { ledger, as, server }: { ledger: System; as: Credentials; server: Credentials },
  { answers, grant_id, presented }: { answers: Answer[]; grant_id: string; presented: string },
): Promise<number> {
  t.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  t.is(new Set(answers.map(pairOf)).size, 1)
  const events = await eventsOf(ledger, grant_id)
  t.is(events.filter(({ type, verdict }) => type === 'TokenRefreshed' && verdict === 'valid').length, 1)
  // Each process asks the log once, however many of the twenty it answers.
  t.true(events.filter(({ type }) => type === 'TokenRefreshed').length <= ledger.endpoints.length)
  t.deepEqual([...new Set(events.map(({ type }) => type))].toSorted(), ['TokenIssued', 'TokenRefreshed'])
  const [answer] = answers
  await Promise.all(
    ledger.endpoints.map(async ({ url }) => {
      const { body } = await createRequests(url).post(
        '/oauth2/introspect',
        { token: accessTokenOf(answer) },
        { as: server },
      )
      t.is(body['active'], true)
    }),
  )
  // The spent one gives nothing new: it is the same pair again, so there is one live refresh token.
  const again = await refreshOnFirst(ledger, as, presented)
  t.is(pairOf(again), pairOf(answer ?? again))
  const next = await refreshOnFirst(ledger, as, refreshTokenOf(answer))
  t.is(next.status, 200)
  t.not(refreshTokenOf(next), refreshTokenOf(answer))
  return events.filter(({ verdict }) => verdict === 'void').length
}

real.serial('twenty equal refreshes at once over three processes: one event counts, all get its pair', async (t) => {
  const ledger = await system()
  const server = await resourceServer(ledger)
  const as = await ledger.client({ refresh_grace_seconds: 30 })
  const pairs = await ledger.grants(as, 8)
  let voids = 0
  for (const [round, { grant_id, refresh_token }] of pairs.entries()) {
    const race = round % 2 === 0 ? refreshWhileHeld : refreshAtOnce
    const answers = await race(ledger, as, refresh_token)
    voids += await assertOneWinner(t, { ledger, as, server }, { answers, grant_id, presented: refresh_token })
  }
  // In each of the four held rounds the events of two processes lost.
  t.true(voids >= 8, `${voids} events were void`)
})

real.serial('twenty equal refreshes with a grace of 0: who loses is refused, and the grant lives', async (t) => {
  const ledger = await system()
  const as = await ledger.client({ refresh_grace_seconds: 0 })
  for (const { grant_id, refresh_token } of await ledger.grants(as, 3)) {
    const answers = await refreshWhileHeld(ledger, as, refresh_token)
    const won = answers.filter(({ status }) => status === 200)
    const lost = answers.filter(({ status }) => status !== 200)
    t.true(won.length > 0)
    t.is(new Set(won.map(pairOf)).size, 1)
    for (const { status, body } of lost) t.deepEqual([status, body['error']], [400, 'invalid_grant'])
    t.is((await refreshOnFirst(ledger, as, refreshTokenOf(won[0]))).status, 200)
    const events = await eventsOf(ledger, grant_id)
    t.is(events.filter(({ type }) => type === 'TokenReuseDetected').length, 0)
    t.is(events.filter(({ verdict }) => verdict === 'valid').length, 3)
    t.is(events.filter(({ verdict }) => verdict === 'void').length, 2)
  }
})

/** Refreshes one grant on one endpoint, each time with the token of the answer before, until it is refused. */
async function refreshOn(url: string, as: Credentials, first: string, handedOut: Set<string>): Promise<string[]> {
  const problems: string[] = []
  const requests = createRequests(url)
  for (let refresh_token = first; ;) {
    const answer = await refresh(requests, as, refresh_token)
    if (answer.status === 400 && answer.body['error'] === 'invalid_grant') return problems
    if (answer.status !== 200) return [...problems, `${answer.status} ${JSON.stringify(answer.body)}`]
    handedOut.add(accessTokenOf(answer)).add(refreshTokenOf(answer))
    refresh_token = refreshTokenOf(answer)
  }
}

real.serial(
  'a revocation that races refreshes: nothing of the grant is active anywhere 1 s after its 200',
  async (t) => {
    const ledger = await system()
    const server = await resourceServer(ledger)
    const as = await ledger.client({ refresh_grace_seconds: 30 })
    for (const [round, pair] of (await ledger.grants(as, 5)).entries()) {
      const { grant_id, refresh_token } = pair
      const handedOut = new Set([pair.access_token, refresh_token])
      // Cached as active in every process, so that the second which a cache may last is really asked for.
      t.deepEqual(await activeSomewhere(ledger, server, [pair.access_token]), [pair.access_token])
      const racers = ledger.endpoints.map(({ url }) => refreshOn(url, as, refresh_token, handedOut))
      await until(() => handedOut.size >= 4 + 2 * round, 'some refreshes')
      const token = round % 2 === 0 ? refresh_token : pair.access_token
      const { post } = createRequests(ledger.endpoints[round % 3]?.url ?? '')
      t.is((await post('/oauth2/revoke', { token }, { as })).status, 200)
      const revoked = performance.now()
      let lastActive = 0
      for (let begun = performance.now(); ; begun = performance.now()) {
        const active = await activeSomewhere(ledger, server, [...handedOut])
        if (active.length === 0 && begun - revoked > 1000) break
        if (active.length > 0) lastActive = begun - revoked
        if (lastActive > 1000) break
      }
      t.true(lastActive <= 1000, `active ${lastActive} ms after the revocation`)
      t.deepEqual((await Promise.all(racers)).flat(), [])
      t.deepEqual(await activeSomewhere(ledger, server, [...handedOut]), [])
      for (const spent of [...handedOut].filter((one) => one.startsWith('tl_rt_'))) {
        const answer = await refreshOnFirst(ledger, as, spent)
        t.deepEqual([answer.status, answer.body['error']], [400, 'invalid_grant'])
      }
      const events = await eventsOf(ledger, grant_id)
      t.is(events.filter(({ verdict }) => verdict === 'valid').at(-1)?.type, 'TokenRevoked')
    }
  },
)
