import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import pino from 'pino'
import { v7 as uuidv7 } from 'uuid'
import { migrate } from '../../services/cli/compose/migrate.ts'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import { appendRegistry } from '../../shared/event-log/registry-log.ts'
import { ADMINISTRATORS } from '../../shared/ledger/registry/predefined.ts'
import { openParts } from '../../shared/process/open-parts.ts'
import { type Runtime, runtimeOf } from '../../shared/process/runtime.ts'
import {
  incompleteBecause,
  type PartitionHealth,
  readPartitionHealth,
} from '../../shared/read-model/partition-health.ts'
import { readModelInUse } from '../../shared/read-model/versions/read-models.ts'
import { deriveKeys, type Keys } from '../../shared/tokens/keys.ts'
import type { RegistryFact } from '../../shared/ledger/events.ts'
import { generateClientSecret, hashClientSecret } from '../../shared/tokens/client-secret.ts'
import { client, issued, user } from '../../test/ledger/given.ts'
import { endWithUs, freePorts } from '../../test/support/commands.ts'
import { basic } from '../../test/support/requests.ts'
import { arrival, until } from '../../test/support/waiting.ts'

const ROOT = new URL('../..', import.meta.url).pathname
const AT_ONCE = 4_000
const USERS = 100
const ADMINISTRATOR = 'root'
const FOLD_MS = 3_600_000
const FRESH_MS = 1_500

/** A ledger of many grants on real parts, with a projector that runs. Of ten grants nine are of the older key. */
export type Scaled = {
  runtime: Runtime
  keys: Keys
  env: Record<string, string>
  /** The authorization of a client and of a resource server. */
  shop: string
  api: string
  /** Appends grants until there are so many, and waits until all are folded. */
  growTo(size: number): Promise<{ 'appended per second': number; 'folded per second, all in all': number }>
  /** Resolves when every partition is fresh: projectors that share them out anew have done so. */
  settled(): Promise<void>
  /** A grant of the older key that nobody used yet. */
  unused(): string
  stop(): Promise<void>
}

/** Migrates a fresh ledger on these parts, registers who is needed, and starts a projector. */
export async function startScaled(parts: { brokers: string[]; databaseUrl: string }): Promise<Scaled> {
  const [one, two] = [1, 2].map((kid) => `${kid}:${randomBytes(32).toString('base64')}`)
  const env = {
    LEDGER_DATABASE_URL: parts.databaseUrl,
    LEDGER_KAFKA_BROKERS: parts.brokers.join(','),
    LEDGER_SECRETS_SYSTEM: `${two},${one}`,
    LEDGER_ISSUER: 'http://127.0.0.1:4444',
    LEDGER_REQUIRE_HTTPS: 'false',
    LEDGER_SERVE_PUBLIC_HOST: '127.0.0.1',
    LEDGER_LOG_LEVEL: 'warn',
  }
  const settings = loadSettings(env)
  const logger = pino({ level: 'warn' }, process.stderr)
  const opened = await openParts(settings, logger)
  const ledger_id = await migrate(opened, settings, logger)
  const keys = deriveKeys(settings.SECRETS_SYSTEM ?? [], ledger_id)
  const schema = await readModelInUse(opened.knex)
  const runtime = runtimeOf({ ...opened, schema }, settings, { keys, ledger_id }, logger)
  const projector = await startService('projector', env)
  const { shop, api, subs } = await register(runtime, keys)
  const ids: string[] = []
  let from = 0
  return {
    ...{ runtime, keys, env, shop, api },
    settled: () => until(async () => (await readPartitionHealth(runtime)).every(isFresh), 'fresh partitions', FOLD_MS),
    unused: () => ids.pop() ?? '',
    growTo: async (size) => {
      const grown = await grow(runtime, { from, size, subs, ids })
      from = size
      return grown
    },
    stop: async () => {
      await projector.stop()
      await opened.close()
    },
  }
}

const isFresh = (one: PartitionHealth) => incompleteBecause(one, FRESH_MS) === null

