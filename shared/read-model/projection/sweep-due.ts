import type { TopicPartition } from '../../event-log/places.ts'
import type { ReadModelTables } from '../read-model.ts'
import { dueQueues, sweep, type SweepKind, type SweepQueue, type Swept } from './sweep.ts'

/** How many rows one statement looks at: it takes some ms, in which the partition's events wait. */
const BATCH = 200
/** For each ms of a statement so many of rest, so that refreshes are not slowed. */
const REST = 4
/** Before the next try where somebody else wrote to the partition, and how many tries in a row. */
const BUSY_MS = 10
const BUSY_TRIES = 500

const KINDS: SweepKind[] = ['grants', 'tokens']

/** How a pass over everything that is due goes on, and what it tells. */
export type Sweeping = {
  /** Where the checkpoint of a partition stands now; `undefined`: it is not to be swept any more. */
  nextOf: (place: TopicPartition) => number | undefined | Promise<number | undefined>
  /** How many rows may still go; 0 ends the pass. */
  left: () => number
  pause: (ms: number) => Promise<void>
  swept: (swept: Swept) => void
  /** A step has failed; the others go on. */
  failed: (error: unknown) => void
}

/**
 * Sweeps everything that is due in these partitions: in small batches with a rest after each, so that it holds nothing
 * for long and the same memory whatever there is. A step that fails or is not let in stops no other.
 */
export async function sweepDue(tables: ReadModelTables, places: TopicPartition[], sweeping: Sweeping): Promise<void> {
  for (const kind of KINDS) {
    const queues = await dueQueues(tables, kind, places).catch((error: unknown) => {
      sweeping.failed(error)
      return []
    })
    for (const queue of queues) await sweepQueue(tables, queue, sweeping).catch(sweeping.failed)
  }
}

async function sweepQueue(tables: ReadModelTables, queue: SweepQueue, sweeping: Sweeping): Promise<void> {
  let from: string | null = queue.from
  let busy = 0
  while (from !== null && sweeping.left() > 0 && busy < BUSY_TRIES) {
    const next = await sweeping.nextOf(queue)
    if (next === undefined) return
    const started = performance.now()
    const swept: Swept | null = await sweep(
      tables,
      { ...queue, from },
      { next, limit: Math.min(BATCH, sweeping.left()) },
    )
    busy = swept ? 0 : busy + 1
    if (swept) {
      sweeping.swept(swept)
      from = swept.from
    }
    await sweeping.pause(swept ? REST * (performance.now() - started) : BUSY_MS)
  }
}
