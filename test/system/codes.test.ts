import { replay } from '../../services/audit/replay/replay.ts'
import { authorize, CODE_CLIENT, type Code, exchange } from '../support/codes.ts'
import { refresh } from '../support/refreshing.ts'
import { databaseUrl, kafkaBrokers, realTest } from '../support/real-parts.ts'
import { type Answer, createRequests, type Credentials } from '../support/requests.ts'
import { until } from '../support/waiting.ts'
import { onceForFile } from './once-for-file.ts'
import { startSystem, type System } from './system.ts'

const RACERS = 20
const real = realTest('kafka', 'postgres')
const settings = { LEDGER_APPEND_TIMEOUT: '20', LEDGER_REFRESH_GRACE_PUBLIC: '30', LEDGER_MAX_LAG: '30' }
const system = onceForFile(async (t) =>
  startSystem(t, { databaseUrl: await databaseUrl(t), brokers: kafkaBrokers(), endpoints: 2, settings }),
)

async function typesOf({ runtime }: System, grant_id: string): Promise<string[]> {
  const told: string[] = []
  for await (const { type, verdict, reason } of replay(runtime, { grant_id }))
    told.push(verdict === 'valid' ? type : `${type} ${reason}`)
  return told
}

const requestsOf = ({ endpoints }: System, n: number) => createRequests(endpoints[n % endpoints.length]?.url ?? '')

function exchangeAtOnce(ledger: System, as: Credentials, code: Code): Promise<Answer[]> {
  return Promise.all(Array.from({ length: RACERS }, (_, n) => exchange(requestsOf(ledger, n), as, code)))
}

const grantsLength = async ({ runtime: { log, topics } }: System) =>
  (await log.bounds([topics.grants])).reduce((sum, { end }) => sum + end, 0)

/** With the projector held until both endpoints have appended: so both have read the code as one to be exchanged. */
async function exchangeWhileHeld(ledger: System, as: Credentials, code: Code): Promise<Answer[]> {
  const before = await grantsLength(ledger)
  ledger.projectors[0]?.signal('SIGSTOP')
  const answers = exchangeAtOnce(ledger, as, code)
  try {
    await until(async () => (await grantsLength(ledger)) >= before + ledger.endpoints.length, 'an event of each')
  } finally {
    ledger.projectors[0]?.signal('SIGCONT')
  }
  return answers
}

real.serial('twenty equal exchanges at once on two endpoints: one gets the tokens, and the grant lives', async (t) => {
  const ledger = await system()
  const as = await ledger.client(CODE_CLIENT)
  let lost = 0
  for (const race of [exchangeAtOnce, exchangeWhileHeld, exchangeAtOnce, exchangeWhileHeld]) {
    const code = await authorize(ledger, { to: as })
    const answers = await race(ledger, as, code)
    const won = answers.filter(({ status }) => status === 200)
    t.is(won.length, 1)
    const refused = answers.filter(({ status, body }) => status === 400 && body['error'] === 'invalid_grant')
    t.is(refused.length, RACERS - 1)
    t.is((await refresh(requestsOf(ledger, 1), as, won[0]?.body['refresh_token'])).status, 200)
    const types = await typesOf(ledger, code.grant_id)
    t.deepEqual(
      types.filter((type) => !type.includes(' ')),
      ['AuthorizationGranted', 'CodeExchanged', 'TokenRefreshed'],
    )
    lost += types.filter((type) => type === 'CodeExchanged code_spent').length
  }
  t.true(lost >= 2, `${lost} events lost`)
})

real.serial('an endpoint that dies between append and answer costs a code, and the client begins anew', async (t) => {
  const ledger = await system()
  const as = await ledger.client(CODE_CLIENT)
  const code = await authorize(ledger, { to: as })
  const before = await grantsLength(ledger)
  ledger.projectors[0]?.signal('SIGSTOP')
  const [doomed] = ledger.endpoints
  const answer = exchange(requestsOf(ledger, 0), as, code).catch(() => null)
  await until(async () => (await grantsLength(ledger)) > before, 'the event')
  await doomed?.kill()
  ledger.projectors[0]?.signal('SIGCONT')
  t.is(await answer, null, 'nobody was answered')
  if (doomed) await ledger.replace(ledger.endpoints, doomed)
  await ledger.ready()
  const again = await exchange(requestsOf(ledger, 0), as, code)
  t.deepEqual([again.status, again.body['error']], [400, 'invalid_grant'])
  t.deepEqual(await typesOf(ledger, code.grant_id), ['AuthorizationGranted', 'CodeExchanged'])
  const next = await authorize(ledger, { to: as, sub: code.sub })
  t.is((await exchange(requestsOf(ledger, 1), as, next)).status, 200)
})
