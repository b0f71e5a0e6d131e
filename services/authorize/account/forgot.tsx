/** @jsxRuntime automatic @jsxImportSource preact */
import { listLinks } from '../../../shared/accounts/sessions/links.ts'
import { limitedNetwork } from '../../../shared/callers/event-context.ts'
import { makeLink } from '../../../shared/callers/password-link.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { readForm } from '../../../shared/http/input/form-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { answerPage } from '../../../shared/pages/answer-page.ts'
import type { Notify } from '../../../shared/accounts/sessions/notify.ts'
import { nameKeysOf } from '../../../shared/read-model/passwords/read-login.ts'
import { csrfValue } from '../../../shared/tokens/form-mac.ts'
import type { Authorize } from '../authorize.ts'
import { browserOf } from '../login/onward.ts'
import { ForgotPasswordPage, LinkSentPage } from '../pages/set-password.tsx'
import { belongsTo } from './own-page.ts'

/** GET: asks who wants a link. */
export function showForgot(authorize: Authorize): HttpMiddleware {
  return (ctx) => {
    notifyOf(authorize)
    show(authorize, ctx)
  }
}

/**
 * POST: the same words, after the same work, for every name. Whatever depends on whether there is such a user is done
 * behind the answer; a failure is told to the operator alone.
 */
export function forgot(authorize: Authorize): HttpMiddleware {
  return async (ctx) => {
    const notify = notifyOf(authorize)
    const form = await readForm(ctx)
    const username = form['username'] ?? ''
    if (username === '' || !belongsTo(authorize, ctx, 'browser', form)) return show(authorize, ctx, username)
    const { username_index: subject } = await nameKeysOf(authorize.people, username)
    const { wait } = await authorize.limits.links.failed({ subject, network: limitedNetwork(ctx.state.clientAddress) })
    const { requestId: request_id } = ctx.state
    if (wait === 0)
      void sendLink(authorize, notify, username).catch((error: Error) => {
        authorize.logger.error({ request_id, problem: error.message }, 'a link to set a password was not sent')
      })
    answerPage(ctx, <LinkSentPage site={authorize.site} />)
  }
}

function notifyOf({ notify }: Authorize): Notify {
  if (!notify) throw new OAuthError('not_found', 'there is nothing at this path')
  return notify
}

function show(authorize: Authorize, ctx: HttpContext, username?: string): void {
  const { site, paths, keys } = authorize
  const hidden = { csrf: csrfValue(keys, browserOf(authorize, ctx)) }
  answerPage(ctx, <ForgotPasswordPage {...{ site, hidden, username }} action={paths.forgot} />)
}

/** A person is sent one a minute, and five an hour: nobody's mailbox is filled, whoever asks from wherever. */
const AGAIN_MS = 60_000
const MOST_AN_HOUR = 5

/** Sends a link to who is called so, unless nobody is, or one who reaches `ledger.*`: an administrator helps those. */
async function sendLink(authorize: Authorize, notify: Notify, username: string): Promise<void> {
  const { passwords, registry, maxLagMs, issuer } = authorize
  const names = await nameKeysOf(authorize.people, username)
  const { account, now } = await authorize.readLogin({ client_id: null, grant_id: null, generation: 0, ...names })
  if (!account?.user.value?.enabled) return
  const { sub } = account.user.value
  const sent = (await listLinks(passwords.knex, sub)).filter(
    (one) => one.kind === 'forgot_password' && one.expires_at > now,
  )
  if (sent.length >= MOST_AN_HOUR || sent.some(({ created_at }) => created_at > now - AGAIN_MS)) return
  const making = { knex: passwords.knex, registry, maxLagMs, issuer }
  const made = await makeLink(making, { sub, kind: 'forgot_password', mayGuard: () => Promise.resolve(false) })
  if (made) await notify({ kind: 'forgot_password', sub, link: made.link })
}
