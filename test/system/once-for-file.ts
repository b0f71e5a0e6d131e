import test, { type ExecutionContext } from 'ava'

/**
 * What all tests of a file share: made when the first asks, and ended after the last, in the reverse order of opening.
 */
export function onceForFile<T>(make: (t: Pick<ExecutionContext, 'teardown'>) => Promise<T>): () => Promise<T> {
  const closing: (() => unknown)[] = []
  let made: Promise<T> | undefined
  test.after.always('what this file started ends', async () => {
    for (const close of closing.toReversed()) await close()
  })
  return () => (made ??= make({ teardown: (close) => void closing.push(close) }))
}
