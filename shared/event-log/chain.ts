import { createHash } from 'node:crypto'
import type { LogRecord } from './event-log.ts'

/** The hash chain of an untouched partition: SHA-256("tl1" ‖ topic ‖ u32 partition). */
export function chainStart(topic: string, partition: number): Buffer {
  const number = Buffer.alloc(4)
  number.writeUInt32BE(partition)
  return createHash('sha256').update('tl1').update(topic).update(number).digest()
}

/** The next link: SHA-256(chain ‖ u64 offset ‖ u64 ts_ms ‖ u32 len ‖ key ‖ u32 len ‖ value), big-endian. */
export function chainNext(chain: Buffer, record: LogRecord): Buffer {
  return createHash('sha256').update(chain).update(frame(record)).digest()
}

/** The hash of one record alone, kept in the checkpoint so that the same record can be recognised again. */
export function recordHash(record: LogRecord): Buffer {
  return createHash('sha256').update(frame(record)).digest()
}

/** The same in hex, as `RecordSkipped` names a record and an operator is told of one. */
export function recordSha256(record: LogRecord): string {
  return recordHash(record).toString('hex')
}

function frame({ offset, timestamp, key, value }: LogRecord): Buffer {
  const framed = Buffer.allocUnsafe(24 + key.length + value.length)
  framed.writeBigUInt64BE(BigInt(offset), 0)
  framed.writeBigUInt64BE(BigInt(timestamp), 8)
  framed.writeUInt32BE(key.length, 16)
  key.copy(framed, 20)
  framed.writeUInt32BE(value.length, 20 + key.length)
  value.copy(framed, 24 + key.length)
  return framed
}
