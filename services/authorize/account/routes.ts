import { answerWithin } from '../../../shared/http/answer-within.ts'
import type { HttpRouter } from '../../../shared/http/context.ts'
import type { Authorize } from '../authorize.ts'
import { ACCOUNT, ACCOUNT_PAGES, type AccountPage, FORGOT, SET_PASSWORD } from '../paths.ts'
import { endAccess, showAccess } from './access.tsx'
import { changePassword, showChange } from './change-password.tsx'
import { forgot, showForgot } from './forgot.tsx'
import { beginLink, showLogins } from './logins.tsx'
import { askLogout, logout } from './logout.tsx'
import { ownForm, ownPage } from './own-page.ts'
import { endSessions, showSessions } from './sessions.tsx'
import { setPasswordByLink, showSetPassword } from './set-password.tsx'

/** The pages of one's own account, each answered in time. */
export function accountRoutes(router: HttpRouter, authorize: Authorize): void {
  const within = answerWithin(authorize.timeoutMs)
  const at = (page: AccountPage) => `${ACCOUNT}${ACCOUNT_PAGES[page]}`
  router.get(
    at('access'),
    within,
    ownPage(authorize, 'access', (ctx, own) => showAccess(authorize, ctx, own)),
  )
  router.post(
    at('access'),
    within,
    ownForm(authorize, 'access', (ctx, own) => endAccess(authorize, ctx, own)),
  )
  router.get(
    at('sessions'),
    within,
    ownPage(authorize, 'sessions', (ctx, own) => showSessions(authorize, ctx, own)),
  )
  router.post(
    at('sessions'),
    within,
    ownForm(authorize, 'sessions', (ctx, own) => endSessions(authorize, ctx, own)),
  )
  router.get(
    at('password'),
    within,
    ownPage(authorize, 'password', (ctx, own) => showChange(authorize, ctx, own)),
  )
  router.post(
    at('password'),
    within,
    ownForm(authorize, 'password', (ctx, own) => changePassword(authorize, ctx, own)),
  )
  router.get(
    at('logins'),
    within,
    ownPage(authorize, 'logins', (ctx, own) => showLogins(authorize, ctx, own)),
  )
  router.post(
    at('logins'),
    within,
    ownForm(authorize, 'logins', (ctx, own) => beginLink(authorize, ctx, own)),
  )
  router.get(at('logout'), within, askLogout(authorize))
  router.post(at('logout'), within, logout(authorize))
  router.get(SET_PASSWORD, within, showSetPassword(authorize))
  router.post(SET_PASSWORD, within, setPasswordByLink(authorize))
  router.get(FORGOT, within, showForgot(authorize))
  router.post(FORGOT, within, forgot(authorize))
}
