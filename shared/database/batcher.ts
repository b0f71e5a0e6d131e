type Limits = {
  /** How many keys one load takes at most. */
  max?: number
  /** How many loads may be in flight at once; with 1, loads never overlap. */
  lanes?: number
  /** How many calls may wait for a load at most; one more is refused at once. */
  bound?: number | undefined
  /** How long (ms) a call waits for its load to begin; longer than this nobody waits for its answer. */
  patienceMs?: number | undefined
}

/** The call was not even begun: too many wait before it, or it waited longer than its caller did. */
export class QueueFull extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'QueueFull'
  }
}

/**
 * Natural batching: while every lane's `load` is in flight, the next calls collect; then one `load` takes them all. No
 * call waits for a timer. `load` answers in the order of its keys; if it rejects, every call of that batch does.
 * QueueFull for what is beyond the limits.
 */
export function createBatcher<Key, Value>(
  load: (keys: Key[]) => Promise<Value[]>,
  { max = 256, lanes = 1, bound = Infinity, patienceMs = Infinity }: Limits = {},
): (key: Key) => Promise<Value> {
  type Waiting = { key: Key; since: number; resolve: (value: Value) => void; reject: (error: unknown) => void }
  const waiting: Waiting[] = []
  let running = 0

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      dropAbandoned()
      await answer(waiting.splice(0, max))
    }
    running--
  }

  // Once a load hung, most of what waits behind it has been answered 503 already: what it asked for loads nobody.
  function dropAbandoned(): void {
    const oldest = performance.now() - patienceMs
    const fresh = waiting.findIndex(({ since }) => since >= oldest)
    const late = waiting.splice(0, fresh < 0 ? waiting.length : fresh)
    for (const { reject } of late) reject(new QueueFull(`the read did not begin within ${patienceMs} ms`))
  }

  async function answer(batch: Waiting[]): Promise<void> {
    if (batch.length === 0) return
    try {
      const values = await load(batch.map(({ key }) => key))
      batch.forEach(({ resolve }, i) => resolve(values[i] as Value))
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  return (key) =>
    new Promise((resolve, reject) => {
      if (waiting.length >= bound) return reject(new QueueFull(`${bound} reads wait already`))
      waiting.push({ key, since: performance.now(), resolve, reject })
      if (running >= lanes) return
      running++
      // Next tick, so that requests parsed in the same turn of the loop share the first query.
      setImmediate(() => void run())
    })
}
