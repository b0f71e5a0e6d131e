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

/** By which name somebody logs in (its index), and the user of that name, if there is one. */
export type Named = { name_index: string; sub: string | null }

/**
 * Proves somebody by a password, unless too many of this name from this address were wrong, or of this address at all:
 * then OAuthError 429 before any work, for names that nobody has as well. A refusal is counted, what succeeds is not.
 */
export async function limitedLogin<Proven extends { refused?: unknown }>(
  ctx: HttpContext,
  { limits: { passwords }, logger }: Counting,
  { name_index, sub }: Named,
  prove: () => Promise<Proven>,
): Promise<Proven> {
  const attempt = attemptOf(ctx, name_index)
  return passwords.inTurn(attempt, async () => {
    const wait = await passwords.ask(attempt)
    if (wait > 0) throw tooManyFailures(wait)
    const proven = await prove()
    const { reached } = proven.refused ? await passwords.failed(attempt) : { reached: null }
    if (reached) logReached(ctx, logger, { failed: 'password', limit: reached, ...(sub !== null && { sub }) })
    return proven
  })
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
