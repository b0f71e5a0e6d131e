import { QueueFull } from '../../database/batcher.ts'
import { createScryptThread, type ScryptCost, type ScryptWork } from './scrypt-thread.ts'

/** 32 MiB and some 70 ms of one core. */
export const COST: ScryptCost = { n: 2 ** 15, r: 8, p: 1 }

/** What scrypt makes of a password. QueueFull where too many wait already, or one waited too long. */
export type Scrypt = (password: string, salt: Buffer, cost: ScryptCost) => Promise<Buffer>

/**
 * `atOnce`: how many threads it takes, besides Node's own; `bound`: how many may wait; `patienceMs`: how long one waits
 * for its turn at the most.
 */
export type ScryptLimits = { atOnce?: number; bound?: number; patienceMs: number }

type Waiting = { work: ScryptWork; since: number; resolve: (hash: Buffer) => void; reject: (error: Error) => void }

/** Runs scrypt beside the event loop and behind everything else, few at once, the others in their order. */
export function createScrypt({ atOnce = 2, bound = 64, patienceMs }: ScryptLimits): Scrypt {
  const waiting: Waiting[] = []
  const idle = Array.from({ length: atOnce }, createScryptThread)

  function next(): void {
    const thread = idle.at(-1)
    const first = thread && waiting.shift()
    if (!first) return
    if (performance.now() - first.since > patienceMs) {
      first.reject(new QueueFull(`a password was not looked at within ${patienceMs} ms`))
      return next()
    }
    idle.pop()
    const done = () => {
      idle.push(thread)
      next()
    }
    void thread(first.work).then(first.resolve, first.reject).finally(done)
  }

  return (password, salt, cost) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= bound) return reject(new QueueFull(`${bound} passwords wait already`))
      // Of a Buffer, all that Node keeps in the same piece of memory would be copied.
      const work = { password, salt: Uint8Array.from(salt), cost }
      waiting.push({ work, since: performance.now(), resolve, reject })
      next()
    })
}
