import { setTimeout as sleep } from 'node:timers/promises'
import { LogReadError } from './event-log.ts'

export const FIRST_PAUSE_MS = 200
export const LONGEST_PAUSE_MS = 2_000

/** Where an adapter tells what it lived through. Never told: keys, values, passwords. */
export type LogLogger = (level: 'error' | 'warn' | 'info', message: string, fields: Record<string, unknown>) => void

/**
 * Tries again after 200 ms, then twice as long each time up to 2 s, until it succeeds or `signal` ends it (then
 * undefined). A range that the log does not hold will not come back: that LogReadError is thrown at once.
 */
export async function retrying<T>(
  attempt: () => Promise<T>,
  { signal, logger, what }: { signal: AbortSignal; logger: LogLogger; what: string },
): Promise<T | undefined> {
  for (let pauseMs = FIRST_PAUSE_MS; !signal.aborted; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await attempt()
    } catch (error) {
      if (error instanceof LogReadError && error.reason === 'out_of_range') throw error
      logger('warn', `${what} failed, trying again in ${pauseMs} ms`, { err: error })
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
    }
  }
}
