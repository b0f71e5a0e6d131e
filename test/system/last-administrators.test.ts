import { replay } from '../../services/audit/replay/replay.ts'
import { verify } from '../../services/audit/verify/verify.ts'
import { readRegistry } from '../../shared/event-log/registry-log.ts'
import { createRequests, type Answer, type Credentials } from '../support/requests.ts'
import { databaseUrl, kafkaBrokers, realTest } from '../support/real-parts.ts'
import { until } from '../support/waiting.ts'
import { onceForFile } from './once-for-file.ts'
import { startSystem, type System } from './system.ts'

const real = realTest('kafka', 'postgres')
// What is asked here is who wins, not how soon.
const settings = { LEDGER_APPEND_TIMEOUT: '20', LEDGER_REFRESH_GRACE_PUBLIC: '30', LEDGER_MAX_LAG: '30' }
const system = onceForFile(async (t) => {
  const options = { databaseUrl: await databaseUrl(t), brokers: kafkaBrokers(), endpoints: 1, settings }
  const started = await startSystem(t, options)
  const admins = await Promise.all([started.start('admin'), started.start('admin')])
  return { ...started, admins }
})

type Admins = Awaited<ReturnType<typeof system>>
type Write = { path: string; method?: string; body: unknown; headers?: Record<string, string> }

