import { randomBytes } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import type { ServiceName } from '../../services/cli/compose/service-names.ts'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { ledgerIdOf } from '../../shared/process/ledger-id.ts'
import { openParts } from '../../shared/process/open-parts.ts'
import { readModelInUse } from '../../shared/read-model/versions/read-models.ts'
import { type Runtime, runtimeOf } from '../../shared/process/runtime.ts'
import { deriveKeys, type Keys } from '../../shared/tokens/keys.ts'
import { type Env, type LedgerProcess, startProcess, tokenLedger } from '../support/ledger-process.ts'
import { keptLogger } from '../support/kept-logs.ts'
import { createSeeds, type Pair, type Seeds } from '../support/ledger-seeds.ts'
import { until } from '../support/waiting.ts'
import { freshPrefix } from '../support/real-parts.ts'
import type { Credentials } from '../support/requests.ts'

type Teardown = Pick<ExecutionContext, 'teardown'>

/**
 * A ledger of several processes on real parts. The test's own process only seeds it, and reads its log and read model.
 */
export type System = Seeds & {
  env: Env
  runtime: Runtime
  keys: Keys
  endpoints: LedgerProcess[]
  projectors: LedgerProcess[]
  /** Starts one more process and resolves when it serves. */
  start: (...services: ServiceName[]) => Promise<LedgerProcess>
  /** Puts another process in the place of one that was killed. */
  replace: (among: LedgerProcess[], killed: LedgerProcess) => Promise<LedgerProcess>
  /** Resolves when every endpoint says that it is ready. */
  ready: () => Promise<void>
  /** First pairs of `count` new grants of one new user. */
  grants: (to: Credentials, count: number) => Promise<Pair[]>
}

export type SystemOptions = {
  databaseUrl: string
  brokers: readonly string[]
  endpoints?: number
  projectors?: number
  settings?: Env
}

/** Seconds; what a client waits at the most is one more. */
export const APPEND_TIMEOUT = 2
const ENDPOINT: ServiceName[] = ['token-endpoint', 'token-check']
const PROJECTOR: ServiceName[] = ['projector']

/** Migrates and starts the processes; resolves when all are ready. */
export async function startSystem(t: Teardown, options: SystemOptions): Promise<System> {
  const { endpoints: endpointCount = 2, projectors: projectorCount = 1 } = options
  const env = envOf(options)
  await tokenLedger(env, 'migrate')
  const start = (...services: ServiceName[]) => startProcess(t, { services, env })
  const many = (count: number, services: ServiceName[]) =>
    Promise.all(Array.from({ length: count }, () => start(...services)))
  const [projectors, endpoints, opened] = await Promise.all([
    many(projectorCount, PROJECTOR),
    many(endpointCount, ENDPOINT),
    open(t, env),
  ])
  const seeds = createSeeds(opened.runtime)
  const ready = () => until(async () => (await Promise.all(endpoints.map(isReady))).every(Boolean), 'readiness')
  const replace = async (among: LedgerProcess[], killed: LedgerProcess) => {
    const started = await start(...(among === projectors ? PROJECTOR : ENDPOINT))
    among.splice(among.indexOf(killed), 1, started)
    return started
  }
  const grants = async (to: Credentials, count: number) => {
    const sub = await seeds.user()
    return Promise.all(Array.from({ length: count }, () => seeds.grant({ to, sub })))
  }
  await ready()
  return { ...seeds, ...opened, env, endpoints, projectors, start, replace, ready, grants }
}

/** The settings of a system of several processes on these parts. */
export function envOf({ databaseUrl, brokers, settings }: SystemOptions): Env {
  return {
    LEDGER_DATABASE_URL: databaseUrl,
    LEDGER_KAFKA_BROKERS: brokers.join(','),
    LEDGER_KAFKA_TOPIC_PREFIX: freshPrefix(),
    LEDGER_SECRETS_SYSTEM: `1:${randomBytes(32).toString('base64')}`,
    LEDGER_ISSUER: 'https://ledger.example',
    LEDGER_REQUIRE_HTTPS: 'false',
    LEDGER_SERVE_PUBLIC_HOST: '127.0.0.1',
    LEDGER_SERVE_PUBLIC_PORT: '0',
    LEDGER_SERVE_ADMIN_PORT: '0',
    LEDGER_APPEND_TIMEOUT: String(APPEND_TIMEOUT),
    ...settings,
  }
}

/**
 * The log and the read model for the test itself, by default the one in use. Its timeouts are long: it looks at what is
 * left, it is not what is tested.
 */
export async function open(t: Teardown, env: Env, schema?: string): Promise<{ runtime: Runtime; keys: Keys }> {
  const settings = loadSettings({ ...env, LEDGER_APPEND_TIMEOUT: '20', LEDGER_REFRESH_GRACE_PUBLIC: '30' })
  const logger = keptLogger('system')
  const parts = await openParts(settings, logger)
  t.teardown(() => parts.close())
  const ledger_id = await ledgerIdOf(parts.knex)
  const keys = deriveKeys(settings.SECRETS_SYSTEM ?? [], ledger_id)
  const read = { ...parts, schema: schema ?? (await readModelInUse(parts.knex)) }
  return { runtime: runtimeOf(read, settings, { keys, ledger_id }, logger), keys }
}

async function isReady({ url }: LedgerProcess): Promise<boolean> {
  const answer = await fetch(`${url}/health/ready`).catch(() => null)
  await answer?.arrayBuffer()
  return answer?.status === 200
}
