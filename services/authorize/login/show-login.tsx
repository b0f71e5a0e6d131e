/** @jsxRuntime automatic @jsxImportSource preact */
import type { HttpContext } from '../../../shared/http/context.ts'
import { answerPage } from '../../../shared/pages/answer-page.ts'
import { csrfValue } from '../../../shared/tokens/form-mac.ts'
import type { Authorize } from '../authorize.ts'
import { sendToLogin } from '../external/login-application.ts'
import { LoginPage, type LoginProblem } from '../pages/login.tsx'
import { browserOf, type Onward, packOnward } from './onward.ts'

/** Of the login page. `username`: as it was typed before. */
export type Shown = { problem?: LoginProblem; username?: string | undefined; status?: number }

/**
 * Answers the login page, or sends to the login application that is there instead. Nothing is stored: what it goes on
 * to travels in the form.
 */
export function showLogin(authorize: Authorize, ctx: HttpContext, onward: Onward, shown: Shown = {}): void {
  if (authorize.login_url !== null) return sendToLogin(authorize, ctx, onward, authorize.login_url)
  const { site, paths, keys } = authorize
  const { problem, username, status = problem === undefined ? 200 : 400 } = shown
  const hidden = { onward: packOnward(authorize, onward), csrf: csrfValue(keys, browserOf(authorize, ctx)) }
  const client = onward.to === 'client' ? onward.client_name : undefined
  const forgotHref = authorize.notify ? paths.forgot : undefined
  const shownPage = { site, hidden, client, username, problem, forgotHref }
  answerPage(ctx, <LoginPage {...shownPage} action={paths.login} />, status)
}
