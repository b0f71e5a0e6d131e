/** @jsxRuntime automatic @jsxImportSource preact */
import { Button, Field, Form, type Hidden, Problem } from '../../../shared/pages/form.tsx'
import { Account, type AccountProps } from './account.tsx'
import {
  NewPassword,
  type NewPasswordProblem,
  NewPasswordProblemText,
  OwnName,
  type PasswordLimits,
} from './new-password.tsx'

export type ChangePasswordProps = AccountProps & {
  action: string
  hidden: Hidden
  username: string
  limits: PasswordLimits
  problem?: NewPasswordProblem | 'current_password_wrong' | 'login_locked' | undefined
}

/** Takes the current password and a new one. */
export function ChangePasswordPage({ action, hidden, username, limits, problem, ...account }: ChangePasswordProps) {
  const { texts } = account.site
  const ofCurrent = problem === 'current_password_wrong' || problem === 'login_locked' ? problem : undefined
  const ofNew = problem === 'current_password_wrong' || problem === 'login_locked' ? undefined : problem
  const [currentWrong, newWrong] = [ofCurrent !== undefined, ofNew !== undefined]
  return (
    <Account {...account} here="password" title={texts.change_title} hasProblem={problem !== undefined}>
      <p class="lead">{texts.change_ends}</p>
      {ofCurrent && <Problem>{texts[ofCurrent]}</Problem>}
      {ofNew && <NewPasswordProblemText {...{ texts, problem: ofNew, limits }} />}
      <Form action={action} hidden={hidden}>
        <OwnName texts={texts} username={username} />
        <Field
          name="current_password"
          label={texts.current_password}
          autocomplete="current-password"
          wrong={currentWrong}
          focus={!newWrong}
        />
        <NewPassword texts={texts} limits={limits} wrong={newWrong} focus={newWrong} />
        <Button>{texts.change_button}</Button>
      </Form>
    </Account>
  )
}