async function register({ log, topics, settings }: Runtime, keys: Keys) {
  const [secret, apiSecret] = [generateClientSecret(), generateClientSecret()]
  const subs = Array.from({ length: USERS }, (_, n) => `user-${n}`)
  const one = (client_id: string, text: string) => ({
    client_id,
    client_name: client_id,
    secret: hashClientSecret(keys, text),
  })
  const revision = 1
  const facts: RegistryFact[] = [
    ...['read', 'write'].map((name): RegistryFact => {
      return { type: 'ScopePut', data: { revision, scope: { name, description: '', includes: ['orders'] } } }
    }),
    ...[client(one('shop', secret)), client({ ...one('api', apiSecret), resource_server_folders: ['orders'] })].map(
      (client): RegistryFact => ({ type: 'ClientRegistered', data: { revision, client } }),
    ),
    ...[...subs, ADMINISTRATOR].map((sub): RegistryFact => {
      const groups = sub === ADMINISTRATOR ? [ADMINISTRATORS] : []
      const personal = { username: sub, name: null, email: null }
      return { type: 'UserPut', data: { revision, user: user({ sub, groups, personal }) } }
    }),
  ]
  await appendRegistry(log, topics, { facts, source: settings.ISSUER, context: { actor: 'system/bench' } })
  return { shop: basic(`shop:${secret}`), api: basic(`api:${apiSecret}`), subs }
}

type Growth = { from: number; size: number; subs: string[]; ids: string[] }

async function grow({ log, topics, settings, knex, schema }: Runtime, { from, size, subs, ids }: Growth) {
  const [bound] = await log.bounds([topics.registry])
  const registry_position = bound?.end ?? 0
  const began = performance.now()
  for (let done = from; done < size; done += AT_ONCE) {
    const grants = Array.from({ length: Math.min(AT_ONCE, size - done) }, (_, n) => ({ n: done + n, id: uuidv7() }))
    ids.push(...grants.flatMap(({ n, id }) => (n % 10 === 0 ? [] : [id])))
    const facts = grants.map(({ n, id: grant_id }) => {
      const principal = { type: 'user' as const, id: n === 0 ? ADMINISTRATOR : (subs[n % USERS] ?? '') }
      return issued({ grant_id, principal, registry_position, kid: n % 10 === 0 ? 2 : 1 })
    })
    const context = { actor: 'system/bench' }
    await Promise.all(
      facts.map((fact) => log.append(outgoing(envelop(fact, settings.ISSUER, context, Date.now()), topics))),
    )
  }
  const appended = performance.now()
  const ends = (await log.bounds([topics.grants])).reduce((sum, { end }) => sum + end, 0)
  const isFolded = async () => {
    const { rows } = await knex.raw<{ rows: { folded: number }[] }>(
      `SELECT sum(next)::float8 AS folded FROM ${schema}.checkpoints WHERE topic = ?`,
      [topics.grants],
    )
    return rows[0]?.folded === ends
  }
  await until(isFolded, 'the fold', FOLD_MS)
  const rate = (ms: number) => Math.round((size - from) / (ms / 1000))
  return {
    'appended per second': rate(appended - began),
    'folded per second, all in all': rate(performance.now() - began),
  }
}

/** A service in a process of its own that is ready, and how long that took, in ms. */
export async function startService(service: string, env: Record<string, string>) {
  const port = await freePorts(2)
  const ports = { LEDGER_SERVE_PUBLIC_PORT: String(port), LEDGER_SERVE_ADMIN_PORT: String(port + 1) }
  const began = performance.now()
  const child = spawn(process.execPath, [`${ROOT}dist/services/cli/main.js`, 'serve', service], {
    env: { ...process.env, ...env, ...ports, NODE_ENV: 'production' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  endWithUs(child)
  const url = `http://127.0.0.1:${port + (service.startsWith('token') ? 0 : 1)}`
  await until(() => isReady(url, child), `a ready ${service}`, 300_000)
  return { url, ms: performance.now() - began, stop: () => end(child) }
}

async function isReady(url: string, child: ChildProcess): Promise<boolean> {
  if (child.exitCode !== null) throw new Error(`a service ended with ${child.exitCode}: run "npm run build" first?`)
  return (await fetch(`${url}/health/ready`).catch(() => null))?.ok === true
}

async function end(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await arrival(exit, 'the end of a service')
}
