import { type ChildProcess, fork, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import pino from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { migrate } from '../services/cli/compose/migrate.ts'
import { loadSettings } from '../shared/config/load-settings.ts'
import { envelop, outgoing } from '../shared/event-log/event-codec.ts'
import type { Client, GrantFact } from '../shared/ledger/events.ts'
import { openParts } from '../shared/process/open-parts.ts'
import { readModelInUse } from '../shared/read-model/versions/read-models.ts'
import { type Runtime, runtimeOf } from '../shared/process/runtime.ts'
import { generateClientSecret, hashClientSecret } from '../shared/tokens/client-secret.ts'
import { deriveKeys, type Keys } from '../shared/tokens/keys.ts'
import { formatToken } from '../shared/tokens/token-string.ts'
import { NO_VIEW } from '../shared/read-model/commit/commit.ts'
import { client as defaultClient } from '../test/ledger/given.ts'
import { freePorts } from '../test/support/commands.ts'
import { basic } from '../test/support/requests.ts'
import { arrival, until } from '../test/support/waiting.ts'
import type { CpuSeconds, Pids } from './cpu.ts'
import type { Generator, LoadResult } from './load.ts'

export const WARM_MS = 2_000

const ROOT = new URL('..', import.meta.url).pathname

/** The product under load: one token endpoint and one projector, each a process of its own, and grants to refresh. */
export type Subject = {
  port: number
  authorization: string
  keys: Keys
  /** The settings of its processes, as variables. */
  env: Record<string, string>
  pids: Pick<Pids, 'endpoint' | 'projector'>
  /** What it is registered as. */
  client: Client
  /** Of this process, on the same parts. */
  runtime: Runtime
  /** Appends these events, each of a grant of its own; they are projected when it resolves. */
  append(facts: GrantFact[]): Promise<void>
  /** The current refresh tokens of `count` grants that nobody else uses. */
  grants(count: number): Promise<string[]>
  stop(): Promise<void>
}

/** How a round is measured. */
export type Round = { generator: Generator; concurrency: number; measureMs: number }

export type Measured = {
  rate: number
  failures: number
  p50: number
  p95: number
  p99: number
  cpu: CpuSeconds
  /** Requests that the CPU seconds stand for. */
  counted: number
}

/** Migrates a fresh ledger on these parts and starts the processes. */
export async function startSubject({
  brokers,
  databaseUrl,
  settings: more = {},
  services = ['token-endpoint'],
}: {
  brokers: string[]
  databaseUrl: string
  settings?: Record<string, string>
  /** What the process of the endpoint runs. */
  services?: string[]
}): Promise<Subject> {
  const port = await freePorts(2)
  const env = {
    LEDGER_DATABASE_URL: databaseUrl,
    LEDGER_KAFKA_BROKERS: brokers.join(','),
    LEDGER_SECRETS_SYSTEM: `1:${randomBytes(32).toString('base64')}`,
    LEDGER_ISSUER: `http://127.0.0.1:${port}`,
    LEDGER_REQUIRE_HTTPS: 'false',
    LEDGER_SERVE_PUBLIC_HOST: '127.0.0.1',
    LEDGER_SERVE_PUBLIC_PORT: String(port),
    LEDGER_SERVE_ADMIN_PORT: String(port + 1),
    LEDGER_LOG_LEVEL: 'warn',
    ...more,
  }
  const settings = loadSettings(env)
  const logger = pino({ level: 'warn' }, process.stderr)
  const parts = await openParts(settings, logger)
  const ledger_id = await migrate(parts, settings, logger)
  const keys = deriveKeys(settings.SECRETS_SYSTEM ?? [], ledger_id)
  const projector = await startService(['projector'], env, port + 1)
  const endpoint = await startService(services, env, port)
  const runtime = runtimeOf(
    { ...parts, schema: await readModelInUse(parts.knex) },
    settings,
    { keys, ledger_id },
    logger,
  )
  const secret = generateClientSecret()
  const grant_types = ['refresh_token', 'authorization_code', 'client_credentials']
  const terms = { scope: 'orders.read', refresh_token_absolute_lifetime: null, grant_types }
  const client = defaultClient({ client_id: 'bench', ...terms, secret: hashClientSecret(keys, secret) })
  await runtime.commit({ type: 'ClientRegistered', data: { revision: 1, client } }, { actor: 'system/bench' }, NO_VIEW)
  await ready(port)
  return {
    port,
    authorization: basic(`bench:${secret}`),
    keys,
    env,
    pids: { endpoint: [endpoint.pid ?? 0], projector: [projector.pid ?? 0] },
    client,
    runtime,
    append,
    grants: issueGrants,
    stop: async () => {
      await Promise.all([endpoint, projector].map(end))
      await parts.close()
    },
  }

  async function append(facts: GrantFact[]): Promise<void> {
    const positions = await Promise.all(
      facts.map(async (fact) => {
        const event = envelop(fact, settings.ISSUER, { actor: 'system/bench' }, Date.now())
        const record = outgoing(event, parts.topics)
        const { offset } = await parts.log.append(record)
        return { ...record, offset }
      }),
    )
    await Promise.all(positions.map((position) => runtime.waiter.past(position, 10_000)))
  }

  async function issueGrants(count: number): Promise<string[]> {
    const ids = Array.from({ length: count }, () => uuidv7())
    await append(ids.map((grant_id) => ({ type: 'TokenIssued', data: termsOf(client, grant_id) })))
    return ids.map((grant_id) => formatToken(keys, 'rt', { kid: 1, grant_id, generation: 1 }))
  }
}

/** What a grant of the subject's client for itself begins with. */
export function termsOf({ client_id, scope, access_token_lifetime }: Client, grant_id: string) {
  return {
    ...{ grant_id, client_id, scope, access_token_lifetime },
    refresh: { lifetime: 86_400, absolute_lifetime: null, limit: null },
    refresh_grace_seconds: 30,
    refresh_rotation: true,
    principal: { type: 'client' as const, id: client_id },
    grant_type: 'administrator',
    registry_position: 0,
    kid: 1,
  }
}

/** One round of refreshes on fresh grants, one grant a connection: warm-up first, then the part that counts. */
export async function measureRefresh(
  subject: Subject,
  { generator, concurrency, measureMs }: Round,
  spent: () => Promise<CpuSeconds>,
): Promise<Measured> {
  const { authorization, port } = subject
  const warm = await load({
    generator,
    port,
    authorization,
    tokens: await subject.grants(concurrency),
    measureMs: WARM_MS,
  })
  const before = await spent()
  const result = await load({ generator, port, authorization, tokens: warm.tokens, measureMs })
  const after = await spent()
  const cpu = Object.fromEntries(
    Object.entries(after).map(([part, seconds]) => [part, seconds - before[part as keyof CpuSeconds]]),
  ) as CpuSeconds
  const { requests, seconds, failures, p50, p95, p99 } = result
  return { rate: requests / seconds, failures, p50, p95, p99, cpu, counted: requests }
}

/** Runs the load generator once, in a process of its own. */
export async function load(order: {
  generator: Generator
  port: number
  authorization: string
  tokens: string[]
  measureMs: number
}): Promise<LoadResult> {
  return ask<LoadResult>('load.ts', order)
}

/** Forks a bench script, gives it one order and waits for its answer. */
export async function ask<Answer>(script: string, order: object): Promise<Answer> {
  const child = fork(`${ROOT}bench/${script}`, { execArgv: ['--import', 'tsx'] })
  try {
    child.send(order)
    const [answer] = (await once(child, 'message')) as [Answer]
    return answer
  } finally {
    child.kill()
  }
}

async function startService(services: string[], env: Record<string, string>, port: number): Promise<ChildProcess> {
  const args = [`${ROOT}dist/services/cli/main.js`, 'serve', ...services]
  const child = spawn(process.execPath, args, {
    env: { ...process.env, ...env, NODE_ENV: 'production' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  await alive(port, child)
  return child
}

async function alive(port: number, child: ChildProcess): Promise<void> {
  const isAlive = async () => {
    if (child.exitCode !== null) throw new Error(`a service ended with ${child.exitCode}: run "npm run build" first?`)
    const answer = await fetch(`http://127.0.0.1:${port}/health/alive`).catch(() => null)
    return answer?.ok === true
  }
  await until(isAlive, `a service on port ${port}`)
}

const ready = (port: number): Promise<void> =>
  until(async () => (await fetch(`http://127.0.0.1:${port}/health/ready`)).ok, 'readiness')

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await arrival(exit, 'the end of a service')
}
