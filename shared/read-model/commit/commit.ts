import { envelop, type EventContext, outgoing } from '../../event-log/event-codec.ts'
import type { EventLog } from '../../event-log/event-log.ts'
import { placeText, type Topics } from '../../event-log/places.ts'
import type { Fact, Position } from '../../ledger/events.ts'
import { isSealed } from '../../ledger/user.ts'
import type { PositionWaiter } from '../position-waiter.ts'
import type { Clocks } from '../reads/clocks.ts'
import { type Freshness, requireShown } from '../reads/freshness.ts'
import { Contradiction } from '../unsettled.ts'

/**
 * A fact that is durable in the log and folded into the read model; whether it counts is for the read model to say.
 * `logged_at`: the log's own time of it, ms.
 */
export type Committed = { event_id: string; position: Position; logged_at: number }

/** The checkpoint of the partition that a fact goes to, as it was read before: what the fact was decided on. */
export type DecidedOn = Pick<Freshness, 'next'>

/** For a fact that no view of the read model was asked about. */
export const NO_VIEW: DecidedOn = { next: 0 }

/**
 * Appends a fact and waits until the read model has folded it. Rejects with AppendError or WaitTimeout within the
 * timeout; with Contradiction when the log gives an offset that was folded before the fact was even decided. Unsettled,
 * before anything is appended, for what makes tokens while the clocks are known to be apart.
 */
export type Commit = (fact: Fact, context: EventContext, decidedOn: DecidedOn) => Promise<Committed>

/**
 * What the clocks decide on: tokens live from the log's time until the database's, and so does a grace. A first event
 * is nobody's yet: it need not be answered where its own append shows the clocks to be apart. Whoever spent a refresh
 * token or a code must be, or could later be taken for a thief. All that ends something goes on whatever the clocks
 * say.
 */
const TIMED: Partial<Record<Fact['type'], 'first' | 'later'>> = {
  AuthorizationGranted: 'first',
  CodeExchanged: 'later',
  TokenIssued: 'first',
  TokenRefreshed: 'later',
  TokenReuseDetected: 'later',
}

/** The write path that every command shares: envelope → append → wait. */
export function createCommit(options: {
  log: EventLog
  waiter: PositionWaiter
  topics: Topics
  issuer: string
  timeoutMs: number
  /** Told the log's time by each append. */
  clocks: Clocks
}): Commit {
  const { log, waiter, topics, issuer, timeoutMs, clocks } = options
  return async (fact, context, decidedOn) => {
    if ('user' in fact.data && !isSealed(fact.data.user))
      throw new Error('what names a person goes into the log sealed')
    if (TIMED[fact.type]) clocks.requireTogether()
    const started = performance.now()
    const event = envelop(fact, issuer, context, Date.now())
    const record = outgoing(event, topics)
    const { offset, timestamp } = await log.append(record)
    clocks.log(timestamp, started)
    const position = { topic: record.topic, partition: record.partition, offset }
    requireAppended(position, decidedOn)
    if (TIMED[fact.type] === 'first') clocks.requireTogether()
    await waiter.past(position, timeoutMs - (performance.now() - started))
    return { event_id: event.id, position, logged_at: timestamp }
  }
}

/**
 * All below `next` was in the log before this fact was decided, so it cannot lie there: the log went back. To be past
 * it now is normal, as the projector may be faster than our answer; only what was read before can tell the two apart.
 */
function requireAppended(position: Position, { next }: DecidedOn): void {
  if (position.offset >= next) return
  const reason = `${placeText(position)} gave offset ${position.offset} anew, and ${next} were folded: the log went back`
  throw new Contradiction('log_went_back', reason)
}

/**
 * Commits a fact, and reads what it is about at or after it: what became of the fact is for that view to say.
 * `checkpoint` is the one of the partition that the fact went to. Unsettled when the view is older than what the waiter
 * saw; else as Commit.
 */
export async function commitAndRead<View extends { checkpoint: Freshness }>(
  commit: Commit,
  { fact, context, decidedOn }: { fact: Fact; context: EventContext; decidedOn: DecidedOn },
  read: () => Promise<View>,
): Promise<{ committed: Committed; view: View }> {
  const committed = await commit(fact, context, decidedOn)
  const view = await read()
  // A row is judged with the checkpoint of its own statement only: a replica may be behind the one that the poller saw.
  requireShown(view.checkpoint, committed.position)
  return { committed, view }
}
