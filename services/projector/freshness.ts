import type { Logger } from 'pino'
import { isAway } from '../../shared/database/away.ts'
import type { EventLog, Silent } from '../../shared/event-log/event-log.ts'
import { onceAMinute } from '../../shared/event-log/once-a-minute.ts'
import { isSamePlace, placeText } from '../../shared/event-log/places.ts'
import { type Checkpoint, databaseClock, loadCheckpoints, markFresh } from '../../shared/read-model/checkpoints.ts'
import type { ReadModel } from '../../shared/read-model/read-model.ts'
import { divergenceOf, learnFirstRecords, lookAtLog, type LogSeen } from './divergence.ts'
import type { HeldCheckpoints } from './held-checkpoints.ts'

const EVERY_MS = 1_000
const RETRY_MS = 100

export type FreshnessOptions = ReadModel & { log: EventLog; logger: Logger } & Pick<HeldCheckpoints, 'leave'>

/**
 * Each second: notes the database's time, asks the log for its ends, and marks every partition whose checkpoint reaches
 * that end as fresh as of that time. One that does not answer stays as old as it is, and is named in the log. Under
 * load a checkpoint trails by some milliseconds, so it is tried again within the second.
 *
 * A log that is not the one that was folded is left at once. That is looked for in every round, and not only when
 * something hints at it: a topic that is made again grows past a young checkpoint within a second, and then its ends,
 * its leader epoch and its settings are those of the old one. Its first record never is.
 */
export function startFreshness({ log, logger, leave, ...readModel }: FreshnessOptions): () => Promise<void> {
  const stopping = new AbortController()
  const running = loop()

  const tellSilence = silenceTeller(logger)
  const isItsTurn = onceAMinute()

  async function loop(): Promise<void> {
    while (!stopping.signal.aborted) {
      const deadline = performance.now() + EVERY_MS
      await round(deadline).catch(tellFailure)
      await pause(deadline - performance.now())
    }
  }

  // A database that is away is met each second, and known: it needs no stack.
  function tellFailure(error: unknown): void {
    const fields = isAway(error) ? { reason: String(error) } : { err: error }
    if (isItsTurn(String(error))) logger.warn(fields, 'freshness could not be marked')
  }

  async function round(deadline: number): Promise<void> {
    const asOf = await databaseClock(readModel.knex)
    const checkpoints = await loadCheckpoints(readModel, Object.values(readModel.topics))
    const seen = await lookAtLog(log, Object.values(readModel.topics))
    tellSilence(seen.silent)
    const diverged = await leaveDiverged(checkpoints, seen)
    const others = checkpoints.filter((one) => !diverged.includes(one))
    await learnFirstRecords(readModel, others, seen.firsts)
    let waiting = seen.bounds.filter((bound) => others.some((one) => isSamePlace(one, bound)))
    while (waiting.length > 0 && !stopping.signal.aborted) {
      const fresh = new Set((await markFresh(readModel, asOf, waiting)).map(placeText))
      waiting = waiting.filter((place) => !fresh.has(placeText(place)))
      if (performance.now() + RETRY_MS > deadline) return
      if (waiting.length > 0) await pause(RETRY_MS)
    }
  }

  async function leaveDiverged(checkpoints: Checkpoint[], seen: LogSeen): Promise<Checkpoint[]> {
    const answering = checkpoints.filter((one) => !seen.silent.some((place) => isSamePlace(place, one)))
    const diverged: Checkpoint[] = []
    for (const checkpoint of answering.filter(({ status }) => status !== 'diverged')) {
      const reason = divergenceOf(checkpoint, seen)
      if (reason === null) continue
      await leave(checkpoint, 'diverged', reason)
      diverged.push(checkpoint)
    }
    return diverged
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
