/**
 * Natural batching: while one `load` is in flight, the next calls collect; then one `load` takes them all, `max` at most.
 * No call waits for a timer. `load` answers in the order of its keys; if it rejects, every call of that batch does.
 */
export function createBatcher<Key, Value>(
  load: (keys: Key[]) => Promise<Value[]>,
  max = 256,
): (key: Key) => Promise<Value> {
  type Waiting = { key: Key; resolve: (value: Value) => void; reject: (error: unknown) => void }
  const waiting: Waiting[] = []
  let running = false

  async function run(): Promise<void> {
    running = true
    while (waiting.length > 0) {
      const batch = waiting.splice(0, max)
      await answer(batch)
    }
    running = false
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
      // Next tick, so that requests parsed in the same turn of the loop share the first query.
      if (!running) {
        running = true
        setImmediate(() => void run())
      }
    })
}
