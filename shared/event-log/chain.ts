import { createHash, hash } from 'node:crypto'
import type { LogRecord } from './event-log.ts'

/** The hash chain of an untouched partition: SHA-256("tl1" ‖ topic ‖ u32 partition). */
export function chainStart(topic: string, partition: number): Buffer {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(partition)
  return createHash('sha256').update('tl1').update(topic).update(number).digest()
}

/** The next link: SHA-256(chain ‖ u64 offset ‖ u64 ts_ms ‖ u32 len ‖ key ‖ u32 len ‖ value), big-endian. */
export function chainNext(chain: Buffer, record: LogRecord): Buffer {
  return sha256(frame(record, chain))
}

/** The hash of one record alone, kept in the checkpoint so that the same record can be recognised again. */
export function recordHash(record: LogRecord): Buffer {
  return sha256(frame(record))
}

/** The same in hex, as `RecordSkipped` names a record and an operator is told of one. */
export function recordSha256(record: LogRecord): string {
  return recordHash(record).toString('hex')
}

// In one call: an object for each record costs more than the hashing.
function sha256(bytes: Buffer): Buffer {
  return hash('sha256', bytes, 'buffer')
}

const NOTHING = Buffer.alloc(0)

function frame({ offset, timestamp, key, value }: LogRecord, before: Buffer = NOTHING): Buffer {
  const at = before.length
  const framed = Buffer.allocUnsafe(at + 24 + key.length + value.length)
  before.copy(framed, 0)
  framed.writeBigUInt64BE(BigInt(offset), at)
  framed.writeBigUInt64BE(BigInt(timestamp), at + 8)
  framed.writeUInt32BE(key.length, at + 16)
  key.copy(framed, at + 20)
  framed.writeUInt32BE(value.length, at + 20 + key.length)
  value.copy(framed, at + 24 + key.length)
  return framed
}
