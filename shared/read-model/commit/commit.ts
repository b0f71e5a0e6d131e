import { envelop, type EventContext, outgoing } from '../../event-log/event-codec.ts'
import type { EventLog } from '../../event-log/event-log.ts'
import type { Topics } from '../../event-log/places.ts'
import type { Fact, Position } from '../../ledger/events.ts'
import type { PositionWaiter } from '../position-waiter.ts'
import { requireShown } from '../reads/freshness.ts'
import type { TokenKey, TokenReader, TokenView } from '../reads/tokens.ts'

/** A fact that is durable in the log and folded into the read model; whether it counts is for the read model to say. */
export type Committed = { event_id: string; position: Position }

/** Appends a fact and waits until the read model has folded it. Rejects with AppendError or WaitTimeout within the timeout. */
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

/** The view at or after a committed event. */
export async function readCommitted(
  endpoint: { read: TokenReader },
  key: TokenKey,
  { position }: Committed,
): Promise<TokenView> {
  const view = await endpoint.read(key)
  // A row is judged with the checkpoint of its own statement only: a replica may be behind the one that the poller saw.
  requireShown(view.checkpoint, position)
  return view
}
