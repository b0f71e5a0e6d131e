import type { ExecutionContext } from 'ava'
import type { Knex } from 'knex'
import pino from 'pino'
import { projectionStatus } from '../../services/audit/status/projection-status.ts'
import { startProjector } from '../../services/projector/projector.ts'
import { openEmbedded, openPostgres } from '../../shared/database/open-database.ts'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import type { EventLog } from '../../shared/event-log/event-log.ts'
import { placeOf, shapeOf, type Topics, topicsOf } from '../../shared/event-log/places.ts'
import { createPostgresLog } from '../../shared/event-log/postgres/postgres-log.ts'
import type { Fact } from '../../shared/ledger/events.ts'
import { migrateDatabase, readModelMigrations } from '../../shared/migrations/migrations.ts'
import { createCheckpoints } from '../../shared/read-model/checkpoints.ts'
import { client, issued, user } from '../ledger/given.ts'
import { databaseUrl } from '../support/real-parts.ts'

const SOURCE = 'https://ledger.example'
const logger = pino({ level: 'silent' })

/** A ledger of its own: a read model and a log, with nothing in them. */
export type TestLedger = {
  knex: Knex
  log: EventLog
  topics: Topics
  schema: string
  /** How far the log's clock is off. */
  clock: { shiftMs: number }
  append(fact: Fact, over?: { actor?: string }): Promise<number>
  /** Runs a projector until the read model has reached the end of the log. */
  project(): Promise<void>
  /** Runs a projector until it is stopped. */
  startProjector(): Promise<() => Promise<void>>
}

let embedded: ReturnType<typeof openEmbedded> | undefined
let count = 0

/** A ledger on the embedded database, which all tests of a file share. */
export async function embeddedLedger(): Promise<TestLedger> {
  embedded ??= openEmbedded(null).then(async (database) => {
    await migrateDatabase(database.knex, 'ledger_v1', { shared: false })
    return database
  })
  const { knex } = await embedded
  const schema = `ledger_t${++count}`
  await knex.raw(`CREATE SCHEMA ${schema}`)
  await knex.migrate.latest({
    schemaName: schema,
    tableName: 'migrations',
    migrationSource: readModelMigrations(schema),
  })
  const clock = { shiftMs: 0 }
  const log = createPostgresLog({ knex, appendTimeoutMs: 20_000, faults: { clockShiftMs: () => clock.shiftMs } })
  return ledgerOn({ knex, schema, log, clock })
}

export async function closeEmbedded(): Promise<void> {
  await (await embedded)?.close()
}

/** A ledger on a database of its own on the real PostgreSQL. */
export async function postgresLedger(t: Pick<ExecutionContext, 'teardown'>): Promise<TestLedger & { url: string }> {
  const url = await databaseUrl(t)
  const knex = openPostgres(url, { pool: 5, queryTimeoutMs: 20_000 })
  t.teardown(() => knex.destroy())
  await migrateDatabase(knex, 'ledger_v1', { shared: true })
  const log = createPostgresLog({ knex, appendTimeoutMs: 20_000 })
  t.teardown(() => log.close())
  return { ...(await ledgerOn({ knex, schema: 'ledger_v1', log })), url }
}

type Place = { knex: Knex; schema: string; log: EventLog; prefix?: string; clock?: { shiftMs: number } }

/** A ledger whose log may be somewhere else than its read model. */
export async function ledgerOn({
  knex,
  schema,
  log,
  prefix = `audit${++count}`,
  clock = { shiftMs: 0 },
}: Place): Promise<TestLedger> {
  const topics = topicsOf(prefix)
  await log.create(shapeOf(topics))
  const names = [topics.registry, topics.grants]
  await createCheckpoints({ knex, schema }, await log.bounds(names))
  const source = { knex, log, topics, schema }
  let latest = 0
  const start = async () => {
    const following = await startProjector({ ...source, group: `${prefix}.projector`, logger })
    return () => following.stop()
  }
  return {
    ...source,
    clock,
    append: async (fact, over = {}) => {
      const context = { actor: 'client/shop', requestid: 'request-1', clientaddress: '192.0.2.1', ...over }
      // Two partitions have an order only if their records differ in time.
      await until(async () => Date.now() > latest)
      const now = Date.now() + clock.shiftMs
      const { offset, timestamp } = await log.append(outgoing(envelop(fact, SOURCE, context, now), topics))
      latest = timestamp - clock.shiftMs
      return offset
    },
    startProjector: start,
    project: async () => {
      const stop = await start()
      await until(async () =>
        (await projectionStatus(source, 0)).partitions.every(({ lag, status }) => lag === 0 || status !== 'ok'),
      )
      await stop()
    },
  }
}

/** Resolves when the condition holds. */
export async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 1))
}

/** The nth grant of a test; the numbers decide on the partition. */
export function grantId(n: number): string {
  return `01890a5d-ac96-774b-bcce-${n.toString(16).padStart(12, '0')}`
}

/** Registry and grants that most tests begin with: the shop, ada, and her grant 1 in partition 1. */
export async function seed(ledger: TestLedger): Promise<void> {
  await ledger.append({ type: 'LedgerCreated', data: { ledger_id: '0b0c3f5e-1111-4222-8333-944455566677' } })
  await ledger.append({ type: 'ClientRegistered', data: { revision: 1, client: client() } })
  await ledger.append({ type: 'UserPut', data: { revision: 1, user: user() } })
  await ledger.append(issued({ grant_id: grantId(1) }))
}

/** Puts a record into the log that no release can read. */
export async function appendUnreadable({ log, topics }: TestLedger, grant_id: string): Promise<void> {
  await log.append({ ...placeOf(topics, grant_id), key: grant_id, value: '{"type":"FromTheFuture"}' })
}
