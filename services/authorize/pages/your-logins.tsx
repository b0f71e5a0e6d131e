/** @jsxRuntime automatic @jsxImportSource preact */
import type { TextName } from '../../../shared/appearance/english.ts'
import { Button, Form, type Hidden, Problem } from '../../../shared/pages/form.tsx'
import { say } from '../../../shared/pages/say.tsx'
import { Account, type AccountProps } from './account.tsx'
import type { LoginProblem } from './login.tsx'

export type YourLoginsProps = AccountProps & {
  action: string
  hidden: Hidden
  /** By whom: what each provider calls itself. */
  linked: readonly string[]
  /** With whom a login can be linked: `value` is sent as `provider`. */
  providers: readonly { value: string; name: string }[]
  problem?: LoginProblem | Extract<TextName, 'logins_taken'> | undefined
}

/** The accounts elsewhere that a person logs in with, and a button for each provider. */
export function YourLoginsPage({ action, hidden, linked, providers, problem, ...account }: YourLoginsProps) {
  const { texts } = account.site
  return (
    <Account {...account} here="logins" title={texts.logins_title} hasProblem={problem !== undefined}>
      {problem && <Problem>{texts[problem]}</Problem>}
      <p class="lead">{linked.length > 0 ? texts.logins_intro : texts.logins_none}</p>
      {linked.length > 0 && (
        <ul class="entries">
          {linked.map((name) => (
            <li key={name}>{name}</li>
          ))}
        </ul>
      )}
      <Form action={action} hidden={hidden}>
        <div class="buttons">
          {providers.map(({ value, name }) => (
            <Button key={value} kind="plain" name="provider" value={value}>
              {say(texts, 'logins_link', { provider: name })}
            </Button>
          ))}
        </div>
      </Form>
    </Account>
  )
}
