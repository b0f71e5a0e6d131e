import { isSamePlace, placesOf } from '../../shared/event-log/places.ts'
import type { Runtime } from '../../shared/process/runtime.ts'
import { loadCheckpoints } from '../../shared/read-model/checkpoints.ts'
import { sweepDue } from '../../shared/read-model/projection/sweep-due.ts'

type Sweepable = Pick<Runtime, 'knex' | 'schema' | 'topics'>

/** Sweeps all that is due now, in batches of at most `limit` rows; throws what fails. Answers what went. */
export async function sweepAll(
  runtime: Sweepable,
  { limit = 500 }: { limit?: number } = {},
): Promise<{ tokens: number; grants: number }> {
  const { topics } = runtime
  const total = { tokens: 0, grants: 0 }
  const failures: unknown[] = []
  const places = placesOf(topics).filter(({ topic }) => topic === topics.grants)
  await sweepDue(runtime, places, {
    nextOf: async (place) =>
      (await loadCheckpoints(runtime, [topics.grants])).find((one) => isSamePlace(one, place))?.next,
    left: () => limit,
    pause: () => Promise.resolve(),
    swept: ({ tokens, grants }) => {
      total.tokens += tokens
      total.grants += grants
    },
    failed: (error) => void failures.push(error),
  })
  for (const failure of failures) throw failure
  return total
}
