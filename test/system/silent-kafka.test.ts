import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { inTime } from '../support/in-time.ts'
import { startKafkaProxy } from '../support/kafka-proxy.ts'
import { startProcess, type LedgerProcess } from '../support/ledger-process.ts'
import type { Pair } from '../support/ledger-seeds.ts'
import { databaseUrl, kafkaBrokers, realTest } from '../support/real-parts.ts'
import { createRequests, type Answer, type Credentials } from '../support/requests.ts'
import { until } from '../support/waiting.ts'
import { onceForFile } from './once-for-file.ts'
import { startSystem } from './system.ts'

const real = realTest('kafka', 'postgres')

/** As long as the address that the brokers advertise; known to the processes of this file while a file is there. */
const NAME = 'kafka.lan'
/** Its group shares the partitions out anew once the broker is back; that takes a session (6 s) at the most. */
const RECOVERY_MS = 15_000

/** Every service in one process, whose only way to Kafka leads through a proxy, by a name. */
const system = onceForFile(async (t) => {
  const proxy = await startKafkaProxy(t, kafkaBrokers(), { name: NAME })
  const resolves = join(await mkdtemp(join(tmpdir(), 'name-')), 'resolves')
  await writeFile(resolves, '')
  const ledger = await startSystem(t, {
    databaseUrl: await databaseUrl(t),
    brokers: kafkaBrokers(),
    endpoints: 0,
    projectors: 0,
    settings: { LEDGER_MAX_LAG: '2' },
  })
  const env = {
    ...ledger.env,
    LEDGER_KAFKA_BROKERS: proxy.brokers.join(','),
    NODE_OPTIONS: `--import=${preload(resolves)}`,
  }
  const all = await startProcess(t, { services: ['all'], env })
  const as = await ledger.client()
  const pair = await ledger.grant({ to: as, sub: await ledger.user() })
  await ledger.scope('read', 'orders')
  const server = await ledger.resourceServer('orders')
  return { proxy, resolves, env, all, client: honestClient(all, as, pair), server }
})

// What a resolver does that does not know the name, and then does.
function preload(resolves: string): string {
  const source = `import dns from 'node:dns'
    import { existsSync } from 'node:fs'
    const lookup = dns.lookup
    dns.lookup = (name, options, answer) => {
      if (name !== '${NAME}') return lookup(name, options, answer)
      if (existsSync('${resolves}')) return lookup('127.0.0.1', options, answer)
      setImmediate(answer, Object.assign(new Error('getaddrinfo ENOTFOUND ' + name), { code: 'ENOTFOUND' }))
    }`
  return `data:text/javascript,${encodeURIComponent(source)}`
}

/** Presents the token that it has, and takes the next. */
function honestClient({ url }: LedgerProcess, as: Credentials, first: Pair) {
  let pair = first
  const { post } = createRequests(url)
  return {
    token: () => pair.access_token,
    refresh: async (): Promise<Answer> => {
      const answer = await post(
        '/oauth2/token',
        { grant_type: 'refresh_token', refresh_token: pair.refresh_token },
        { as },
      )
      const { access_token, refresh_token } = answer.body
      if (answer.status === 200)
        pair = { ...pair, access_token: String(access_token), refresh_token: String(refresh_token) }
      return answer
    },
  }
}

async function isActive({ url }: LedgerProcess, token: string): Promise<boolean> {
  const { server } = await system()
  const { status, body } = await createRequests(url).post('/oauth2/introspect', { token }, { as: server })
  return status === 200 && body['active'] === true
}

/** Kafka goes in some way: checks go on, refreshes get 503, the follower begins anew; when it is back, all is well. */
async function assertOutlives(
  t: ExecutionContext,
  outage: { begin: () => unknown; end: () => unknown; lastsMs?: number },
): Promise<void> {
  const { all, client } = await system()
  const isServing = async () => (await client.refresh()).status === 200
  await until(isServing, 'a refresh before')
  const cutOff = () => all.logs.filter(({ msg }) => String(msg).startsWith('following was cut off')).length
  const before = cutOff()
  await outage.begin()
  const began = performance.now()
  await until(
    async () => (await problems(all)).some((one) => one.startsWith('cannot append')),
    'it says that it cannot append',
  )
  const refused = await client.refresh()
  t.is(refused.status, 503)
  t.true(Number(refused.headers.get('retry-after')) >= 1)
  await until(() => cutOff() > before, 'a consumer that gives up')
  const { lastsMs = 0 } = outage
  await until(() => performance.now() - began > lastsMs, 'the end of the outage', lastsMs + 1_000)
  t.true(await isActive(all, client.token()))
  t.is((await client.refresh()).status, 503)
  await outage.end()
  await until(isServing, 'a refresh after', inTime(RECOVERY_MS))
  await until(async () => (await problems(all)).length === 0, 'readiness', inTime(RECOVERY_MS))
}

async function problems({ url }: LedgerProcess): Promise<string[]> {
  const { problems } = (await createRequests(url).send('/health/ready')).body
  return Array.isArray(problems) ? problems.map(String) : []
}

real.serial(
  'a broker that takes connections and never answers ends nothing: checks go on, refreshes get 503',
  async (t) => {
    t.timeout(120_000)
    const { proxy } = await system()
    await assertOutlives(t, { begin: proxy.hold, end: proxy.pass })
  },
)

real.serial('a broker whose name does not resolve for a minute: the same', async (t) => {
  t.timeout(180_000)
  const { proxy, resolves } = await system()
  await assertOutlives(t, {
    begin: async () => {
      await rm(resolves)
      proxy.cut()
    },
    end: () => writeFile(resolves, ''),
    lastsMs: 60_000,
  })
})

real.serial('token-check starts while no broker answers, and says how old its answers are', async (t) => {
  const { proxy, env, client, all } = await system()
  await until(async () => (await client.refresh()).status === 200, 'a refresh before')
  await all.kill()
  proxy.hold()
  const check = await startProcess(t, { services: ['token-check'], env })
  const own = createRequests(check.url)
  t.true(await isActive(check, client.token()))
  const isOld = async () => JSON.stringify((await own.send('/health/ready')).body['notes'] ?? '').includes('complete')
  await until(isOld, 'a note in readiness')
  t.is((await own.send('/health/ready')).status, 200)
})
