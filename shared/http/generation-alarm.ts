import type { Logger } from 'pino'
import type { TokenView } from '../read-model/token-reads.ts'
import type { ParsedToken } from '../tokens/token-string.ts'

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
