/** @jsxRuntime automatic @jsxImportSource preact */
import { endOtherSessions } from '../../../shared/accounts/sessions/sessions.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { answerPage, seeOther } from '../../../shared/pages/answer-page.ts'
import type { Authorize } from '../authorize.ts'
import { BY_PASSWORD, proveUser } from '../login/login.ts'
import { ChangePasswordPage, type ChangePasswordProps } from '../pages/change-password.tsx'
import { LIMITS, newPasswordProblem, RightEnded, setOwnPassword } from './new-password.ts'
import { accountProps, hiddenIn, type Own, seeDone } from './own-page.ts'

type Shown = { problem?: ChangePasswordProps['problem']; status?: number }

export async function showChange(authorize: Authorize, ctx: HttpContext, own: Own, shown: Shown = {}): Promise<void> {
  const { problem, status = problem === undefined ? 200 : 400 } = shown
  const props = {
    ...accountProps(authorize, own),
    action: authorize.paths.account('password'),
    hidden: hiddenIn(authorize, ctx),
    username: own.session.username ?? '',
    limits: LIMITS,
    problem,
  }
  answerPage(ctx, <ChangePasswordPage {...props} />, status)
  return Promise.resolve()
}

/**
 * The current password and a new one: all of before ends, other sessions and the access of applications, and the person
 * goes on in a new session.
 */
export async function changePassword(authorize: Authorize, ctx: HttpContext, own: Own): Promise<void> {
  const { session, form } = own
  const problem = newPasswordProblem(form)
  if (problem) return showChange(authorize, ctx, own, { problem })
  const typed = { username: session.username ?? '', password: form['current_password'] ?? '' }
  const proven = await proveUser(authorize, ctx, typed)
  if (proven === 'locked') return showChange(authorize, ctx, own, { problem: 'login_locked', status: 429 })
  if (proven.refused || proven.sub !== session.sub)
    return showChange(authorize, ctx, own, { problem: 'current_password_wrong' })
  const { sub } = session
  const right = { sub, registry_position: proven.view.registry.next, guarded: true }
  try {
    const set = await setOwnPassword(authorize, ctx, right, form['new_password'] ?? '')
    await endOtherSessions(authorize.passwords.knex, sub, session.sid)
    // Somebody else changed it since: who knows that password logs in.
    if (!set) return seeOther(ctx, authorize.paths.account('password'))
    await authorize.sessions.open(ctx, { sub, amr: BY_PASSWORD, ...set })
    seeDone(authorize, ctx, 'password', authorize.site.texts.change_done)
  } catch (error) {
    if (!(error instanceof RightEnded)) throw error
    await showChange(authorize, ctx, own, { problem: 'current_password_wrong' })
  }
}
