import type { Logger } from 'pino'
import type { ParsedToken } from '../../tokens/token-string.ts'
import { placeOf, type Topics } from '../../event-log/places.ts'
import type { PositionWaiter } from '../position-waiter.ts'
import type { TokenKey, TokenReader, TokenView } from './tokens.ts'

/** Writers' clocks may differ by this much. */
const CLOCK_TOLERANCE_MS = 60_000

/**
 * Whether a token with a right MAC may be one that the read model does not show *yet* (after a failover, or on a replica): a
 * generation above the current one, or an unknown grant born after the read model was last known to be complete.
 */
export function isPerhapsTooNew(
  { grant, checkpoint }: TokenView,
  { kind, grant_id, generation }: ParsedToken,
): boolean {
  switch (grant.status) {
    case 'live':
      return generation > (kind === 'rt' ? grant.refresh_generation : grant.access_generation)
    case 'authorized':
      return kind !== 'ac'
    case 'revoked':
      return false
    case 'unknown':
      return bornAt(grant_id) + CLOCK_TOLERANCE_MS >= (checkpoint.fresh_as_of ?? 0)
  }
}

/** The time in a UUIDv7, in ms (RFC 9562 §5.7). */
function bornAt(uuid: string): number {
  return parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16)
}

/**
 * The view again, once the read model shows everything that was in the log when the token was presented: only then is
 * "never heard of it" an answer. 503 when that takes too long.
 */
export async function readWhenFresh(
  endpoint: { read: TokenReader; waiter: PositionWaiter; topics: Topics; timeoutMs: number },
  key: TokenKey & { grant_id: string },
  view: TokenView,
): Promise<TokenView> {
  const place = { topic: endpoint.topics.grants, partition: placeOf(key.grant_id) }
  await endpoint.waiter.freshAsOf(place, view.now, endpoint.timeoutMs)
  return endpoint.read(key)
}

/**
 * Logs an alarm for a token of a generation that the ledger never made. Nobody can make such a token without our key, unless
 * the log lost what it had acknowledged. `view`: read when the read model was known to be fresh.
 */
export function alarmIfAhead(
  logger: Logger,
  { grant }: Pick<TokenView, 'grant'>,
  { kind, grant_id, generation }: ParsedToken,
): void {
  if (grant.status !== 'live') return
  if (generation <= (kind === 'rt' ? grant.refresh_generation : grant.access_generation)) return
  logger.error({ alarm: 'generation_ahead', grant_id, generation }, 'leaked key or lost log')
}
