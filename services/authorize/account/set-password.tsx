/** @jsxRuntime automatic @jsxImportSource preact */
import { dropLinks, readLink, type StoredLink } from '../../../shared/accounts/sessions/links.ts'
import { entityProblem } from '../../../shared/ledger/grant/liveness.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { type Form, parseForm, readForm } from '../../../shared/http/input/form-body.ts'
import type { UserEntity } from '../../../shared/ledger/registry/state.ts'
import { readUser } from '../../../shared/read-model/reads/living-user.ts'
import { Unsettled } from '../../../shared/read-model/unsettled.ts'
import { answerPage } from '../../../shared/pages/answer-page.ts'
import { isRandomId } from '../../../shared/tokens/random-id.ts'
import { csrfValue } from '../../../shared/tokens/form-mac.ts'
import type { Authorize } from '../authorize.ts'
import { browserOf } from '../login/onward.ts'
import type { NewPasswordProblem } from '../pages/new-password.tsx'
import { LinkSpentPage, PasswordSetPage, SetPasswordPage } from '../pages/set-password.tsx'
import { LIMITS, newPasswordProblem, RightEnded, setOwnPassword } from './new-password.ts'
import { belongsTo } from './own-page.ts'

type Opened = { id: string; link: StoredLink; user: UserEntity }

/** GET: shows the form, as often as anybody opens the link, and spends nothing. */
export function showSetPassword(authorize: Authorize): HttpMiddleware {
  return async (ctx) => {
    const opened = await openLink(authorize, parseForm(ctx.querystring))
    if (opened) showForm(authorize, ctx, opened)
    else showSpent(authorize, ctx)
  }
}

/**
 * POST: sets the password, which spends the link. Of two at once, in whatever process, one sets it. A link whose
 * password was not set may be used again.
 */
export function setPasswordByLink(authorize: Authorize): HttpMiddleware {
  const { site, paths } = authorize
  return async (ctx) => {
    const form = await readForm(ctx)
    const opened = await openLink(authorize, form)
    if (!opened) return showSpent(authorize, ctx)
    const problem = newPasswordProblem(form) ?? undefined
    // Without its cookie, as when it was open for long, the form is shown once more: nothing is spent.
    if (problem || !belongsTo(authorize, ctx, 'browser', form)) return showForm(authorize, ctx, opened, problem)
    const { link } = opened
    try {
      await setOwnPassword(authorize, ctx, link, form['new_password'] ?? '')
    } catch (error) {
      if (error instanceof RightEnded) return showSpent(authorize, ctx)
      throw error
    }
    await dropLinks(authorize.passwords.knex, link.sub)
    answerPage(ctx, <PasswordSetPage site={site} loginHref={paths.login} />)
  }
}

/** What a link opens; `null`: it was used, is too old, or never was. */
async function openLink(authorize: Authorize, form: Form): Promise<Opened | null> {
  const id = form['link'] ?? ''
  const link = isRandomId(id) ? await readLink(authorize.passwords.knex, id) : null
  if (!link) return null
  const { user, checkpoint } = await readUser(authorize, link.sub)
  if (link.registry_position > checkpoint.next) throw new Unsettled('the registry may be older than the link')
  return user && !entityProblem(user, link.registry_position) ? { id, link, user } : null
}

function showForm(authorize: Authorize, ctx: HttpContext, { id, link, user }: Opened, problem?: NewPasswordProblem) {
  const { site, paths, keys } = authorize
  const hidden = { link: id, csrf: csrfValue(keys, browserOf(authorize, ctx)) }
  const username = user.person?.username ?? link.sub
  const props = { site, action: paths.setPassword, hidden, username, limits: LIMITS, problem }
  answerPage(ctx, <SetPasswordPage {...props} />, problem ? 400 : 200)
}

function showSpent({ site, paths, notify }: Authorize, ctx: HttpContext): void {
  Object.assign(ctx.state, { error: 'access_denied', reason: 'link_spent' })
  answerPage(ctx, <LinkSpentPage site={site} forgotHref={notify ? paths.forgot : undefined} />, 410)
}
