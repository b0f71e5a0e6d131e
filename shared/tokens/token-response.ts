import { z } from 'zod'
import { type Generation, type IssuedGrant, NO_GENERATION } from '../ledger/grant/state.ts'
import { formatToken } from './token-string.ts'
import type { Keys } from './keys.ts'

/** RFC 6749 §5.1. */
export type TokenResponse = {
  access_token: string
  token_type: 'Bearer'
  expires_in?: number
  refresh_token?: string
  scope?: string
}

/** The same for those who read it. */
export const TOKEN_RESPONSE = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int().min(0).optional().meta({ description: 'Seconds; absent: it does not expire.' }),
  refresh_token: z.string().optional(),
  scope: z.string().optional(),
})

/** What a refresh token is made of. */
export type RefreshTokenOf = Pick<Generation, 'generation' | 'kid'>

/**
 * The tokens of one generation, derived again from its row: the same row gives the same strings. `refresh`: of which
 * the refresh token is, where that is another. `expires_in` is what remains at `now` (ms) and is absent for a token
 * that does not expire.
 */
export function tokenResponse(
  keys: Keys,
  grant: IssuedGrant,
  { row, refresh = row, now }: { row: Generation; refresh?: RefreshTokenOf | undefined; now: number },
): TokenResponse {
  const { grant_id } = grant
  const { kid, generation, scope } = row
  return {
    access_token: formatToken(keys, 'at', { kid, grant_id, generation }),
    token_type: 'Bearer',
    ...(row.exp !== null && { expires_in: Math.max(0, row.exp - Math.floor(now / 1000)) }),
    ...(isRefreshable(grant, row) && {
      refresh_token: formatToken(keys, 'rt', { grant_id, kid: refresh.kid, generation: refresh.generation }),
    }),
    // No scope at all is written as none: the grammar of RFC 6749 §3.3 knows no empty one.
    ...(scope !== '' && { scope }),
  }
}

/**
 * A refresh token that no refresh will accept is not handed out. By the latest generation only: one that is repeated
 * within the grace after another refresh is answered as it was.
 */
function isRefreshable(grant: IssuedGrant, { generation }: Generation): boolean {
  if (grant.refresh_generation === NO_GENERATION) return false
  return grant.refreshes_left !== 0 || generation < grant.access_generation
}
