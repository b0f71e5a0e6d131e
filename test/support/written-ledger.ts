import type { ExecutionContext } from 'ava'
import { projectionStatus } from '../../services/audit/status/projection-status.ts'
import { createSerially } from '../../services/admin/serially.ts'
import { startProjector } from '../../services/projector/projector.ts'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { openEmbedded } from '../../shared/database/open-database.ts'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import type { EventLog } from '../../shared/event-log/event-log.ts'
import { placeOf, placesOf, shapeOf, topicsOf } from '../../shared/event-log/places.ts'
import { createPostgresLog } from '../../shared/event-log/postgres/postgres-log.ts'
import type { Fact } from '../../shared/ledger/events.ts'
import { migrateDatabase } from '../../shared/migrations/migrations.ts'
import { openParts, type Parts } from '../../shared/process/open-parts.ts'
import { type Runtime, runtimeOf } from '../../shared/process/runtime.ts'
import { createCheckpoints } from '../../shared/read-model/checkpoints.ts'
import type { VerifySource } from '../../shared/read-model/read-model.ts'
import type { Progress } from '../../shared/event-log/fold-log.ts'
import { fillReadModel } from '../../shared/read-model/projection/rebuild.ts'
import { createReadModel } from '../../shared/read-model/versions/build.ts'
import { markBuilt } from '../../shared/read-model/versions/read-models.ts'
import { client, issued, user } from '../ledger/given.ts'
import { keptLogger } from './kept-logs.ts'
import { ISSUER, SECRET } from './ledger.ts'
import { databaseUrl } from './real-parts.ts'
import { until } from './waiting.ts'

const logger = keptLogger('written-ledger')
const serially = createSerially()

/** A ledger whose log holds what the test itself writes, and nothing else: no predefined entities, nothing served. */
export type WrittenLedger = Runtime & {
  /** How far the log's clock is off. */
  clock: { shiftMs: number }
  append(fact: Fact, over?: { actor?: string }): Promise<number>
  /** Runs a projector until the read model has reached the end of the log. */
  project(): Promise<void>
  /** Runs a projector until it is stopped; `log`: as another log would deliver. */
  startProjector(log?: EventLog): Promise<() => Promise<void>>
  /** Resolves when the read model has reached the end of the log, in every partition that goes on. */
  shown(): Promise<void>
}

let embedded: ReturnType<typeof openEmbedded> | undefined
let count = 0

type Placed = { log?: EventLog; prefix?: string }

/** On the embedded database, which all tests of a file share; the log there too unless another one is given. */
export async function embeddedLedger({ log: other, prefix }: Placed = {}): Promise<WrittenLedger> {
  const { knex } = await (embedded ??= openEmbedded(null))
  const clock = { shiftMs: 0 }
  const faults = { clockShiftMs: () => clock.shiftMs }
  const log = other ?? createPostgresLog({ knex, appendTimeoutMs: 20_000, faults })
  const name = `ledger_t${++count}`
  const parts = { knex, log, topics: topicsOf(prefix ?? name), ...UNLOSABLE }
  return { ...(await written(parts, { LEDGER_READ_MODEL: name }, clock)), clock }
}

export async function closeEmbedded(): Promise<void> {
  await (await embedded)?.close()
}

/** On a database of its own on the real PostgreSQL. */
export async function postgresLedger(t: Pick<ExecutionContext, 'teardown'>): Promise<WrittenLedger & { url: string }> {
  const url = await databaseUrl(t)
  const env = { LEDGER_DATABASE_URL: url, LEDGER_SECRETS_SYSTEM: SECRET }
  const parts = await openParts(loadSettings({ ...ENV, ...env }), logger)
  t.teardown(() => parts.close())
  return { ...(await written(parts, env, { shiftMs: 0 })), url }
}

/** It lies in memory, and is closed at the end of the file. */
const UNLOSABLE = { lost: new Promise<never>(() => undefined), close: async () => {} }

const ENV = { LEDGER_ISSUER: ISSUER, LEDGER_APPEND_TIMEOUT: '20', LEDGER_REFRESH_GRACE_PUBLIC: '22' }

async function written(parts: Parts, env: Record<string, string>, clock: { shiftMs: number }): Promise<WrittenLedger> {
  const settings = loadSettings({ ...ENV, ...env })
  const { knex, log, topics } = parts
  const schema = settings.READ_MODEL ?? 'ledger_v2'
  const runtime = runtimeOf({ ...parts, schema }, settings, null, logger)
  // Several tests of one file make their schemas in one embedded database.
  await serially(async () => {
    await migrateDatabase(knex, { shared: !settings.dev })
    await createReadModel(knex, schema)
    await markBuilt(knex, schema)
  })
  await log.create(shapeOf(topics))
  await createCheckpoints({ knex, schema }, placesOf(topics))
  let latest = 0
  const shown = () => until(() => isProjected(runtime), 'a read model that shows all of the log')
  const start = async (follows = log) => {
    const following = await startProjector({ ...runtime, log: follows, group: `${topics.grants}.projector` })
    return () => following.stop()
  }
  return {
    ...runtime,
    clock,
    append: async (fact, over = {}) => {
      const context = { actor: 'client/shop', requestid: 'request-1', clientaddress: '192.0.2.1', ...over }
      await until(() => Date.now() > latest, 'a time of its own: only that gives two partitions an order')
      const now = Date.now() + clock.shiftMs
      const { offset, timestamp } = await log.append(outgoing(envelop(fact, ISSUER, context, now), topics))
      latest = timestamp - clock.shiftMs
      return offset
    },
    startProjector: start,
    shown,
    project: async () => {
      const stop = await start()
      await shown()
      await stop()
    },
  }
}

async function isProjected(runtime: Runtime): Promise<boolean> {
  const { partitions } = await projectionStatus(runtime, 0)
  return partitions.every(({ lag, status }) => lag === 0 || status !== 'ok')
}

let rebuilds = 0

/** The same ledger with another read model, built from the whole log beside the one that it has. */
export async function rebuiltBeside<Source extends VerifySource>(source: Source, progress?: Progress): Promise<Source> {
  const beside = { ...source, schema: `${source.schema}_r${++rebuilds}` }
  await createReadModel(source.knex, beside.schema)
  await fillReadModel(beside, { lanes: 1, ...(progress && { progress }) })
  return beside
}

/** The nth grant of a test; the numbers decide on the partition. */
export function grantId(n: number): string {
  return `01890a5d-ac96-774b-bcce-${n.toString(16).padStart(12, '0')}`
}

/** Registry and grants that most tests begin with: the shop, ada, and her grant 1 in partition 1. */
export async function seed(ledger: WrittenLedger): Promise<void> {
  await ledger.append({ type: 'LedgerCreated', data: { ledger_id: '0b0c3f5e-1111-4222-8333-944455566677' } })
  await ledger.append({ type: 'ClientRegistered', data: { revision: 1, client: client() } })
  await ledger.append({ type: 'UserPut', data: { revision: 1, user: user() } })
  await ledger.append(issued({ grant_id: grantId(1) }))
}

/** Puts a record into the log that no release can read. */
export async function appendUnreadable({ log, topics }: WrittenLedger, grant_id: string): Promise<void> {
  await log.append({ ...placeOf(topics, grant_id), key: grant_id, value: '{"type":"FromTheFuture"}' })
}
