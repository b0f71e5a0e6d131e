/** @jsxRuntime automatic @jsxImportSource preact */
import { Button, Field, Form, type Hidden } from '../../../shared/pages/form.tsx'
import { Layout } from '../../../shared/pages/layout.tsx'
import type { Site } from '../../../shared/pages/site.ts'
import { MessagePage } from './message.tsx'
import {
  NewPassword,
  type NewPasswordProblem,
  NewPasswordProblemText,
  OwnName,
  type PasswordLimits,
} from './new-password.tsx'

export type SetPasswordProps = {
  site: Site
  action: string
  /** With the token of the link: only this form spends it. */
  hidden: Hidden
  username: string
  limits: PasswordLimits
  problem?: NewPasswordProblem | undefined
}

/** What a one-time link opens. */
export function SetPasswordPage({ site, action, hidden, username, limits, problem }: SetPasswordProps) {
  const { texts } = site
  return (
    <Layout site={site} title={texts.set_title} hasProblem={problem !== undefined}>
      {problem && <NewPasswordProblemText {...{ texts, problem, limits }} />}
      <Form action={action} hidden={hidden}>
        <OwnName texts={texts} username={username} />
        <NewPassword texts={texts} limits={limits} wrong={problem !== undefined} focus />
        <div class="buttons">
          <Button>{texts.set_button}</Button>
        </div>
      </Form>
    </Layout>
  )
}

/** The password is set: the way to the login. */
export function PasswordSetPage({ site, loginHref }: { site: Site; loginHref: string }) {
  const { set_done_title: title, set_done: sentence, login_button: label } = site.texts
  return <MessagePage {...{ site, title, sentence }} onward={{ href: loginHref, label }} />
}

/** The link was used or is too old. `forgotHref`: where a new one is asked for, if anybody can send one. */
export function LinkSpentPage({ site, forgotHref }: { site: Site; forgotHref?: string | undefined }) {
  const { set_spent_title: title, set_spent: sentence, set_spent_again: label } = site.texts
  const onward = forgotHref === undefined ? undefined : { href: forgotHref, label }
  return <MessagePage {...{ site, title, sentence, onward }} />
}

export type ForgotPasswordProps = Pick<SetPasswordProps, 'site' | 'action' | 'hidden'> & {
  username?: string | undefined
}

/** Asks who wants a link. */
export function ForgotPasswordPage({ site, action, hidden, username }: ForgotPasswordProps) {
  const { texts } = site
  return (
    <Layout site={site} title={texts.forgot_title}>
      <p class="lead">{texts.forgot_intro}</p>
      <Form action={action} hidden={hidden}>
        <Field name="username" label={texts.username} autocomplete="username" value={username} focus />
        <div class="buttons">
          <Button>{texts.forgot_button}</Button>
        </div>
      </Form>
    </Layout>
  )
}

/** The same for every name, known or not. */
export function LinkSentPage({ site }: { site: Site }) {
  const { forgot_sent_title: title, forgot_sent: sentence } = site.texts
  return <MessagePage {...{ site, title, sentence }} />
}
