import type { EventContext } from '../event-log/event-codec.ts'
import type { HttpContext } from '../http/context.ts'
import type { Principal } from '../ledger/events.ts'

/** Who acts, through which request and from where: for the envelope of the event that a request causes. */
export function eventContext(ctx: HttpContext, { type, id }: Principal): EventContext {
  const { requestId, traceparent, clientAddress } = ctx.state
  return { actor: `${type}/${id}`, requestid: requestId, traceparent, clientaddress: clientAddress }
}
