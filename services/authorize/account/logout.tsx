/** @jsxRuntime automatic @jsxImportSource preact */
import { endSession } from '../../../shared/accounts/sessions/sessions.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readForm } from '../../../shared/http/input/form-body.ts'
import { answerPage, seeOther } from '../../../shared/pages/answer-page.ts'
import type { Authorize } from '../authorize.ts'
import { LogoutPage } from '../pages/logout.tsx'
import { LoggedOutPage } from '../pages/message.tsx'
import { endSessionUrlOf } from '../upstream/end-session.ts'
import { belongsTo, hiddenIn } from './own-page.ts'

/** GET: asks; where nobody is logged in, says so. */
export function askLogout(authorize: Authorize): HttpMiddleware {
  const { site, paths } = authorize
  const [action, stayHref] = [paths.account('logout'), paths.account('access')]
  return async (ctx) => {
    const session = await authorize.sessions.find(ctx)
    if (!session) return answerPage(ctx, <LoggedOutPage site={site} href={paths.login} />)
    const user = session.username ?? session.sub
    answerPage(ctx, <LogoutPage {...{ site, action, user, stayHref }} hidden={hiddenIn(authorize, ctx)} />)
  }
}

/**
 * POST: ends the session, whatever became of its user, and no grant; on to the provider that it came from, or to
 * LEDGER_LOGOUT_URL.
 */
export function logout(authorize: Authorize): HttpMiddleware {
  const { cookies, paths, logout_url } = authorize
  return async (ctx) => {
    const form = await readForm(ctx)
    const id = cookies.read(ctx, 'session')
    const isOurs = id !== null && belongsTo(authorize, ctx, 'session', form)
    const ended = isOurs ? await endSession(authorize.passwords.knex, id) : null
    if (isOurs) cookies.clear(ctx, 'session')
    const there = ended && (await endSessionUrlOf(authorize, ended.amr))
    const elsewhere = there ?? (isOurs ? logout_url : null)
    seeOther(ctx, elsewhere ?? paths.account('logout'))
  }
}
