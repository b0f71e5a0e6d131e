import { AppendError, type Outgoing } from './event-log.ts'

/**
 * What one record may have at most, key and value: below Kafka's default limit of a batch, so both adapters take the
 * same.
 */
export const MAX_RECORD_BYTES = 900_000

export type Ack = { offset: number; timestamp: number }

/** An append that was asked for and is not answered yet. `sent`: it may have reached the log. */
export type PendingAppend = {
  readonly record: Outgoing
  readonly bytes: number
  readonly deadline: number
  readonly resolve: (ack: Ack) => void
  readonly reject: (error: AppendError) => void
  sent: boolean
  settled: boolean
}

/**
 * Keeps the promise that an append is answered in time, whatever the log does: an entry past its deadline is rejected,
 * `unknown` if it was sent, else `not_appended` (and then it must not be sent any more). One timer for all.
 */
export function createPendingAppends(timeoutMs: number) {
  let queue: PendingAppend[] = []
  let head = 0
  let timer: NodeJS.Timeout | undefined
  const onSettled: (() => void)[] = []

  function add(record: Outgoing, enqueue: (entry: PendingAppend) => void): Promise<Ack> {
    const bytes = Buffer.byteLength(record.key) + Buffer.byteLength(record.value)
    if (bytes > MAX_RECORD_BYTES) return Promise.reject(tooLarge(bytes))
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + timeoutMs
      const entry: PendingAppend = { record, bytes, deadline, resolve, reject, sent: false, settled: false }
      queue.push(entry)
      arm(deadline)
      enqueue(entry)
    })
  }

  function arm(deadline: number): void {
    timer ??= setTimeout(expire, Math.max(1, Math.ceil(deadline - performance.now())))
  }

  function expire(): void {
    timer = undefined
    const now = performance.now()
    for (let entry = oldest(); entry && entry.deadline <= now; entry = oldest()) fail(entry, overdue(entry, timeoutMs))
    const next = oldest()
    if (next) arm(next.deadline)
    else settle()
  }

  // All have the same timeout, so the oldest unsettled entry is the next to expire.
  function oldest(): PendingAppend | undefined {
    while (queue[head]?.settled) head++
    if (head > 1_000 || head === queue.length) {
      queue = queue.slice(head)
      head = 0
    }
    return queue[head]
  }

  /** To be called after entries were answered: lets go of them, and of the timer when none is left. */
  function settle(): void {
    if (oldest()) return
    clearTimeout(timer)
    timer = undefined
    for (const resolve of onSettled.splice(0)) resolve()
  }

  /** Resolves when every append so far is answered. */
  function settled(): Promise<void> {
    return new Promise((resolve) => {
      onSettled.push(resolve)
      settle()
    })
  }

  return { add, settle, settled }
}

/** Answers an entry with where its record lies. An entry that was answered already stays as it is. */
export function acknowledge(entry: PendingAppend, ack: Ack): void {
  if (entry.settled) return
  entry.settled = true
  entry.resolve(ack)
}

/** Rejects an entry. An entry that was answered already stays as it is. */
export function fail(entry: PendingAppend, error: AppendError): void {
  if (entry.settled) return
  entry.settled = true
  entry.reject(error)
}

export function tooLarge(bytes: number): AppendError {
  return new AppendError('too_large', `a record of ${bytes} bytes is larger than the log takes (${MAX_RECORD_BYTES})`)
}

function overdue({ sent }: PendingAppend, timeoutMs: number): AppendError {
  return sent
    ? new AppendError('unknown', `the log has not acknowledged the record within ${timeoutMs} ms`)
    : new AppendError('not_appended', `the record could not be sent to the log within ${timeoutMs} ms`)
}
