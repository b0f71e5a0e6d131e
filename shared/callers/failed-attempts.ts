import type { Logger } from 'pino'
import type { Attempt, Failed, Limits } from '../accounts/limits/limits.ts'
import type { HttpContext } from '../http/context.ts'
import { OAuthError } from '../http/oauth-error.ts'
import { limitedNetwork } from './event-context.ts'

/** What it takes to count the attempts that fail. */
export type Counting = { limits: Limits; logger: Logger }

/**
 * Counts a client authentication that failed. OAuthError 429 when too many have from this address. A client that proves
 * itself is never asked about: so nobody shuts another one's client out.
 */
export async function countFailedClient(
  ctx: HttpContext,
  { limits, logger }: Counting,
  { client_id, isKnown }: { client_id: string; isKnown: boolean },
): Promise<void> {
  // An unknown one may be anything: a secret in the wrong place, or a mail address.
  const named = isKnown ? { client_id } : {}
  Object.assign(ctx.state, named)
  const { wait, reached } = await limits.secrets.failed(attemptOf(ctx, client_id))
  if (reached) logReached(ctx, logger, { failed: 'client authentication', limit: reached, ...named })
  if (wait > 0) throw tooManyFailures(wait)
}

/**
 * To be asked before a password is hashed. OAuthError 429 when too many failed for this name from this address, or from
 * it at all: whether the name is known is not told.
 */
export async function requirePasswordHeard(ctx: HttpContext, { limits }: Counting, name_index: string): Promise<void> {
  const wait = await limits.passwords.ask(attemptOf(ctx, name_index))
  if (wait > 0) throw tooManyFailures(wait)
}

/** Counts a password that was wrong, of a known name (`sub`) or an unknown one. Never rejects for being too many. */
export async function countFailedPassword(
  ctx: HttpContext,
  { limits, logger }: Counting,
  { name_index, sub }: { name_index: string; sub: string | null },
): Promise<void> {
  const { reached } = await limits.passwords.failed(attemptOf(ctx, name_index))
  if (reached) logReached(ctx, logger, { failed: 'password', limit: reached, ...(sub !== null && { sub }) })
}

const attemptOf = ({ state }: HttpContext, subject: string): Attempt => ({
  subject,
  network: limitedNetwork(state.clientAddress),
})

type Reached = { failed: string; limit: NonNullable<Failed['reached']>; client_id?: string; sub?: string }

/** One line for each minute that the limit is reached in, of whatever process. */
function logReached({ state }: HttpContext, logger: Logger, reached: Reached): void {
  const where = { address: state.clientAddress, request_id: state.requestId }
  logger.warn({ alarm: 'failures_limited', ...reached, ...where }, 'too many failed attempts: further ones get 429')
}

/**
 * RFC 6585 §4. Not invalid_client, which RFC 6749 §5.2 ties to 401 with a challenge, and at which some clients give up
 * for good.
 */
function tooManyFailures(seconds: number): OAuthError {
  return new OAuthError('temporarily_unavailable', 'too many failed attempts; try again later', {
    status: 429,
    headers: { 'Retry-After': String(seconds) },
    reason: 'too_many_failures',
  })
}
