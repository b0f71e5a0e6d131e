import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Knex } from 'knex'
import type { Logger } from 'pino'
import { OperatorError } from '../config/operator-error.ts'
import { systemReason } from '../config/secret-file.ts'
import type { Settings } from '../config/settings.ts'
import { takeFolder } from '../database/folder-lock.ts'
import { type DatabaseAddress, type DatabaseWarning, openEmbedded, openPostgres } from '../database/open-database.ts'
import type { EventLog } from '../event-log/event-log.ts'
import { onceAMinute } from '../event-log/once-a-minute.ts'
import { createKafkaLog } from '../event-log/kafka/kafka-log.ts'
import { type Topics, topicsOf } from '../event-log/places.ts'
import type { LogLogger } from '../event-log/retrying.ts'
import { createPostgresLog } from '../event-log/postgres/postgres-log.ts'

/** The database and the log of one process, opened by its settings. */
export type Parts = {
  knex: Knex
  log: EventLog
  topics: Topics
  /** Rejects with an OperatorError when the embedded database loses its folder; else never settles. */
  lost: Promise<never>
  close(): Promise<void>
}

/** The parts, and the schema of the read model that is read in them. */
export type PartsRead = Parts & { schema: string }

/**
 * Opens the real parts that the settings name, or the embedded database in the data folder, which one process at a time
 * may have: throws an OperatorError when another has it. Nothing is created and nobody is connected to yet.
 */
export async function openParts(settings: Settings, logger: Logger): Promise<Parts> {
  const isItsTurn = onceAMinute()
  const warn = (message: string) => {
    if (isItsTurn(message)) logger.warn({ database: message }, 'the database pool has a problem')
  }
  const opened = settings.dev ? await openFolder(settings.DATA_DIR, warn) : openServer(settings, warn)
  const { knex, close, lost } = opened
  const log = openLog(settings, knex, logger)
  return {
    knex,
    log,
    topics: topicsOf(settings.KAFKA_TOPIC_PREFIX),
    lost,
    close: async () => {
      await log.close()
      await close()
    },
  }
}

/** As `openParts`, for what only looks: in dev mode nothing is made where there is nothing. */
export async function openExisting(settings: Settings, logger: Logger): Promise<Parts> {
  if (settings.dev) await requireLedger(settings.DATA_DIR)
  return openParts(settings, logger)
}

async function requireLedger(folder: string): Promise<void> {
  await access(join(folder, 'database')).catch((cause: unknown) => {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) unusable(folder, cause)
    throw new OperatorError(`LEDGER_DATA_DIR: there is no ledger in ${folder}: "npm start" makes one`, { cause })
  })
}

type OpenDatabase = Pick<Parts, 'knex' | 'lost' | 'close'>

async function openFolder(folder: string, warn: DatabaseWarning): Promise<OpenDatabase> {
  const taken = await takeFolder(folder).catch((cause: unknown) => unusable(folder, cause))
  if ('heldBy' in taken)
    throw new OperatorError(
      `LEDGER_DATA_DIR: ${folder} is in use by process ${taken.heldBy}: the embedded database takes one process at a time`,
    )
  const { knex, close } = await openEmbedded(join(folder, 'database'), warn).catch(async (cause: unknown) => {
    await taken.release()
    return unusable(folder, cause)
  })
  const lost = taken.lost.then(() => {
    throw new OperatorError(`LEDGER_DATA_DIR: ${folder} was removed, or begun anew, while this process ran`)
  })
  // A command that is over in a moment does not listen.
  lost.catch(() => undefined)
  return {
    knex,
    lost,
    close: async () => {
      // The database writes to paths, and what lies there now may be another process's.
      if (await taken.isMine()) await close()
      await taken.release()
    },
  }
}

/** What the system says of a file, in one line; anything else is a bug. */
function unusable(folder: string, cause: unknown): never {
  if (!(cause instanceof Error && 'syscall' in cause)) throw cause
  throw new OperatorError(`LEDGER_DATA_DIR: ${folder} cannot be used: ${systemReason(cause)}`, { cause })
}

function openServer(settings: Settings, warn: DatabaseWarning): OpenDatabase {
  const queryTimeoutMs = settings.APPEND_TIMEOUT * 1000
  const { DATABASE_POOL: pool, DATABASE_POOLER: pooler } = settings
  const knex = openPostgres(addressOf(settings), { pool, queryTimeoutMs, pooler, warn })
  return { knex, lost: new Promise(() => undefined), close: () => knex.destroy() }
}

function addressOf(settings: Settings): DatabaseAddress {
  const { DATABASE_URL: connectionString = '', DATABASE_HOST: host, DATABASE_PORT: port } = settings
  if (host === undefined) return { connectionString }
  const { DATABASE_NAME: database = '', DATABASE_USER: user = '', DATABASE_PASSWORD: password } = settings
  return { host, port, database, user, ...(password !== undefined && { password }) }
}

function openLog(settings: Settings, knex: Knex, logger: Logger): EventLog {
  const appendTimeoutMs = settings.APPEND_TIMEOUT * 1000
  if (!settings.KAFKA_BROKERS) return createPostgresLog({ knex, appendTimeoutMs, logger: loggerOf('database', logger) })
  const { KAFKA_SASL_MECHANISM: mechanism, KAFKA_SASL_USERNAME: username, KAFKA_SASL_PASSWORD: password } = settings
  const sasl = mechanism && { mechanism, username: username ?? '', password: password ?? '' }
  const { KAFKA_SSL: trust, KAFKA_SSL_CERTIFICATE: cert, KAFKA_SSL_KEY: key } = settings
  return createKafkaLog({
    brokers: settings.KAFKA_BROKERS,
    clientId: settings.KAFKA_TOPIC_PREFIX,
    appendTimeoutMs,
    ssl: trust && { ...(trust !== true && trust), ...(cert && key && { cert, key }) },
    ...(sasl && { sasl }),
    logger: loggerOf('kafka', logger),
  })
}

// An error goes in by its own name, so that it is shown as every other.
function loggerOf(part: 'kafka' | 'database', logger: Logger): LogLogger {
  return (level, message, { err, ...fields }) =>
    logger[level]({ [part]: fields, ...(err !== undefined && { err }) }, message)
}

/** Closes the parts that something failed with, and throws that on. */
export function closing({ close }: Pick<Parts, 'close'>): (error: unknown) => Promise<never> {
  return async (error) => {
    await close()
    throw error
  }
}
