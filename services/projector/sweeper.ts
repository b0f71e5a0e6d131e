import { setTimeout as wait } from 'node:timers/promises'
import type { Logger } from 'pino'
import { sweepOutcomes } from '../../shared/accounts/sessions/login-outcomes.ts'
import { onceAMinute } from '../../shared/event-log/once-a-minute.ts'
import { isSamePlace } from '../../shared/event-log/places.ts'
import { sweepDue } from '../../shared/read-model/projection/sweep-due.ts'
import type { ReadModel } from '../../shared/read-model/read-model.ts'
import type { HeldCheckpoints } from './held-checkpoints.ts'

/** `everyMs`: between two passes; 0 = never. */
export type SweeperOptions = ReadModel & {
  logger: Logger
  reached: HeldCheckpoints['reached']
  everyMs: number
}

/**
 * Removes from the read model what has been dead for an hour, again and again, in the partitions that this process
 * projects. Answers how to stop it.
 */
export function startSweeper({ topics, logger, reached, everyMs, ...tables }: SweeperOptions): () => Promise<void> {
  const stopping = new AbortController()
  const { signal } = stopping
  const isItsTurn = onceAMinute()
  const running = everyMs === 0 ? Promise.resolve() : loop()

  async function loop(): Promise<void> {
    for (;;) {
      await pause(everyMs)
      if (signal.aborted) return
      await round()
    }
  }

  function failed(error: unknown): void {
    if (isItsTurn(String(error))) logger.warn({ err: error }, 'what is dead could not be swept: trying again')
  }

  async function round(): Promise<void> {
    const total = { tokens: 0, grants: 0 }
    const own = () => reached().filter(({ topic }) => topic === topics.grants)
    await sweepDue(tables, own(), {
      nextOf: (place) => own().find((one) => isSamePlace(one, place))?.next,
      left: () => (signal.aborted ? 0 : Infinity),
      pause,
      swept: ({ tokens, grants }) => {
        total.tokens += tokens
        total.grants += grants
      },
      failed,
    })
    await sweepOutcomes(tables.knex).catch(failed)
    if (total.tokens + total.grants > 0) logger.info(total, 'swept what has been dead for an hour')
  }

  async function pause(ms: number): Promise<void> {
    await wait(ms, undefined, { signal, ref: false }).catch(() => undefined)
  }

  return async () => {
    stopping.abort()
    await running
  }
}
