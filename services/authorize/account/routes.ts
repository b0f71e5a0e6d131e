import { answerWithin } from '../../../shared/http/answer-within.ts'
import type { HttpContext, HttpRouter } from '../../../shared/http/context.ts'
import type { Authorize } from '../authorize.ts'
import { ACCOUNT, ACCOUNT_PAGES, type AccountPage, FORGOT, SET_PASSWORD } from '../paths.ts'
import { endAccess, showAccess } from './access.tsx'
import { changePassword, showChange } from './change-password.tsx'
import { forgot, showForgot } from './forgot.tsx'
import { beginLink, showLogins } from './logins.tsx'
import { askLogout, logout } from './logout.tsx'
import { type Own, ownForm, ownPage } from './own-page.ts'
import { endSessions, showSessions } from './sessions.tsx'
import { setPasswordByLink, showSetPassword } from './set-password.tsx'

type Handle = (authorize: Authorize, ctx: HttpContext, own: Own) => Promise<void>

/** What shows a page to who is logged in, and what takes its form. */
const OWN_PAGES: readonly [AccountPage, Handle, Handle][] = [
  ['access', showAccess, endAccess],
  ['sessions', showSessions, endSessions],
  ['password', showChange, changePassword],
  ['logins', showLogins, beginLink],
]

/** The pages of one's own account, each answered in time. */
export function accountRoutes(router: HttpRouter, authorize: Authorize): void {
  const within = answerWithin(authorize.timeoutMs)
  const at = (page: AccountPage) => `${ACCOUNT}${ACCOUNT_PAGES[page]}`
  for (const [page, show, send] of OWN_PAGES) {
    const shown = ownPage(authorize, page, (ctx, own) => show(authorize, ctx, own))
    const sent = ownForm(authorize, page, (ctx, own) => send(authorize, ctx, own))
    router.get(at(page), within, shown)
    router.post(at(page), within, sent)
  }
  router.get(at('logout'), within, askLogout(authorize))
  router.post(at('logout'), within, logout(authorize))
  router.get(SET_PASSWORD, within, showSetPassword(authorize))
  router.post(SET_PASSWORD, within, setPasswordByLink(authorize))
  router.get(FORGOT, within, showForgot(authorize))
  router.post(FORGOT, within, forgot(authorize))
}
