/** @jsxRuntime automatic @jsxImportSource preact */
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { externalOf } from '../../../shared/ledger/user.ts'
import { answerPage } from '../../../shared/pages/answer-page.ts'
import { say } from '../../../shared/pages/say.tsx'
import { readUser } from '../../../shared/read-model/reads/living-user.ts'
import type { Authorize } from '../authorize.ts'
import { showLogin } from '../login/show-login.tsx'
import { YourLoginsPage, type YourLoginsProps } from '../pages/your-logins.tsx'
import { beginUpstream } from '../upstream/begin.ts'
import { accountProps, hiddenIn, type Own, seeDone } from './own-page.ts'

/** Seconds since the login: whoever finds an open browser later must not make it a way in that stays. */
const RECENT_SECONDS = 600

/** The accounts elsewhere that one logs in with, by who has them, and a button for each provider. OAuthError 404. */
export async function showLogins(
  authorize: Authorize,
  ctx: HttpContext,
  own: Own,
  problem?: YourLoginsProps['problem'],
): Promise<void> {
  const { upstream, paths } = authorize
  requireProviders(authorize)
  const { user } = await readUser(upstream, own.session.sub)
  const settings = [...upstream.providers.values()].map((provider) => provider.settings)
  const linked = (user?.value ? externalOf(user.value) : []).map(
    ({ issuer }) => settings.find((one) => one.issuer === issuer)?.label ?? issuer,
  )
  const providers = settings.map(({ name, label }) => ({ value: name, name: label }))
  const props = { ...accountProps(authorize, own), action: paths.account('logins'), hidden: hiddenIn(authorize, ctx) }
  answerPage(ctx, <YourLoginsPage {...props} {...{ linked, providers, problem }} />, problem ? 400 : 200)
}

/** Goes to a provider to link the login there; who logged in long ago does so again first. */
export async function beginLink(authorize: Authorize, ctx: HttpContext, own: Own): Promise<void> {
  requireProviders(authorize)
  const { session, form } = own
  const onward = { to: 'account', page: 'logins' } as const
  if (session.now - session.auth_time > RECENT_SECONDS * 1000)
    return showLogin(authorize, ctx, onward, { problem: 'logins_again', username: session.username ?? undefined })
  const problem = await beginUpstream(authorize, ctx, form['provider'] ?? '', onward, session.sid)
  if (problem) await showLogins(authorize, ctx, own, problem)
}

/** Back to the page, which says with whom one can log in now. */
export function seeLinked(authorize: Authorize, ctx: HttpContext, provider: string): void {
  seeDone(authorize, ctx, 'logins', say(authorize.site.texts, 'logins_linked', { provider }))
}

function requireProviders({ upstream }: Authorize): void {
  if (upstream.providers.size === 0) throw new OAuthError('not_found', 'there is nothing at this path')
}
