import { randomBytes } from 'node:crypto'
import test, { type ExecutionContext } from 'ava'
import pino, { type Logger } from 'pino'
import { replay } from '../../services/audit/replay/replay.ts'
import { migrate } from '../../services/cli/compose/migrate.ts'
import { serve, type Serving } from '../../services/cli/compose/serve.ts'
import { type ServiceName, SERVICES } from '../../services/cli/compose/service-names.ts'
import { loadSettings } from '../../shared/config/load-settings.ts'
import type { SettingName } from '../../shared/config/settings.ts'
import { createPostgresLog } from '../../shared/event-log/postgres/postgres-log.ts'
import { openParts, type Parts } from '../../shared/process/open-parts.ts'
import { SERIALIZERS } from '../../shared/process/logger.ts'
import { requireKeys, type Runtime } from '../../shared/process/runtime.ts'
import type { Keys } from '../../shared/tokens/keys.ts'
import { keepLog, seededSettings } from './kept-logs.ts'
import { createIntrospecting, type Introspecting } from './introspecting.ts'
import { createSeeds, type Seeds } from './ledger-seeds.ts'
import { databaseUrl, freshPrefix } from './real-parts.ts'
import { createRequests, type Requests } from './requests.ts'

type Settings = Partial<Record<SettingName, string>>
type Teardown = Pick<ExecutionContext, 'teardown'>

export type LedgerOptions = {
  /** Default: all of them. */
  services?: readonly ServiceName[]
  /** As environment variables without LEDGER_. */
  settings?: Settings
  /** Another process of this ledger: the same database, log and secrets, unless `settings` says otherwise. */
  beside?: Pick<TestLedger, 'settings'>
  /** The log in this Kafka, under a prefix of its own; default: in the database. */
  brokers?: readonly string[]
  /** How far the clock of a log in the database is off, in ms. */
  logShiftMs?: () => number
  /** Every record is sent to the log twice, and the second copy answered: a retry whose first answer got lost. */
  sentTwice?: boolean
}

/** An event of a grant as the log holds it; `verdict` is `valid` or why it is void. */
export type Told = { type: string; verdict: string; data: Record<string, unknown>; requestid: string | null }

/** A whole ledger in this process, on real PostgreSQL, with the requests of its public port. */
export type TestLedger = Requests &
  Seeds &
  Introspecting & {
    url: string
    adminUrl: string
    /** Its admin port. */
    admin: Requests
    runtime: Runtime
    keys: Keys
    settings: Settings
    /** What it logged. */
    lines: Record<string, unknown>[]
    /** All of a grant's events from the log itself, with their verdicts. */
    eventsOf: (grant_id: string) => Promise<Told[]>
    /** How many events the log holds. */
    length: () => Promise<number>
    stop: () => Promise<void>
  }

export const ISSUER = 'https://ledger.example'
export const SECRET = `1:${randomBytes(32).toString('base64')}`

