import type { HttpContext } from '../../../shared/http/context.ts'
import { seeOther } from '../../../shared/pages/answer-page.ts'
import type { Authorize } from '../authorize.ts'
import { type Onward, packOnward } from '../login/onward.ts'
import type { LoginProblem } from '../pages/login.tsx'
import { UpstreamError } from './upstream-error.ts'

/**
 * Sends the browser to a provider; or answers nothing, and tells what the login page has to say. `link`: the session
 * whose user this login is to be linked to.
 */
export async function beginUpstream(
  authorize: Authorize,
  ctx: HttpContext,
  name: string,
  onward: Onward,
  link?: string,
): Promise<LoginProblem | undefined> {
  const { providers, attempts } = authorize.upstream
  const provider = providers.get(name)
  if (!provider) return 'login_provider_strange'
  try {
    const max_age = onward.to === 'client' ? onward.request.max_age : null
    const { url, attempt } = await provider.begin({ again: link !== undefined || isAskedAgain(onward), max_age })
    const pending = { provider: name, ...attempt, onward: packOnward(authorize, onward) }
    await attempts.set(ctx, { ...pending, ...(link !== undefined && { link }) })
    seeOther(ctx, url)
    return undefined
  } catch (error) {
    return problemOf(authorize, ctx, name, error)
  }
}

/** Whether the client wants a new login, or one that is not too old: the provider has to ask, too. */
function isAskedAgain(onward: Onward): boolean {
  // An account is linked after a login of the last minutes alone.
  if (onward.to === 'account') return onward.page === 'logins'
  const { prompt, max_age } = onward.request
  return max_age !== null || prompt.includes('login') || prompt.includes('select_account')
}

/** What a person is told of this, once it is in the log. Throws what is no fault of the provider. */
export function problemOf(
  { logger }: Pick<Authorize, 'logger'>,
  ctx: HttpContext,
  provider: string,
  error: unknown,
): LoginProblem {
  if (!(error instanceof UpstreamError)) throw error
  const { fault, message } = error
  ctx.state.error = fault === 'away' ? 'temporarily_unavailable' : 'access_denied'
  ctx.state.reason = `upstream_${fault}`
  if (fault !== 'denied') logger.warn({ provider, fault, reason: message }, 'nobody came from a provider')
  return `login_provider_${fault}`
}
