import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { seeOther } from '../../../shared/pages/answer-page.ts'
import type { Authorize } from '../authorize.ts'
import { addressOf, unpackOnward } from '../login/onward.ts'
import { showLogin } from '../login/show-login.tsx'
import { startAgain } from '../request/start-again.tsx'
import { problemOf } from './begin.ts'
import { personOf } from './person.ts'
import type { Arrived } from './provider.ts'

/**
 * GET /login/with/:provider/callback: the browser is back. It counts once, and in the browser that began; then somebody
 * is logged in and goes on, or is told on the login page why not.
 */
export function upstreamCallback(authorize: Authorize): HttpMiddleware {
  return async (ctx) => {
    const { provider: name = '' } = ctx['params'] as { provider?: string }
    const { upstream } = authorize
    const provider = upstream.providers.get(name)
    if (!provider) throw new OAuthError('not_found', 'there is nothing at this path')
    const { state } = ctx.query
    const pending = typeof state === 'string' ? await upstream.attempts.take(ctx, state) : null
    const onward = pending && unpackOnward(authorize, pending.onward)?.onward
    if (!onward || pending.provider !== name) return startAgain(authorize, ctx)
    try {
      const arrived = await provider.finish(ctx.querystring, pending)
      const person = await personOf(authorize, ctx, provider, arrived)
      if (!person) return await showLogin(authorize, ctx, onward, { problem: unknown(ctx) })
      await authorize.sessions.open(ctx, { ...person, amr: amrOf(name, arrived) })
    } catch (error) {
      return showLogin(authorize, ctx, onward, { problem: problemOf(authorize, ctx, name, error) })
    }
    seeOther(ctx, addressOf(authorize, onward))
  }
}

function unknown(ctx: HttpContext) {
  ctx.state.error = 'access_denied'
  ctx.state.reason = 'upstream_person_unknown'
  return 'login_provider_unknown' as const
}

const BY_PROVIDER = 'upstream:'

/** How the person was proven (RFC 8176): by whom, and what that one says of how. */
function amrOf(provider: string, { claims }: Arrived): string[] {
  const { amr } = claims
  const told = Array.isArray(amr) ? amr.filter((one) => typeof one === 'string' && /^[\w.:-]{1,50}$/.test(one)) : []
  return [BY_PROVIDER + provider, ...(told as string[]).slice(0, 10)]
}

/**
 * Where a logout of a session that was opened so goes on to, so that the next login is none without a question; `null`:
 * nowhere. We keep no ID token, so the provider may ask the person before it ends its own session.
 */
export async function endSessionUrlOf(
  { upstream }: Pick<Authorize, 'upstream'>,
  amr: readonly string[],
  post_logout_redirect_uri: string,
): Promise<string | null> {
  const by = amr.find((one) => one.startsWith(BY_PROVIDER))?.slice(BY_PROVIDER.length)
  const provider = by === undefined ? undefined : upstream.providers.get(by)
  return (await provider?.endSessionUrl(post_logout_redirect_uri)) ?? null
}
