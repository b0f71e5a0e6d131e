import { QueueFull } from '../../database/batcher.ts'

/** As many as are hashed at once; what follows sees what these counted. */
const AT_ONCE = 2

/** How many more of one key wait at the most. */
const MOST_WAITING = 64

/**
 * Runs the work of a key while at most one other of the same key is under way in this process, the others in their
 * order: so that many attempts at once are not all heard before the first of them is counted. QueueFull.
 */
export function createTurns(): <T>(key: string, work: () => Promise<T>) => Promise<T> {
  const turns = new Map<string, { running: number; waiting: (() => void)[] }>()

  async function begin(key: string): Promise<void> {
    const turn = turns.get(key) ?? { running: 0, waiting: [] }
    turns.set(key, turn)
    if (turn.running < AT_ONCE) return void turn.running++
    if (turn.waiting.length >= MOST_WAITING) throw new QueueFull(`${MOST_WAITING} attempts of one wait already`)
    await new Promise<void>((resolve) => turn.waiting.push(resolve))
  }

  /** Whoever waits first takes the place. */
  function end(key: string): void {
    const turn = turns.get(key)
    if (!turn) return
    const next = turn.waiting.shift()
    if (next) next()
    else if (--turn.running === 0) turns.delete(key)
  }

  return async (key, work) => {
    await begin(key)
    try {
      return await work()
    } finally {
      end(key)
    }
  }
}
