import type { ExecutionContext } from 'ava'
import { verify } from '../../../services/audit/verify/verify.ts'
import type { ServiceName } from '../../../services/cli/compose/service-names.ts'
import { loadCheckpoints } from '../../../shared/read-model/checkpoints.ts'
import { ROOT } from '../../admin/ledger.ts'
import { type Env, type LedgerProcess, startProcess, tokenLedger } from '../../support/ledger-process.ts'
import { databaseUrl } from '../../support/real-parts.ts'
import { createRequests } from '../../support/requests.ts'
import { until } from '../../support/waiting.ts'
import { envOf, open } from '../system.ts'

type Teardown = Pick<ExecutionContext, 'teardown'>
type Sent = { token?: string | undefined; body?: unknown; headers?: Record<string, string> }

const ADMIN: ServiceName[] = ['token-endpoint', 'admin', 'audit']

/** A ledger that is migrated, whose processes a test starts and kills, and what its administrator asks of each. */
export async function migratedLedger(t: Teardown, brokers: readonly string[], settings: Env = {}) {
  const env = envOf({
    databaseUrl: await databaseUrl(t),
    brokers,
    settings: {
      LEDGER_BOOTSTRAP_CLIENT_ID: ROOT.client_id,
      LEDGER_BOOTSTRAP_CLIENT_SECRET: ROOT.client_secret,
      LEDGER_LOG_LEVEL: 'trace',
      // While no projector runs, the admin service must go on writing.
      LEDGER_MAX_LAG: '120',
      ...settings,
    },
  })
  await tokenLedger(env, 'migrate')
  const { runtime } = await open(t, env)
  const { knex, log, topics, schema } = runtime
  let root: string | undefined

  /** `by`: the brokers that this process is told. */
  const admin = (by = brokers) =>
    startProcess(t, { services: ADMIN, env: { ...env, LEDGER_KAFKA_BROKERS: by.join(',') } })
  const projector = () => startProcess(t, { services: ['projector'], env })

  async function logIn({ url }: LedgerProcess): Promise<void> {
    const requests = createRequests(url)
    await until(async () => (await requests.send('/health/ready')).status === 200, 'readiness')
    const asked = { grant_type: 'client_credentials' }
    const { body } = await requests.post('/oauth2/token', asked, { as: { ...ROOT, method: 'basic' } })
    root = String(body['access_token'])
  }

  const on = ({ adminUrl }: LedgerProcess) => ({
    root: root ?? '',
    send: (method: string, path: string, { token, body, headers }: Sent = {}) =>
      createRequests(adminUrl).send(path, {
        method,
        headers: { authorization: `Bearer ${token ?? ''}`, 'content-type': 'application/json', ...headers },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      }),
  })

  async function shown(process: LedgerProcess, sub: string) {
    const { send, root: token } = on(process)
    return send('GET', `/admin/users/${sub}`, { token })
  }

  /** How many events the registry holds. */
  const length = async () => (await log.bounds([topics.registry])).reduce((sum, { end }) => sum + end, 0)

  /** Of this person: no row, a key, or none any more. */
  async function keyOf(sub: string): Promise<'none' | 'there' | 'gone'> {
    const { rows } = await knex.raw<{ rows: { is_there: boolean }[] }>(
      'SELECT wrapped IS NOT NULL AS is_there FROM ledger.persons WHERE sub = ?',
      [sub],
    )
    return rows[0] ? (rows[0].is_there ? 'there' : 'gone') : 'none'
  }

  /** Nothing is stopped, and the read model is what the log says. */
  async function assertSound(t: ExecutionContext): Promise<void> {
    const states = (await loadCheckpoints({ knex, schema }, Object.values(topics))).map(({ status }) => status)
    t.deepEqual([...new Set(states)], ['ok'])
    t.is((await verify(runtime)).difference, null)
  }

  return { env, runtime, admin, projector, logIn, on, shown, length, keyOf, assertSound }
}

export type MigratedLedger = Awaited<ReturnType<typeof migratedLedger>>
