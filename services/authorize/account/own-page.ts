import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { type Form, parseForm, readForm } from '../../../shared/http/input/form-body.ts'
import { seeOther } from '../../../shared/pages/answer-page.ts'
import type { CookieName } from '../../../shared/pages/cookies.ts'
import type { Hidden } from '../../../shared/pages/form.tsx'
import { csrfValue, pack, unpack } from '../../../shared/tokens/form-mac.ts'
import type { Authorize, Session } from '../authorize.ts'
import { isOfCookie } from '../login/onward.ts'
import { showLogin } from '../login/show-login.tsx'
import type { AccountLinks, AccountProps } from '../pages/account.tsx'
import { type AccountPage, ACCOUNT_PAGES } from '../paths.ts'

/** Who is logged in, and what was sent. */
export type Own = { session: Session; form: Form }

type Handle = (ctx: HttpContext, own: Own) => Promise<void>

/** GET of a page of one's own account; who is not logged in logs in first, and comes back to it. */
export function ownPage(authorize: Authorize, page: AccountPage, handle: Handle): HttpMiddleware {
  return async (ctx) => {
    const form = parseForm(ctx.querystring)
    const session = await authorize.sessions.find(ctx)
    if (!session) return showLogin(authorize, ctx, { to: 'account', page })
    await handle(ctx, { session, form })
  }
}

/**
 * POST of its form. One that was made under another cookie, by another site or by a login of before, does nothing: the
 * page is shown as it stands, and can be sent.
 */
export function ownForm(authorize: Authorize, page: AccountPage, handle: Handle): HttpMiddleware {
  return async (ctx) => {
    const form = await readForm(ctx)
    const session = await authorize.sessions.find(ctx)
    if (!session) return showLogin(authorize, ctx, { to: 'account', page }, { problem: 'login_again' })
    if (!belongsTo(authorize, ctx, 'session', form)) return seeOther(ctx, authorize.paths.account(page))
    await handle(ctx, { session, form })
  }
}

/** The same as `isOfCookie`, and the access log tells where it is not. */
export function belongsTo(authorize: Authorize, ctx: HttpContext, cookie: CookieName, form: Form): boolean {
  const is = isOfCookie(authorize, ctx, cookie, form)
  if (!is) Object.assign(ctx.state, { error: 'invalid_request', reason: 'form_of_another_cookie' })
  return is
}

/** What a form of this session brings back. */
export function hiddenIn({ cookies, keys }: Authorize, ctx: HttpContext): Hidden {
  return { csrf: csrfValue(keys, cookies.read(ctx, 'session') ?? '') }
}

/** How long what was done is told, in seconds. */
const TOLD_SECONDS = 60

/** Goes back to a page, which tells what was done. */
export function seeDone(authorize: Authorize, ctx: HttpContext, page: AccountPage, done: string): void {
  const exp = Math.floor(Date.now() / 1000) + TOLD_SECONDS
  seeOther(ctx, `${authorize.paths.account(page)}?done=${pack(authorize.keys, 'done', done, { exp })}`)
}

/** What every page of an account is given. */
export function accountProps(authorize: Authorize, { form }: Pick<Own, 'form'>): AccountProps {
  const { site, paths, keys } = authorize
  const told = unpack(keys, 'done', form['done'] ?? '', Math.floor(Date.now() / 1000))
  const done = told && !told.expired ? String(told.value) : undefined
  const hasLogins = authorize.upstream.providers.size > 0
  const names = (Object.keys(ACCOUNT_PAGES) as AccountPage[]).filter((name) => name !== 'logins' || hasLogins)
  const links = Object.fromEntries(names.map((name) => [name, paths.account(name)])) satisfies AccountLinks
  return { site, links, done }
}
