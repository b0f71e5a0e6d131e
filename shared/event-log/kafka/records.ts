import type { LogRecord } from '../event-log.ts'

const LOG_APPEND_TIME = 1
const EMPTY = Buffer.alloc(0)

type Message = {
  offset: string
  timestamp: string
  key: Buffer | null
  value: Buffer | null
  batchContext?: BatchContext
}
type BatchContext = { partitionLeaderEpoch: number; timestampType: number }

/**
 * A record as Kafka delivered it. Throws when its time is its writer's and not the log's: nothing may be judged by
 * that.
 */
export function recordOf(message: Message): LogRecord {
  if (message.batchContext?.timestampType !== LOG_APPEND_TIME) {
    throw new WriterTimeError(
      `the record at offset ${message.offset} carries its writer's time: it was not written as LogAppendTime`,
    )
  }
  return bytesOf(message)
}

/** A record whoever's time it carries: to be compared, and not judged by. */
export function bytesOf({ offset, timestamp, key, value, batchContext }: Message): LogRecord {
  return {
    offset: Number(offset),
    timestamp: Number(timestamp),
    key: key ?? EMPTY,
    value: value ?? EMPTY,
    leader_epoch: batchContext?.partitionLeaderEpoch,
  }
}

/**
 * A record whose time is not the log's. The topic was created or changed wrongly; reading on would judge by foreign
 * clocks.
 */
export class WriterTimeError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'WriterTimeError'
  }
}