/** Migrates a fresh database and serves, on ports of its own; resolves when every partition is known to be fresh. */
export async function startLedger(t: Teardown, options: LedgerOptions = {}): Promise<TestLedger> {
  const { services = SERVICES } = options
  const settings = await settingsOf(t, options)
  seededSettings(settings)
  const parsed = loadSettings(
    Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LEDGER_${name}`, value])),
  )
  const { logger, lines } = collectingLogger(parsed)
  const parts = twofold(shifted(await openParts(parsed, logger), parsed, options), options)
  const serving = await migrate(parts, parsed, logger)
    .then(() => serve(services, parts, parsed, logger))
    .catch(async (error: unknown) => {
      await parts.close()
      throw error
    })
  const stop = async () => void (await serving.lifecycle.stop())
  t.teardown(stop)
  if (services.includes('projector')) await fresh(serving.runtime)
  const seeds = createSeeds(serving.runtime)
  const face = faceOf(serving)
  const keys = requireKeys(serving.runtime)
  return { ...face, ...seeds, ...createIntrospecting(face, seeds), keys, settings, lines, stop }
}

/** One ledger for all tests of a file, started when the first asks and stopped after the last. */
export function sharedLedger(options?: () => Promise<LedgerOptions>): () => Promise<TestLedger> {
  const closing: (() => void | Promise<void>)[] = []
  let started: Promise<TestLedger> | undefined
  test.after.always('the ledger of this file stops', async () => {
    for (const close of closing.toReversed()) await close()
  })
  const start = async () => startLedger({ teardown: (close) => void closing.push(close) }, await options?.())
  return () => (started ??= start())
}

/** The same parts, with another log in the same database: one whose clock is off. */
function shifted(parts: Parts, { APPEND_TIMEOUT }: { APPEND_TIMEOUT: number }, { logShiftMs }: LedgerOptions): Parts {
  if (!logShiftMs) return parts
  const faults = { clockShiftMs: logShiftMs }
  const log = createPostgresLog({ knex: parts.knex, appendTimeoutMs: APPEND_TIMEOUT * 1000, faults })
  return { ...parts, log, close: () => log.close().then(parts.close) }
}

function twofold(parts: Parts, { sentTwice }: LedgerOptions): Parts {
  const { append } = parts.log
  if (!sentTwice) return parts
  return { ...parts, log: { ...parts.log, append: async (record) => append(record).then(() => append(record)) } }
}

async function settingsOf(t: Teardown, { settings = {}, beside, brokers }: LedgerOptions): Promise<Settings> {
  if (beside) return { ...beside.settings, ...settings }
  return {
    ISSUER,
    DATABASE_URL: settings.DATABASE_URL ?? (await databaseUrl(t)),
    SECRETS_SYSTEM: SECRET,
    SERVE_PUBLIC_HOST: '127.0.0.1',
    SERVE_PUBLIC_PORT: '0',
    SERVE_ADMIN_PORT: '0',
    REQUIRE_HTTPS: 'false',
    // A slow machine is no outage; tests of outages set their own.
    APPEND_TIMEOUT: '20',
    REFRESH_GRACE_PUBLIC: '22',
    MAX_LAG: '60',
    ...(brokers && { KAFKA_BROKERS: brokers.join(','), KAFKA_TOPIC_PREFIX: freshPrefix() }),
    ...settings,
  }
}

function collectingLogger({ LOG_LEVEL }: ReturnType<typeof loadSettings>): {
  logger: Logger
  lines: Record<string, unknown>[]
} {
  const lines: Record<string, unknown>[] = []
  const keep = keepLog('ledger')
  const write = (line: string) => {
    keep(line)
    lines.push(JSON.parse(line) as Record<string, unknown>)
  }
  return { logger: pino({ level: LOG_LEVEL, serializers: SERIALIZERS }, { write }), lines }
}

function faceOf({ runtime, publicUrl, adminUrl }: Serving) {
  return {
    url: publicUrl ?? '',
    adminUrl: adminUrl ?? '',
    runtime,
    ...createRequests(publicUrl ?? ''),
    admin: createRequests(adminUrl ?? ''),
    eventsOf: (grant_id: string) => eventsOf(runtime, grant_id),
    length: async () => {
      const bounds = await runtime.log.bounds([runtime.topics.grants, runtime.topics.registry])
      return bounds.reduce((sum, { end }) => sum + end, 0)
    },
  }
}

async function eventsOf(runtime: Runtime, grant_id: string): Promise<Told[]> {
  const told: Told[] = []
  for await (const { type, verdict, reason, event, requestid } of replay(runtime, { grant_id })) {
    told.push({
      type,
      verdict: verdict === 'valid' ? verdict : (reason ?? verdict),
      data: { ...event?.data },
      requestid,
    })
  }
  return told
}

async function fresh({ waiter, topics, knex, log }: Runtime): Promise<void> {
  const { rows } = await knex.raw<{ rows: { now: number }[] }>('SELECT extract(epoch FROM now())::float8 * 1000 AS now')
  const now = rows[0]?.now ?? Infinity
  const bounds = await log.bounds([topics.grants, topics.registry])
  await Promise.all(bounds.map((place) => waiter.freshAsOf(place, now, 40_000)))
}
