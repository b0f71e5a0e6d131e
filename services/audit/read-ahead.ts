import type { EventLog, LogBatch } from '../../shared/event-log/event-log.ts'

/** The same log, where the next batch is on its way while its reader is busy with one. */
export function readAhead(log: EventLog): EventLog {
  return { ...log, read: (range, signal) => oneAhead(log.read(range, signal)) }
}

async function* oneAhead(batches: AsyncIterable<LogBatch>): AsyncGenerator<LogBatch> {
  const source = batches[Symbol.asyncIterator]()
  const ask = () => {
    const coming = source.next()
    // Handled where it is awaited, which is later.
    coming.catch(() => undefined)
    return coming
  }
  try {
    for (let coming = ask(); ;) {
      const next = await coming
      if (next.done === true) return
      coming = ask()
      yield next.value
    }
  } finally {
    await source.return?.()
  }
}
