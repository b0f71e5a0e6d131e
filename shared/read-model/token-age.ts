import type { ParsedToken } from '../tokens/token-string.ts'
import type { TokenView } from './token-reads.ts'

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
