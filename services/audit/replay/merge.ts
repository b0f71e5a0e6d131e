type Head<T> = { items: T[]; at: number; source: AsyncIterator<T[], unknown> }

/**
 * Merges sources that are each in order into one stream in order; `before(a, b)` = a comes first. Holds one batch of
 * each source and takes the next when it is used up, so memory does not grow with the log. Ends every source when it is
 * left.
 */
export async function* merge<T>(sources: AsyncIterable<T[]>[], before: (a: T, b: T) => boolean): AsyncGenerator<T> {
  const all = sources.map((source): Head<T> => ({ items: [], at: 0, source: source[Symbol.asyncIterator]() }))
  try {
    let heads = (await Promise.all(all.map(fill))).filter((head) => head !== null)
    while (heads.length > 0) {
      const first = earliest(heads, before)
      const item = first.items[first.at++]
      if (item !== undefined) yield item
      if (first.at >= first.items.length && !(await fill(first))) heads = heads.filter((head) => head !== first)
    }
  } finally {
    await Promise.allSettled(all.map(async ({ source }) => source.return?.()))
  }
}

/** The head with a batch that has items, or null at its end. */
async function fill<T>(head: Head<T>): Promise<Head<T> | null> {
  do {
    const next = await head.source.next()
    if (next.done === true) return null
    head.items = next.value
    head.at = 0
  } while (head.items.length === 0)
  return head
}

function earliest<T>(heads: Head<T>[], before: (a: T, b: T) => boolean): Head<T> {
  return heads.reduce((best, head) => {
    const [a, b] = [head.items[head.at], best.items[best.at]]
    return a !== undefined && b !== undefined && before(a, b) ? head : best
  })
}
