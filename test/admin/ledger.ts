import { randomBytes } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import pino from 'pino'
import { mountAdmin } from '../../services/admin/main.ts'
import { migrate } from '../../services/cli/compose/migrate.ts'
import { runProjector } from '../../services/projector/main.ts'
import { mountTokenEndpoint } from '../../services/token-endpoint/main.ts'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { openPostgres } from '../../shared/database/open-database.ts'
import { decodeEvent } from '../../shared/event-log/event-codec.ts'
import { topicsOf } from '../../shared/event-log/places.ts'
import { createPostgresLog } from '../../shared/event-log/postgres/postgres-log.ts'
import { createHttpApp } from '../../shared/http/create-app.ts'
import { listen } from '../../shared/http/listen.ts'
import { knownError } from '../../shared/process/known-errors.ts'
import type { LedgerEvent } from '../../shared/ledger/events.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { createCommit } from '../../shared/read-model/commit/commit.ts'
import { createPositionWaiter } from '../../shared/read-model/position-waiter.ts'
import { deriveKeys } from '../../shared/tokens/keys.ts'
import { databaseUrl } from '../support/real-parts.ts'

export type Answer = { status: number; headers: Headers; body: Record<string, unknown> }
type Sent = { token?: string | undefined; body?: unknown; headers?: Record<string, string> }
export type Credentials = { client_id: string; client_secret: string }

const SECRETS = `1:${randomBytes(32).toString('base64')}`
export const ROOT: Credentials = { client_id: 'root', client_secret: randomBytes(32).toString('base64url') }

/**
 * A ledger of its own on real PostgreSQL, with token endpoint, admin API, projector and the bootstrap administrator.
 */
export async function startLedger(t: Pick<ExecutionContext, 'teardown'>) {
  const { runtime, lines } = await openRuntime(t)
  const { app, router } = createHttpApp({
    for: 'machines',
    known: knownError,
    logger: runtime.logger,
    requireHttps: false,
    trustedProxies: [],
  })
  mountTokenEndpoint(runtime, router)
  mountAdmin(runtime, router)
  const listener = await listen(app, { host: '127.0.0.1', port: 0 })
  t.teardown(() => listener.close(0))

  const send = async (method: string, path: string, { token, body, headers = {} }: Sent = {}): Promise<Answer> => {
    const response = await fetch(listener.url + path, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    return { status: response.status, headers: response.headers, body: (await response.json()) as Answer['body'] }
  }
  const tokenOf = async ({ client_id, client_secret }: Credentials): Promise<string> => {
    const response = await fetch(`${listener.url}/oauth2/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${client_id}:${client_secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    })
    const { access_token } = (await response.json()) as { access_token?: string }
    if (!access_token) throw new Error(`no token for ${client_id}: ${response.status}`)
    return access_token
  }
  const root = await tokenOf(ROOT)
  const make = async (path: string, body: unknown): Promise<Answer> => {
    const answer = await send('PUT', path, { token: root, body, headers: { 'if-none-match': '*' } })
    if (answer.status !== 201) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer
  }
  const register = async (body: unknown): Promise<Credentials> => {
    const answer = await send('POST', '/admin/clients', { token: root, body })
    if (answer.status !== 201) throw new Error(`client: ${answer.status} ${JSON.stringify(answer.body)}`)
    return answer.body as Credentials
  }
  return { url: listener.url, runtime, lines, send, tokenOf, root, make, register, events: () => eventsOf(runtime) }
}

export type Ledger = Awaited<ReturnType<typeof startLedger>>

async function openRuntime(t: Pick<ExecutionContext, 'teardown'>): Promise<{ runtime: Runtime; lines: string[] }> {
  const url = await databaseUrl(t)
  const settings = loadSettings({
    LEDGER_ISSUER: 'https://ledger.example',
    LEDGER_DATABASE_URL: url,
    LEDGER_SECRETS_SYSTEM: SECRETS,
    LEDGER_BOOTSTRAP_CLIENT_ID: ROOT.client_id,
    LEDGER_BOOTSTRAP_CLIENT_SECRET: ROOT.client_secret,
  })
  const lines: string[] = []
  const logger = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) })
  const knex = openPostgres(url, { pool: 10, queryTimeoutMs: 20_000 })
  t.teardown(() => knex.destroy())
  const log = createPostgresLog({ knex, appendTimeoutMs: 20_000 })
  t.teardown(() => log.close())
  const topics = topicsOf(settings.KAFKA_TOPIC_PREFIX)
  const ledger_id = await migrate({ knex, log, topics, close: async () => {} }, settings, logger)
  const schema = settings.READ_MODEL
  const waiter = createPositionWaiter({ knex, schema })
  const commit = createCommit({ log, waiter, topics, issuer: settings.ISSUER, timeoutMs: 20_000 })
  const keys = deriveKeys(settings.SECRETS_SYSTEM ?? [], ledger_id)
  const runtime = { settings, knex, log, topics, schema, waiter, commit, logger, keys }
  const projector = await runProjector(runtime)
  t.teardown(() => projector.stop())
  await ready(runtime)
  return { runtime, lines }
}

/** Until the read model is known to show all of the log. */
async function ready({ knex, waiter, topics }: Runtime): Promise<void> {
  const { rows } = await knex.raw<{ rows: { now: number }[] }>('SELECT extract(epoch FROM now()) * 1000 AS now')
  const places = [{ topic: topics.registry, partition: 0 }]
  for (let partition = 0; partition < 12; partition++) places.push({ topic: topics.grants, partition })
  await Promise.all(places.map((place) => waiter.freshAsOf(place, Number(rows[0]?.now), 40_000)))
}

async function eventsOf({ log, topics }: Runtime): Promise<LedgerEvent[]> {
  const events: LedgerEvent[] = []
  for (const { topic, partition, first, end } of await log.bounds([topics.registry, topics.grants])) {
    if (end === first) continue
    for await (const { records } of log.read({ topic, partition, from: first, to: end }))
      events.push(...records.map(({ value }) => decodeEvent(value)))
  }
  return events
}
