import { envelop, type EventContext, outgoing } from '../../event-log/event-codec.ts'
import type { EventLog } from '../../event-log/event-log.ts'
import type { Topics } from '../../event-log/places.ts'
import type { Fact, Position } from '../../ledger/events.ts'
import type { PositionWaiter } from '../position-waiter.ts'
import { type Freshness, requireShown } from '../reads/freshness.ts'

/** A fact that is durable in the log and folded into the read model; whether it counts is for the read model to say. */
export type Committed = { event_id: string; position: Position }

/**
 * Appends a fact and waits until the read model has folded it. Rejects with AppendError or WaitTimeout within the
 * timeout.
 */
export type Commit = (fact: Fact, context: EventContext) => Promise<Committed>

/** The write path that every command shares: envelope → append → wait. */
export function createCommit(options: {
  log: EventLog
  waiter: PositionWaiter
  topics: Topics
  issuer: string
  timeoutMs: number
}): Commit {
  const { log, waiter, topics, issuer, timeoutMs } = options
  return async (fact, context) => {
    const started = performance.now()
    const event = envelop(fact, issuer, context, Date.now())
    const record = outgoing(event, topics)
    const { offset } = await log.append(record)
    const position = { topic: record.topic, partition: record.partition, offset }
    await waiter.past(position, timeoutMs - (performance.now() - started))
    return { event_id: event.id, position }
  }
}

/**
 * Commits a fact, and reads what it is about at or after it: what became of the fact is for that view to say.
 * `checkpoint` is the one of the partition that the fact went to. Unsettled when the view is older than what the waiter
 * saw; else as Commit.
 */
export async function commitAndRead<View extends { checkpoint: Freshness }>(
  commit: Commit,
  { fact, context }: { fact: Fact; context: EventContext },
  read: () => Promise<View>,
): Promise<{ committed: Committed; view: View }> {
  const committed = await commit(fact, context)
  const view = await read()
  // A row is judged with the checkpoint of its own statement only: a replica may be behind the one that the poller saw.
  requireShown(view.checkpoint, committed.position)
  return { committed, view }
}
