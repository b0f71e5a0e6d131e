import type { Consumer, EachBatchHandler } from 'kafkajs'
import { createClient, type KafkaLogOptions, RETRY } from './connect.ts'

const CONCURRENT = 13 // all partitions of both topics
const SESSION_MS = 6_000
const REBALANCE_MS = 10_000
const HEARTBEAT_MS = 1_500
const MAX_WAIT_MS = 250
const METADATA_AGE_MS = 2_000
const RETRIES = 2

/** A member of a group that commits nothing. It lives once: what it cannot retry by itself ends it (CRASH). */
export function createConsumer(kafka: KafkaLogOptions, groupId: string): Consumer {
  return createClient(kafka, { retries: RETRIES }).consumer({
    groupId,
    // What a client was told is not passed on to its consumers.
    retry: { ...RETRY, retries: RETRIES, restartOnFailure: async () => false },
    sessionTimeout: SESSION_MS,
    rebalanceTimeout: REBALANCE_MS,
    heartbeatInterval: HEARTBEAT_MS,
    maxWaitTimeInMs: MAX_WAIT_MS,
    metadataMaxAge: METADATA_AGE_MS,
    allowAutoTopicCreation: false,
    readUncommitted: true,
  })
}

/** Joins the group and begins to fetch. Rejects when there is no way to Kafka. */
export async function startConsumer(consumer: Consumer, topics: string[], eachBatch: EachBatchHandler): Promise<void> {
  await consumer.connect()
  await consumer.subscribe({ topics, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    partitionsConsumedConcurrently: CONCURRENT,
    eachBatch,
  })
}
