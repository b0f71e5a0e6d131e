type Limits = {
  /** How many keys one load takes at most. */
  max?: number
  /** How many loads may be in flight at once; with 1, loads never overlap. */
  lanes?: number
}

/**
 * Natural batching: while every lane's `load` is in flight, the next calls collect; then one `load` takes them all. No
 * call waits for a timer. `load` answers in the order of its keys; if it rejects, every call of that batch does.
 */
export function createBatcher<Key, Value>(
  load: (keys: Key[]) => Promise<Value[]>,
  { max = 256, lanes = 1 }: Limits = {},
): (key: Key) => Promise<Value> {
  type Waiting = { key: Key; resolve: (value: Value) => void; reject: (error: unknown) => void }
  const waiting: Waiting[] = []
  let running = 0

  async function run(): Promise<void> {
    while (waiting.length > 0) await answer(waiting.splice(0, max))
    running--
  }

  async function answer(batch: Waiting[]): Promise<void> {
    try {
      const values = await load(batch.map(({ key }) => key))
      batch.forEach(({ resolve }, i) => resolve(values[i] as Value))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return (key) =>
    new Promise((resolve, reject) => {
      waiting.push({ key, resolve, reject })
      if (running >= lanes) return
      running++
      // Next tick, so that requests parsed in the same turn of the loop share the first query.
      setImmediate(() => void run())
    })
}
