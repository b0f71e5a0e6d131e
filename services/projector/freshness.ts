import type { Logger } from 'pino'
import type { EventLog, Silent } from '../../shared/event-log/event-log.ts'
import { placeText } from '../../shared/event-log/places.ts'
import { databaseClock, markFresh } from '../../shared/read-model/checkpoints.ts'
import type { ReadModel } from '../../shared/read-model/read-model.ts'

const EVERY_MS = 1_000
const RETRY_MS = 100

export type FreshnessOptions = ReadModel & { log: EventLog; logger: Logger }

/**
 * Each second: notes the database's time, asks the log for its ends, and marks every partition whose checkpoint reaches
 * that end as fresh as of that time. One that does not answer stays as old as it is, and is named in the log. Under
 * load a checkpoint trails by some milliseconds, so it is tried again within the second.
 */
export function startFreshness({ log, logger, ...readModel }: FreshnessOptions): () => Promise<void> {
  const stopping = new AbortController()
  const running = loop()

  const tellSilence = silenceTeller(logger)

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      const deadline = performance.now() + EVERY_MS
      await round(deadline).catch((error: unknown) => logger.warn({ err: error }, 'freshness could not be marked'))
      await pause(deadline - performance.now())
    }
  }

  async function round(deadline: number): Promise<void> {
    const asOf = await databaseClock(readModel.knex)
    const { bounds, silent } = await log.boundsNow(Object.values(readModel.topics))
    tellSilence(silent)
    let waiting = bounds
    while (waiting.length > 0 && !stopping.signal.aborted) {
      const fresh = new Set((await markFresh(readModel, asOf, waiting)).map(placeText))
      waiting = waiting.filter((place) => !fresh.has(placeText(place)))
      if (performance.now() + RETRY_MS > deadline) return
      if (waiting.length > 0) await pause(RETRY_MS)
    }
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      if (stopping.signal.aborted) return resolve()
      const timer = setTimeout(done, Math.max(0, ms))
      stopping.signal.addEventListener('abort', done, { once: true })
      function done() {
        clearTimeout(timer)
        stopping.signal.removeEventListener('abort', done)
        resolve()
      }
    })
  }

  return async () => {
    stopping.abort()
    await running
  }
}

// Once for each change, not every second.
function silenceTeller(logger: Logger): (silent: Silent[]) => void {
  let told = ''
  return (silent) => {
    const names = silent.map(placeText).join(', ')
    if (names === told) return
    told = names
    if (silent.length === 0) logger.info('every partition of the log answers again')
    else logger.warn({ silent }, `the log does not answer for ${names}: their grants get 503 until it does`)
  }
}
