import type { Logger } from 'pino'
import type { Committed } from './commit.ts'
import type { TokenView } from '../reads/tokens.ts'
import type { Generation, IssuedGrant } from '../../ledger/grant/state.ts'
import { keyNotHeld } from '../reads/settled-token.ts'
import type { Keys } from '../../tokens/keys.ts'
import { type RefreshTokenOf, tokenResponse, type TokenResponse } from '../../tokens/token-response.ts'
import { Contradiction, Unsettled } from '../unsettled.ts'

/** What it takes to answer with tokens. */
export type Answering = { keys: Keys; logger: Logger }

/**
 * The answer to a grant's first tokens, from what the read model shows once their event is folded. Unsettled when that
 * turned out void: revoked meanwhile, or of a process whose clock the log does not agree with (`Clocks` alarms). A
 * Contradiction when its first tokens are another event's: nobody else knows of this grant.
 */
export function issuedTokens(
  answering: Answering,
  { grant, generations, now }: Pick<TokenView, 'grant' | 'generations' | 'now'>,
  { event_id }: Pick<Committed, 'event_id'>,
): TokenResponse {
  const row = generations.get(1)
  if (grant.status === 'live' && row?.event_id === event_id) return tokensOf(answering, grant, { row, now })
  if (grant.status === 'live' || grant.status === 'authorized')
    throw new Contradiction('read_model_contradicts', `grant ${grant.grant_id} lives, but not by event ${event_id}`)
  throw new Unsettled('the issued token turned out void')
}

/**
 * The answer that a stored generation stands for; `refresh` as in `tokenResponse`. Unsettled, with an alarm, when its
 * key is not here.
 */
export function tokensOf(
  { keys, logger }: Answering,
  grant: IssuedGrant,
  of: { row: Generation; refresh?: RefreshTokenOf | undefined; now: number },
): TokenResponse {
  if (!keys.kids.includes(of.row.kid)) throw keyNotHeld(logger, of.row.kid)
  return tokenResponse(keys, grant, of)
}
