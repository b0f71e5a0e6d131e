import type { ConnectionOptions } from 'node:tls'
import kafkajs, { type Admin, type ISocketFactory, type Kafka, type RetryOptions, type SASLOptions } from 'kafkajs'
import Cluster from 'kafkajs/src/cluster/index.js'
import loggers from 'kafkajs/src/loggers/index.js'
import createSocketFactory from 'kafkajs/src/network/socketFactory.js'
import { LogReadError } from '../../event-log.ts'
import { clientLog } from './client-log.ts'
import { wordsOf } from './words.ts'
import type { LogLogger } from '../../retrying.ts'

// What lies inside kafkajs is named in this folder only.
export type { Cluster }
export type { Broker, FetchedMessage } from 'kafkajs/src/cluster/index.js'

export type KafkaLogOptions = {
  brokers: string[]
  clientId: string
  /** How long an append may take in all, in milliseconds. */
  appendTimeoutMs: number
  ssl?: boolean | ConnectionOptions | undefined
  sasl?: SASLOptions | undefined
  /** For tests: the sockets to the brokers. */
  socketFactory?: ISocketFactory | undefined
  logger?: LogLogger | undefined
}

export const READ_UNCOMMITTED = 0 // nobody here writes transactions, and a foreign one must not hold readers back

const ATTEMPTS = 3

// All five: the defaults differ when NODE_ENV is test.
export const RETRY: RetryOptions = {
  initialRetryTime: 100,
  maxRetryTime: 1_000,
  factor: 0.2,
  multiplier: 2,
  retries: 1,
}

/**
 * A client for consumers and administration. `retries` are those of one request; who calls decides whether to go on.
 */
export function createClient(options: KafkaLogOptions, { retries }: { retries: number }): Kafka {
  return new kafkajs.Kafka({ ...connection(options, 5_000), retry: { ...RETRY, retries } })
}

/**
 * The connections of a cluster without producer or consumer around them: to send, fetch and ask exactly what is meant.
 */
export function createCluster(options: KafkaLogOptions, { requestTimeout }: { requestTimeout: number }): Cluster {
  const { logLevel: level, logCreator, ...rest } = connection(options, requestTimeout)
  return new Cluster({
    ...rest,
    logger: loggers.createLogger({ level, logCreator }),
    retry: RETRY,
    allowAutoTopicCreation: false,
    metadataMaxAge: 300_000,
    isolationLevel: READ_UNCOMMITTED,
    socketFactory: rest.socketFactory ?? createSocketFactory(),
  })
}

/**
 * Does one piece of administration, which must be safe to repeat, on a connection of its own: kafkajs gives up some
 * requests at the first slow answer, and goes on with stale leaders. LogReadError('unreachable') when the third attempt
 * fails too.
 */
export async function withAdmin<T>(options: KafkaLogOptions, work: (admin: Admin) => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await onConnection(options, work)
    } catch (cause) {
      if (cause instanceof LogReadError) throw cause
      options.logger?.('warn', 'a request to Kafka failed', { attempt, err: cause })
      if (attempt === ATTEMPTS)
        throw new LogReadError('unreachable', `Kafka cannot be used: ${wordsOf(cause)}`, { cause })
    }
  }
}

async function onConnection<T>(options: KafkaLogOptions, work: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = createClient(options, { retries: 2 }).admin()
  try {
    await admin.connect()
    return await work(admin)
  } finally {
    await admin.disconnect().catch(() => undefined)
  }
}

/** The `type` of a broker's answer (`MESSAGE_TOO_LARGE` …) or the name of a kafkajs error, wherever it is wrapped. */
export function causesOf(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const type: unknown = Reflect.get(error, 'type')
  return [...(typeof type === 'string' ? [type] : []), error.name, ...causesOf(error.cause)]
}

function connection(options: KafkaLogOptions, requestTimeout: number) {
  const { brokers, clientId, ssl, sasl, socketFactory, logger } = options
  return {
    brokers,
    clientId,
    connectionTimeout: 1_000,
    authenticationTimeout: 5_000,
    requestTimeout,
    enforceRequestTimeout: true,
    logLevel: kafkajs.logLevel.WARN,
    logCreator: () => clientLog(logger),
    ...(ssl && { ssl: ssl === true ? {} : ssl }),
    ...(sasl && { sasl }),
    ...(socketFactory && { socketFactory }),
  }
}
