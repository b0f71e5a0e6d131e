/** @jsxRuntime automatic @jsxImportSource preact */
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import type { HttpContext } from '../../../shared/http/context.ts'
import { externalOf } from '../../../shared/ledger/user.ts'
import { answerPage } from '../../../shared/pages/answer-page.ts'
import { Button, Form, Problem } from '../../../shared/pages/form.tsx'
import { say } from '../../../shared/pages/say.tsx'
import { readUser } from '../../../shared/read-model/reads/living-user.ts'
import type { TextName } from '../../../shared/appearance/english.ts'
import type { Authorize } from '../authorize.ts'
import { showLogin } from '../login/show-login.tsx'
import { Account } from '../pages/account.tsx'
import type { LoginProblem } from '../pages/login.tsx'
import { beginUpstream } from '../upstream/begin.ts'
import { accountProps, hiddenIn, type Own, seeDone } from './own-page.ts'

/** Seconds since the login: whoever finds an open browser later must not make it a way in that stays. */
const RECENT_SECONDS = 600

type LinkProblem = LoginProblem | Extract<TextName, 'logins_taken'>

/** The accounts elsewhere that one logs in with, by who has them, and a button for each provider. OAuthError 404. */
export async function showLogins(
  authorize: Authorize,
  ctx: HttpContext,
  own: Own,
  problem?: LinkProblem,
): Promise<void> {
  const { upstream, paths, site } = authorize
  requireProviders(authorize)
  const { texts } = site
  const { user } = await readUser(upstream, own.session.sub)
  const providers = [...upstream.providers.values()].map(({ settings }) => settings)
  const labels = (user?.value ? externalOf(user.value) : []).map(
    ({ issuer }) => providers.find((one) => one.issuer === issuer)?.label ?? issuer,
  )
  const page = (
    <Account {...accountProps(authorize, own)} here="logins" title={texts.logins_title} hasProblem={Boolean(problem)}>
      {problem && <Problem>{texts[problem]}</Problem>}
      <p class="lead">{labels.length > 0 ? texts.logins_intro : texts.logins_none}</p>
      <ul class="entries">
        {labels.map((label) => (
          <li>{label}</li>
        ))}
      </ul>
      <Form action={paths.account('logins')} hidden={hiddenIn(authorize, ctx)}>
        <div class="buttons">
          {providers.map(({ name, label }) => (
            <Button key={name} kind="plain" name="provider" value={name}>
              {say(texts, 'logins_link', { provider: label })}
            </Button>
          ))}
        </div>
      </Form>
    </Account>
  )
  answerPage(ctx, page, problem ? 400 : 200)
}

/** Goes to a provider to link the login there; who logged in long ago does so again first. */
export async function beginLink(authorize: Authorize, ctx: HttpContext, own: Own): Promise<void> {
  requireProviders(authorize)
  const { session, form } = own
  const onward = { to: 'account', page: 'logins' } as const
  if (session.now - session.logged_in_at > RECENT_SECONDS * 1000)
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
