export type Serially = <T>(work: () => Promise<T>) => Promise<T>

/** Runs what it is given one after the other, in the order of the calls; a failure does not hold up the next. */
export function createSerially(): Serially {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const done = last.then(work)
    last = done.catch(() => undefined)
    return done
  }
}
