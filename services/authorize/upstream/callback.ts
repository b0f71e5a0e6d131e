import { BY_PROVIDER } from '../../../shared/accounts/sessions/sessions.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { seeOther } from '../../../shared/pages/answer-page.ts'
import type { Authorize } from '../authorize.ts'
import { seeLinked, showLogins } from '../account/logins.tsx'
import { addressOf, unpackOnward } from '../login/onward.ts'
import { showLogin } from '../login/show-login.tsx'
import { authTimeOf, isMadeSince, isToldEnough } from '../login/told-login.ts'
import { startAgain } from '../request/start-again.tsx'
import { problemOf } from './begin.ts'
import { linkPerson, personOf } from './person.ts'
import { ATTEMPT_LIFETIME, type Pending } from './attempt-cookie.ts'
import type { Arrived, Provider } from './provider.ts'

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
    if (pending.link !== undefined) return linkBack(authorize, ctx, { provider, pending, link: pending.link })
    try {
      const arrived = await provider.finish(ctx.querystring, pending)
      const told = toldBy(arrived, pending)
      if (!isToldEnough(onward, told)) return await showLogin(authorize, ctx, onward, { problem: tooOld(ctx) })
      const person = await personOf(authorize, ctx, provider, arrived)
      if (!person) return await showLogin(authorize, ctx, onward, { problem: unknown(ctx) })
      const auth_time = authTimeOf(onward, told)
      await authorize.sessions.open(ctx, { ...person, amr: amrOf(name, arrived), auth_time })
    } catch (error) {
      return showLogin(authorize, ctx, onward, { problem: problemOf(authorize, ctx, name, error) })
    }
    seeOther(ctx, addressOf(authorize, onward))
  }
}

type Linking = { provider: Provider; pending: Pending; link: string }

/** Back from a provider whose login is to be linked: to the session that began, and to no other. */
async function linkBack(authorize: Authorize, ctx: HttpContext, { provider, pending, link }: Linking): Promise<void> {
  const { name, label } = provider.settings
  const session = await authorize.sessions.find(ctx)
  if (session?.sid !== link) return startAgain(authorize, ctx)
  try {
    const arrived = await provider.finish(ctx.querystring, pending)
    const isNew = isMadeSince(toldBy(arrived, pending))
    if (isNew && (await linkPerson(authorize, ctx, session.sub, arrived))) return seeLinked(authorize, ctx, label)
    await showLogins(authorize, ctx, { session, form: {} }, isNew ? 'logins_taken' : tooOld(ctx))
  } catch (error) {
    await showLogins(authorize, ctx, { session, form: {} }, problemOf(authorize, ctx, name, error))
  }
}

/** When the login there was made, by our clock, and when we sent the browser there. */
function toldBy({ age }: Arrived, { exp }: Pending) {
  return { told: age === null ? null : Date.now() - age * 1000, asked_at: (exp - ATTEMPT_LIFETIME) * 1000 }
}

function tooOld(ctx: HttpContext) {
  ctx.state.error = 'access_denied'
  ctx.state.reason = 'upstream_login_old'
  return 'login_provider_old' as const
}

function unknown(ctx: HttpContext) {
  ctx.state.error = 'access_denied'
  ctx.state.reason = 'upstream_person_unknown'
  return 'login_provider_unknown' as const
}

/** How the person was proven (RFC 8176): by whom, and what that one says of how. */
function amrOf(provider: string, { claims }: Arrived): string[] {
  const { amr } = claims
  const told = Array.isArray(amr) ? amr.filter((one) => typeof one === 'string' && /^[\w.:-]{1,50}$/.test(one)) : []
  return [BY_PROVIDER + provider, ...(told as string[]).slice(0, 10)]
}
