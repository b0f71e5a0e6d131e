import { seeded } from '../support/kept-logs.ts'
import { databaseUrl, kafkaBrokers, realTest } from '../support/real-parts.ts'
import { type Answer, createRequests } from '../support/requests.ts'
import { until } from '../support/waiting.ts'
import { onceForFile } from './once-for-file.ts'
import { startSystem } from './system.ts'

const real = realTest('kafka', 'postgres')
const settings = { LEDGER_APPEND_TIMEOUT: '20', LEDGER_REFRESH_GRACE_PUBLIC: '30', LEDGER_MAX_LAG: '30' }
const system = onceForFile(async (t) => {
  const options = { databaseUrl: await databaseUrl(t), brokers: kafkaBrokers(), endpoints: 1, settings }
  const started = await startSystem(t, options)
  const admins = await Promise.all([started.start('admin'), started.start('admin')])
  const root = await started.client({
    grant_types: ['client_credentials'],
    groups: ['Administrators'],
    scope: 'ledger.admin',
  })
  const { post } = createRequests(started.endpoints[0]?.url ?? '')
  const lets = (as: typeof root) => post('/oauth2/token', { grant_type: 'client_credentials' }, { as })
  const token = String((await lets(root)).body['access_token'])
  return { ...started, admins, token, lets }
})

type System = Awaited<ReturnType<typeof system>>

const shop = (client_version: string) => ({ client_name: 'Shop', client_version, grant_types: ['client_credentials'] })

/** POST under a key, to the one admin process or the other. */
async function send(
  { admins, token }: System,
  n: number,
  [path, key, body]: [string, string, unknown],
): Promise<Answer> {
  const answer = await createRequests(admins[n % admins.length]?.adminUrl ?? '').send(path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'idempotency-key': `"${key}"` },
    body: JSON.stringify(body),
  })
  seeded(String(answer.body['client_secret']))
  return answer
}

const credentialsOf = ({ body }: Answer) => {
  return { client_id: String(body['client_id']), client_secret: String(body['client_secret']) }
}

real.serial(
  'W27, traps-running 7: ten equal requests at once on two processes make one client, and one renewal',
  async (t) => {
    const ledger = await system()
    const tenTimes = (request: [string, string, unknown]) =>
      Promise.all(Array.from({ length: 10 }, (_, n) => send(ledger, n, request)))
    const made = await tenTimes(['/admin/clients', 'make ten', shop('ten')])
    t.deepEqual(new Set(made.map(({ status }) => status)), new Set([201]))
    t.is(new Set(made.map(({ body }) => JSON.stringify(body))).size, 1)
    const [first] = made
    if (!first) return t.fail()
    t.is((await ledger.lets(credentialsOf(first))).status, 200)
    const path = `/admin/clients/${credentialsOf(first).client_id}/secret`
    const renewed = await tenTimes([path, 'renew ten', { overlap_seconds: 600 }])
    t.deepEqual(new Set(renewed.map(({ status }) => status)), new Set([200]))
    t.is(new Set(renewed.map(({ body }) => body['client_secret'])).size, 1)
    t.is(renewed[0]?.body['revision'], 2, 'renewed once')
    for (const answer of [first, ...renewed.slice(0, 1)]) t.is((await ledger.lets(credentialsOf(answer))).status, 200)
  },
)

real.serial(
  'traps-running 7: what a process appended that was killed before it answered, another one answers for',
  async (t) => {
    const ledger = await system()
    const { runtime, projectors, admins } = ledger
    const length = async () => (await runtime.log.bounds([runtime.topics.registry]))[0]?.end ?? 0
    const before = await length()
    projectors[0]?.signal('SIGSTOP')
    const request: [string, string, unknown] = ['/admin/clients', 'make and die', shop('died')]
    const lost = t.throwsAsync(send(ledger, 0, request))
    try {
      await until(async () => (await length()) > before, 'the event')
      admins[0]?.signal('SIGKILL')
    } finally {
      projectors[0]?.signal('SIGCONT')
    }
    await lost
    const again = await send(ledger, 1, request)
    t.is(again.status, 201)
    t.is(again.body['revision'], 1)
    t.is((await ledger.lets(credentialsOf(again))).status, 200)
    t.is(await length(), before + 1, 'nothing is appended a second time')
  },
)
