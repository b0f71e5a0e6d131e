import { setTimeout as pause } from 'node:timers/promises'

const BATCH = 500
const WAIT_MS = 200

/** What a source gives, in batches: as many as are there in a moment, so that nothing waits for what is far away. */
export async function* batched<T>(source: AsyncIterable<T>, size = BATCH, waitMs = WAIT_MS): AsyncGenerator<T[]> {
  const from = source[Symbol.asyncIterator]()
  const ask = () => {
    const coming = from.next()
    // Handled where it is awaited, which may be later.
    coming.catch(() => undefined)
    return coming
  }
  try {
    for (let coming = ask(); ;) {
      const first = await coming
      if (first.done === true) return
      const batch = [first.value]
      coming = ask()
      const stop = new AbortController()
      const late = pause(waitMs, null, { signal: stop.signal }).catch(() => null)
      while (batch.length < size) {
        const next = await Promise.race([coming, late])
        if (next === null || next.done === true) break
        batch.push(next.value)
        coming = ask()
      }
      stop.abort()
      yield batch
    }
  } finally {
    await from.return?.()
  }
}
