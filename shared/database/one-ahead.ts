/**
 * The same, with the next item made while the caller works on the one before. What fails then is told when that work is
 * done; whoever leaves early waits for what is being made.
 */
export async function* oneAhead<T>(items: AsyncIterable<T>): AsyncGenerator<T> {
  const iterator = items[Symbol.asyncIterator]()
  const begin = () => {
    const next = iterator.next()
    next.catch(() => undefined)
    return next
  }
  let coming = begin()
  try {
    for (let item = await coming; !item.done; item = await coming) {
      coming = begin()
      yield item.value
    }
  } finally {
    await coming.catch(() => undefined)
    await iterator.return?.()
  }
}
