import { scrypt } from 'node:crypto'
import { QueueFull } from '../../database/batcher.ts'

/** What scrypt costs (RFC 7914): `n` rounds of 128 × `r` bytes. */
export type ScryptCost = { n: number; r: number; p: number }

/** 32 MiB and some 70 ms of one core. */
export const COST: ScryptCost = { n: 2 ** 15, r: 8, p: 1 }

const HASH_BYTES = 32

/** What scrypt makes of a password. QueueFull where too many wait already, or one waited too long. */
export type Scrypt = (password: string, salt: Buffer, cost: ScryptCost) => Promise<Buffer>

/**
 * `atOnce`: how many threads of Node's pool (four) it takes; names of hosts and files need some, too. `bound`: how many
 * may wait; `patienceMs`: how long one waits for its turn at the most.
 */
export type ScryptLimits = { atOnce?: number; bound?: number; patienceMs: number }

/** Runs scrypt beside the event loop, few at once, the others in their order. */
export function createScrypt({ atOnce = 2, bound = 64, patienceMs }: ScryptLimits): Scrypt {
  const waiting: { begin: () => void; refuse: () => void; since: number }[] = []
  let running = 0

  function next(): void {
    const first = waiting.shift()
    if (!first) return
    if (performance.now() - first.since > patienceMs) {
      first.refuse()
      return next()
    }
    running++
    first.begin()
  }

  return (password, salt, cost) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= bound) return reject(new QueueFull(`${bound} passwords wait already`))
      const done = (error: Error | null, hash: Buffer) => {
        running--
        next()
        if (error) reject(error)
        else resolve(hash)
      }
      waiting.push({
        since: performance.now(),
        refuse: () => reject(new QueueFull(`a password was not looked at within ${patienceMs} ms`)),
        begin: () => {
          try {
            scrypt(password, salt, HASH_BYTES, optionsOf(cost), done)
          } catch (error) {
            // Of a cost that scrypt does not take: the turn is over all the same.
            done(error as Error, Buffer.alloc(0))
          }
        },
      })
      if (running < atOnce) next()
    })
}

// OpenSSL counts a little more than the memory itself.
function optionsOf({ n, r, p }: ScryptCost) {
  return { N: n, r, p, maxmem: 2 * 128 * n * r }
}
