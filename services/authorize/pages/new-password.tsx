/** @jsxRuntime automatic @jsxImportSource preact */
import type { Texts } from '../../../shared/appearance/texts.ts'
import { Field, Problem } from '../../../shared/pages/form.tsx'
import { say } from '../../../shared/pages/say.tsx'

/** What a new password must be: characters, and bytes of its UTF-8. */
export type PasswordLimits = { shortest: number; longest: number }

export type NewPasswordProblem = 'password_too_short' | 'password_too_long' | 'passwords_differ'

/** What is wrong with a new password, in words. */
export function NewPasswordProblemText(props: { texts: Texts; problem: NewPasswordProblem; limits: PasswordLimits }) {
  const { texts, problem, limits } = props
  // A text takes what it names of these.
  return <Problem>{problem === 'passwords_differ' ? texts[problem] : say(texts, problem, limits)}</Problem>
}

/** The user name, which password managers look for first, and may fill in nowhere else. */
export function OwnName({ texts, username }: { texts: Texts; username: string }) {
  return <Field name="username" label={texts.username} autocomplete="username" value={username} readonly />
}

/** The new password, twice. */
export function NewPassword(props: { texts: Texts; limits: PasswordLimits; wrong: boolean; focus: boolean }) {
  const { texts, limits, wrong, focus } = props
  return (
    <>
      <Field
        name="new_password"
        label={texts.new_password}
        autocomplete="new-password"
        hint={say(texts, 'new_password_hint', limits)}
        wrong={wrong}
        focus={focus}
      />
      <Field name="new_password_again" label={texts.new_password_again} autocomplete="new-password" wrong={wrong} />
    </>
  )
}
