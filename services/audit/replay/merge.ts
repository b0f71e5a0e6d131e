/** What a source says next: items in order, and `upTo`: whatever follows comes later than this. */
export type Batch<Key, T extends Key> = { items: T[]; upTo: Key | null }

type Head<Key, T extends Key> = Batch<Key, T> & { at: number; source: AsyncIterator<Batch<Key, T>, unknown> }

/**
 * Merges sources that are each in order into one stream in order; `before(a, b)` = a comes first. Reads on where it is
 * furthest behind, so that no item waits for what comes after it, and holds one batch of each source, so that memory
 * does not grow with the log. Ends every source when it is left.
 */
export async function* merge<Key, T extends Key>(
  sources: AsyncIterable<Batch<Key, T>>[],
  before: (a: Key, b: Key) => boolean,
): AsyncGenerator<T> {
  const all = sources.map((source): Head<Key, T> => {
    return { items: [], upTo: null, at: 0, source: source[Symbol.asyncIterator]() }
  })
  try {
    const begun = await Promise.all(all.map(fill))
    let heads = all.filter((_, n) => begun[n])
    for (let head = earliest(heads, before); head; head = earliest(heads, before)) {
      const item = head.items[head.at++]
      if (item !== undefined) yield item
      else if (!(await fill(head))) heads = heads.filter((one) => one !== head)
    }
  } finally {
    await Promise.allSettled(all.map(async ({ source }) => source.return?.()))
  }
}

/** Whether there was a further batch. */
async function fill<Key, T extends Key>(head: Head<Key, T>): Promise<boolean> {
  const next = await head.source.next()
  if (next.done === true) return false
  head.items = next.value.items
  head.upTo = next.value.upTo ?? head.upTo
  head.at = 0
  return true
}

/** The head with the earliest item, or one that is to be read on first, because an earlier one may be in there. */
function earliest<Key, T extends Key>(
  heads: Head<Key, T>[],
  before: (a: Key, b: Key) => boolean,
): Head<Key, T> | undefined {
  let [best] = heads
  for (const head of heads) {
    const [key, first] = [keyOf(head), best && keyOf(best)]
    if (key === null) return head
    if (first && before(key, first)) best = head
  }
  return best
}

function keyOf<Key, T extends Key>({ items, at, upTo }: Head<Key, T>): Key | null {
  return items[at] ?? upTo
}