/** Sends each write to an admin process of its own, once both have read the same registry: the projector is held. */
async function atOnce(ledger: Admins, token: string, writes: Write[]): Promise<Answer[]> {
  const { runtime, projectors, admins } = ledger
  const length = async () => (await runtime.log.bounds([runtime.topics.registry]))[0]?.end ?? 0
  const before = await length()
  projectors[0]?.signal('SIGSTOP')
  const answers = Promise.all(
    writes.map(({ path, method = 'PUT', body, headers = {} }, n) =>
      createRequests(admins[n]?.adminUrl ?? '').send(path, {
        method,
        headers: { ...headers, authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    ),
  )
  try {
    await until(async () => (await length()) >= before + writes.length, 'an event of each process')
  } finally {
    projectors[0]?.signal('SIGCONT')
  }
  return answers
}

const ADMINISTRATOR = { grant_types: ['client_credentials'], groups: ['Administrators'], scope: 'ledger.admin' }

async function tokenOf({ endpoints }: System, as: Credentials): Promise<string> {
  const { body } = await createRequests(endpoints[0]?.url ?? '').post(
    '/oauth2/token',
    { grant_type: 'client_credentials' },
    { as },
  )
  return String(body['access_token'])
}

/** Whoever the tests before left as administrators is none any more. */
async function noAdministrators({ runtime: { log, topics }, changeClient, user }: Admins): Promise<void> {
  const { clients, users } = (await readRegistry(log, topics)).view()
  for (const { client_id, secret } of clients)
    if (secret) await changeClient({ client_id, client_secret: null }, { secret: null })
  for (const { sub, groups } of users) if (groups.length > 0) await user({ sub, groups: [] })
}

/** Two users who can act, each through a client of its own, and nobody else. */
async function twoUsers(ledger: Admins) {
  await noAdministrators(ledger)
  const root = await ledger.client(ADMINISTRATOR)
  const token = await tokenOf(ledger, root)
  const subs = await Promise.all([1, 2].map(() => ledger.user({ groups: ['Administrators'] })))
  for (const sub of subs) await ledger.grant({ to: await ledger.client({ scope: 'ledger.admin' }), sub })
  // Its token lives on; it is no administrator that counts.
  await ledger.changeClient(root, { secret: null })
  return { token, subs }
}

async function registryEvents({ runtime }: System, type: string) {
  const told: string[] = []
  for await (const entry of replay(runtime, {})) if (entry.type === type) told.push(entry.reason ?? entry.verdict)
  return told
}

real.serial(
  'two processes that each disable one of the last two administrators: one wins, the other is 409',
  async (t) => {
    const ledger = await system()
    const { token, subs } = await twoUsers(ledger)
    const writes = subs.map((sub): Write => {
      const body = { username: `${sub}.name`, groups: ['Administrators'], enabled: false }
      return { path: `/admin/users/${sub}`, body, headers: { 'if-match': '*' } }
    })
    const answers = await atOnce(ledger, token, writes)
    t.deepEqual(answers.map(({ status }) => status).sort(), [200, 409])
    const lost = answers.find(({ status }) => status === 409)
    t.deepEqual(lost?.body, { error: 'conflict', error_description: 'nobody could administer the ledger any more' })
    t.deepEqual((await registryEvents(ledger, 'UserPut')).slice(-2).sort(), ['guard_moved', 'valid'])
    t.true((await verify(ledger.runtime)).equal)
  },
)

real.serial('two processes whose guarded writes leave somebody both succeed, one of them decided again', async (t) => {
  const ledger = await system()
  const token = await tokenOf(ledger, await ledger.client(ADMINISTRATOR))
  const writes = [1, 2].map((n): Write => {
    const body = { ...ADMINISTRATOR, client_name: `another administrator ${n}` }
    return { path: '/admin/clients', method: 'POST', body }
  })
  const before = (await registryEvents(ledger, 'ClientRegistered')).length
  const answers = await atOnce(ledger, token, writes)
  t.deepEqual(
    answers.map(({ status }) => status),
    [201, 201],
  )
  const told = (await registryEvents(ledger, 'ClientRegistered')).slice(before)
  t.deepEqual(told, ['valid', 'guard_moved', 'valid'])
  for (const { body } of answers) t.true((await tokenOf(ledger, body as Credentials)).startsWith('tl_at_'))
  t.true((await verify(ledger.runtime)).equal)
})

/** Ways to take one of the last two administrators from the ledger; `type`: of the event. */
const REMOVALS: [title: string, type: string, removal: (sub: string) => Omit<Write, 'headers'>][] = [
  ['delete', 'UserDeleted', (sub) => ({ path: `/admin/users/${sub}`, method: 'DELETE', body: {} })],
  ['patch', 'UserPut', (sub) => ({ path: `/admin/users/${sub}`, method: 'PATCH', body: { enabled: false } })],
  [
    'take the group from',
    'UserPut',
    (sub) => ({ path: `/admin/users/${sub}`, method: 'PATCH', body: { groups: null } }),
  ],
]

for (const [title, type, removal] of REMOVALS)
  real.serial(
    `two processes that each ${title} one of the last two administrators: one wins, the other is 409`,
    async (t) => {
      const ledger = await system()
      const { token, subs } = await twoUsers(ledger)
      const writes = subs.map((sub): Write => ({ ...removal(sub), headers: { 'if-match': '*' } }))
      const answers = await atOnce(ledger, token, writes)
      t.deepEqual(answers.map(({ status }) => status).sort(), [200, 409])
      const lost = answers.find(({ status }) => status === 409)
      t.deepEqual(lost?.body, { error: 'conflict', error_description: 'nobody could administer the ledger any more' })
      t.deepEqual((await registryEvents(ledger, type)).slice(-2).sort(), ['guard_moved', 'valid'])
      t.true((await verify(ledger.runtime)).equal)
    },
  )

real.serial('a group is not deleted by one process while another lets it into an ACL of the ledger', async (t) => {
  const ledger = await system()
  const token = await tokenOf(ledger, await ledger.client(ADMINISTRATOR))
  const send = createRequests(ledger.admins[0]?.adminUrl ?? '').send
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'if-none-match': '*' }
  t.is((await send('/admin/groups/Ops', { method: 'PUT', headers, body: '{}' })).status, 201)
  const answers = await atOnce(ledger, token, [
    { path: '/admin/groups/Ops', method: 'DELETE', body: {}, headers: { 'if-match': '*' } },
    {
      path: '/admin/acls/Administrators',
      method: 'PATCH',
      body: { allowed_groups: ['Administrators', 'Ops'] },
      headers: { 'if-match': '*' },
    },
  ])
  const told = answers.map(({ status }) => status)
  t.true(
    [
      [200, 400],
      [409, 200],
    ].some(([one, other]) => told[0] === one && told[1] === other),
    String(told),
  )
  t.true((await verify(ledger.runtime)).equal)
})
