import { setTimeout as pause } from 'node:timers/promises'

/** Longer than anything that comes at all takes on a machine with much else to do. */
const PATIENCE_MS = 40_000
const LOOK_EVERY_MS = 10

/** Resolves when the condition holds; rejects after `ms`, and says what never came true. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  ms = PATIENCE_MS,
): Promise<void> {
  const deadline = performance.now() + ms
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`${what} never came true within ${ms} ms`)
    await pause(LOOK_EVERY_MS)
  }
}

/** What somebody else will send, end or answer; rejects after `ms`, and says what never came. */
export async function arrival<T>(coming: Promise<T>, what: string, ms = PATIENCE_MS): Promise<T> {
  const given = new AbortController()
  const late = pause(ms, undefined, { signal: given.signal }).then(() => {
    throw new Error(`${what} never came within ${ms} ms`)
  })
  try {
    return await Promise.race([coming, late])
  } finally {
    given.abort()
    late.catch(() => undefined)
  }
}
