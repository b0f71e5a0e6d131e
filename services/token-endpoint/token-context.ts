import type { Logger } from 'pino'
import type { EventContext, Topics } from '../../shared/event-log/event-codec.ts'
import { OAuthError, unavailable } from '../../shared/http/oauth-error.ts'
import type { HttpContext } from '../../shared/http/create-app.ts'
import type { Refusal } from '../../shared/ledger/refusal.ts'
import { placeOf } from '../../shared/ledger/place-of.ts'
import type { Commit, Committed } from '../../shared/read-model/ledger.ts'
import type { PositionWaiter } from '../../shared/read-model/position-waiter.ts'
import type { TokenKey, TokenReader, TokenView } from '../../shared/read-model/token-reads.ts'
import type { Keys } from '../../shared/tokens/keys.ts'

/** What every handler of the token endpoint works with. */
export type TokenEndpoint = {
  read: TokenReader
  commit: Commit
  waiter: PositionWaiter
  keys: Keys
  topics: Topics
  logger: Logger
  /** Refuse to append on a read model older than this. */
  maxLagMs: number
  /** How long to wait for the read model to be fresh before 503. */
  timeoutMs: number
}

/** Who acts, for the event's envelope. */
export function eventContext(ctx: HttpContext, actor: string): EventContext {
  const { requestId, traceparent, clientAddress } = ctx.state
  return { actor, requestid: requestId, traceparent, clientaddress: clientAddress }
}

/** 503 unless the partition and the registry are being projected and at most `maxLagMs` behind. */
export function requireFresh({ checkpoint, registry, now }: TokenView, maxLagMs: number): void {
  requireProjected(checkpoint)
  requireProjected(registry)
  const oldest = Math.min(checkpoint.fresh_as_of ?? 0, registry.fresh_as_of ?? 0)
  if (now - oldest > maxLagMs) throw unavailable(`the read model is ${now - oldest} ms behind`)
}

/** 503 for a partition that stopped at a record, or that diverged from the log. */
export function requireProjected({ status, status_reason }: TokenView['checkpoint']): void {
  if (status !== 'ok') throw unavailable(`partition ${status}: ${status_reason ?? ''}`)
}

/**
 * The view again, once the read model shows everything that was in the log when the token was presented: only then is
 * "never heard of it" an answer. 503 when that takes too long.
 */
export async function readWhenFresh(
  endpoint: TokenEndpoint,
  key: TokenKey & { grant_id: string },
  view: TokenView,
): Promise<TokenView> {
  const place = { topic: endpoint.topics.grants, partition: placeOf(key.grant_id) }
  await endpoint.waiter.freshAsOf(place, view.now, endpoint.timeoutMs)
  return endpoint.read(key)
}

/** The view at or after a committed event. */
export async function readCommitted(
  endpoint: TokenEndpoint,
  key: TokenKey,
  { position }: Committed,
): Promise<TokenView> {
  const view = await endpoint.read(key)
  // A row is judged with the checkpoint of its own statement only: a replica may be behind the one that the poller saw.
  if (view.checkpoint.next <= position.offset) throw unavailable('the read model fell behind what it had shown')
  return view
}

/** The OAuth error that a refusal stands for; its reason goes to the log. */
export function refusedWith({ error, description, reason }: Refusal): OAuthError {
  return new OAuthError(error, description, { reason })
}
