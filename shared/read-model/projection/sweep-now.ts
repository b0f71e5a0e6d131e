import { setTimeout as wait } from 'node:timers/promises'
import { isSamePlace, placesOf } from '../../event-log/places.ts'
import { loadCheckpoints } from '../checkpoints.ts'
import type { ReadModel } from '../read-model.ts'
import { sweepDue } from './sweep-due.ts'

/**
 * Sweeps in every partition what is due now, until `maxTokens` bearer tokens are gone (0 = all of them), beside any
 * projector. Answers how many went; throws at the end what failed on the way. `alive` is called all along.
 */
export async function sweepNow(readModel: ReadModel, maxTokens: number, alive: () => void): Promise<number> {
  const { topics } = readModel
  const failures: unknown[] = []
  let removed = 0
  await sweepDue(
    readModel,
    placesOf(topics).filter(({ topic }) => topic === topics.grants),
    {
      nextOf: async (place) => {
        const checkpoints = await loadCheckpoints(readModel, [topics.grants])
        return checkpoints.find((one) => isSamePlace(one, place))?.next
      },
      left: () => (maxTokens === 0 ? Infinity : maxTokens - removed),
      pause: async (ms) => {
        alive()
        await wait(ms)
      },
      swept: ({ tokens }) => void (removed += tokens),
      failed: (error) => void failures.push(error),
    },
  )
  if (failures.length > 0) throw failures[0]
  return removed
}
