/** @jsxRuntime automatic @jsxImportSource preact */
import type { HttpContext } from '../../../shared/http/context.ts'
import { answerPage } from '../../../shared/pages/answer-page.ts'
import { csrfValue } from '../../../shared/tokens/form-mac.ts'
import type { Authorize } from '../authorize.ts'
import { sendToLogin } from '../external/login-application.ts'
import { LoginPage, type LoginProblem } from '../pages/login.tsx'
import { beginUpstream } from '../upstream/begin.ts'
import { browserOf, type Onward, packOnward } from './onward.ts'

/** Of the login page. `username`: as it was typed before. */
export type Shown = { problem?: LoginProblem; username?: string | undefined; status?: number }

/**
 * Answers the login page; or sends to the login application that is there instead, or straight on to a provider that is
 * the only way. Nothing is stored: what it goes on to travels in the form.
 */
export async function showLogin(
  authorize: Authorize,
  ctx: HttpContext,
  onward: Onward,
  shown: Shown = {},
): Promise<void> {
  if (authorize.login_url !== null) return sendToLogin(authorize, ctx, onward, authorize.login_url)
  const only = onlyWay(authorize)
  const problem = shown.problem ?? (only === undefined ? undefined : await beginUpstream(authorize, ctx, only, onward))
  // It is on its way there.
  if (problem === undefined && only !== undefined) return
  showPage(authorize, ctx, onward, problem === undefined ? shown : { ...shown, problem })
}

/** The one provider where there is no password either. */
function onlyWay({ takesPasswords, upstream }: Authorize): string | undefined {
  const [first, second] = upstream.providers.keys()
  return takesPasswords || second !== undefined ? undefined : first
}

function showPage(authorize: Authorize, ctx: HttpContext, onward: Onward, shown: Shown): void {
  const { site, paths, keys, upstream, takesPasswords } = authorize
  const { problem, username, status = statusOf(problem) } = shown
  if (status === 503) ctx.set('Retry-After', RETRY_SECONDS)
  const providers = [...upstream.providers].map(([value, { settings }]) => ({ value, name: settings.label }))
  const hidden = { onward: packOnward(authorize, onward), csrf: csrfValue(keys, browserOf(authorize, ctx)) }
  const client = onward.to === 'client' ? onward.client_name : undefined
  const forgotHref = takesPasswords && authorize.notify ? paths.forgot : undefined
  const shownPage = { site, hidden, client, username, problem, forgotHref, providers, takesPasswords }
  answerPage(ctx, <LoginPage {...shownPage} action={paths.login} />, status)
}

const RETRY_SECONDS = '5'

function statusOf(problem: LoginProblem | undefined): number {
  if (problem === undefined) return 200
  return problem === 'login_provider_away' ? 503 : 400
}
