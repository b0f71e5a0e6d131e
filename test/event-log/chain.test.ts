import { createHash } from 'node:crypto'
import test from 'ava'
import { chainNext, recordHash } from '../../shared/event-log/chain.ts'

const u32 = (value: number) => Buffer.from(value.toString(16).padStart(8, '0'), 'hex')
const u64 = (value: number) => Buffer.from(value.toString(16).padStart(16, '0'), 'hex')

for (const offset of [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 32 + 7, Number.MAX_SAFE_INTEGER]) {
  test(`the hash of a record at offset ${offset} is that of its bytes, as they are defined`, (t) => {
    const [key, value] = [Buffer.from('user/ä'), Buffer.from('{}')]
    const record = { offset, timestamp: 1_764_000_000_000, key, value }
    const bytes = [u64(offset), u64(record.timestamp), u32(key.length), key, u32(value.length), value]
    const sha256 = (...parts: Buffer[]) => createHash('sha256').update(Buffer.concat(parts)).digest()
    t.deepEqual(recordHash(record), sha256(...bytes))
    const chain = Buffer.alloc(32, 7)
    t.deepEqual(chainNext(chain, record), sha256(chain, ...bytes))
  })
}
