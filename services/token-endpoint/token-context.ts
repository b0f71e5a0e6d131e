import type { Logger } from 'pino'
import type { Topics } from '../../shared/event-log/event-codec.ts'
import { OAuthError } from '../../shared/http/oauth-error.ts'
import { requireShown } from '../../shared/http/require-recent.ts'
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
  requireShown(view.checkpoint, position)
  return view
}

/** The OAuth error that a refusal stands for; its reason goes to the log. */
export function refusedWith({ error, description, reason }: Refusal): OAuthError {
  return new OAuthError(error, description, { reason })
}
