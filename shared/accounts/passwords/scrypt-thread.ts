import { once } from 'node:events'
import { Worker } from 'node:worker_threads'

/** What scrypt costs (RFC 7914): `n` rounds of 128 × `r` bytes. */
export type ScryptCost = { n: number; r: number; p: number }

/** What such a thread is told, and answers. */
export type ScryptWork = { password: string; salt: Uint8Array; cost: ScryptCost }
type Answer = { hash: Uint8Array; problem?: undefined } | { problem: string; hash?: undefined }

/** One piece of work at a time; rejects where scrypt does not take the cost. */
export type ScryptThread = (work: ScryptWork) => Promise<Buffer>

/**
 * A thread for scrypt alone, which every other thread goes before. It starts with its first work, and keeps no process
 * alive.
 */
export function createScryptThread(): ScryptThread {
  let worker: Worker | undefined

  function start(): Worker {
    // A text, because a thread has no loader for sources that are not compiled. It needs no setting of ours.
    const started = new Worker(PROGRAM, { eval: true, env: {}, execArgv: [] })
    // Whoever waits for one that ended is told; the next work starts another.
    started.on('error', () => (worker = undefined))
    return started
  }

  return async (work) => {
    const thread = (worker ??= start())
    thread.ref()
    try {
      const answered = once(thread, 'message') as Promise<[Answer]>
      thread.postMessage(work)
      const [{ hash, problem }] = await answered
      if (hash === undefined) throw new Error(`scrypt: ${problem}`)
      return Buffer.from(hash)
    } finally {
      thread.unref()
    }
  }
}

// Linux has a priority for each thread, and takes its id for that of a process; others have one for a whole process.
// Where /proc is hidden, hashes come out all the same. OpenSSL counts a little more than the memory itself.
const PROGRAM = `
const { scryptSync } = require('node:crypto')
const { readlinkSync } = require('node:fs')
const { constants, setPriority } = require('node:os')
const { parentPort } = require('node:worker_threads')

if (process.platform === 'linux') try {
  setPriority(Number(readlinkSync('/proc/thread-self').split('/').at(-1)), constants.priority.PRIORITY_LOW)
} catch {}

parentPort.on('message', ({ password, salt, cost: { n, r, p } }) => {
  let answer
  try {
    answer = { hash: scryptSync(password, salt, 32, { N: n, r, p, maxmem: 2 * 128 * n * r }) }
  } catch (error) {
    answer = { problem: error.message }
  }
  parentPort.postMessage(answer)
})`
