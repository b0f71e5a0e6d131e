/** @jsxRuntime automatic @jsxImportSource preact */
import type { TextName } from '../../../shared/appearance/english.ts'
import { Button, Field, Form, type Hidden, Problem } from '../../../shared/pages/form.tsx'
import { Layout } from '../../../shared/pages/layout.tsx'
import { Say, say } from '../../../shared/pages/say.tsx'
import type { Site } from '../../../shared/pages/site.ts'

export type LoginProblem = Extract<
  TextName,
  | 'login_wrong'
  | 'login_locked'
  | 'login_again'
  | 'login_provider_away'
  | 'login_provider_denied'
  | 'login_provider_strange'
  | 'login_provider_unknown'
  | 'login_provider_old'
  | 'logins_again'
>

export type LoginProps = {
  site: Site
  action: string
  hidden: Hidden
  /** For whom: absent where the person came by themselves. */
  client?: string | undefined
  /** As it was typed before. */
  username?: string | undefined
  problem?: LoginProblem | undefined
  /** Where a link to set a new password is asked for; absent where nobody could send one. */
  forgotHref?: string | undefined
  /** Other servers to log in with: `value` is sent as `provider`. */
  providers?: readonly { value: string; name: string }[]
  /** Absent: yes. */
  takesPasswords?: boolean
}

/** User name and password; what was typed as the name stays. */
export function LoginPage(props: LoginProps) {
  const { site, client, problem, forgotHref, providers = [], takesPasswords = true } = props
  const { texts } = site
  return (
    <Layout site={site} title={texts.login_title} hasProblem={problem !== undefined} before={welcomeOf(site)}>
      {client !== undefined && (
        <p class="lead">
          <Say texts={texts} name="login_for_client" values={{ client: <strong>{client}</strong> }} />
        </p>
      )}
      {problem && <Problem>{texts[problem]}</Problem>}
      {takesPasswords && <NameAndPassword {...props} />}
      {takesPasswords && forgotHref !== undefined && (
        <p class="below">
          <a href={forgotHref}>{texts.login_forgot}</a>
        </p>
      )}
      {providers.length > 0 && <OtherWays {...props} providers={providers} />}
    </Layout>
  )
}

function NameAndPassword({ site: { texts }, action, hidden, username, problem }: LoginProps) {
  const wrong = problem === 'login_wrong'
  return (
    <Form action={action} hidden={hidden}>
      <Field
        name="username"
        label={texts.username}
        autocomplete="username"
        value={username}
        wrong={wrong}
        focus={!username}
      />
      <Field
        name="password"
        label={texts.password}
        autocomplete="current-password"
        wrong={wrong}
        focus={Boolean(username)}
      />
      <div class="buttons">
        <Button>{texts.login_button}</Button>
      </div>
    </Form>
  )
}

function welcomeOf({ heading }: Site) {
  return heading === undefined ? undefined : <p class="welcome">{heading}</p>
}

/** A form of its own, so that it asks for no password. */
function OtherWays({
  site,
  action,
  hidden,
  providers,
  takesPasswords = true,
}: LoginProps & { providers: readonly { value: string; name: string }[] }) {
  return (
    <>
      {takesPasswords && <p class="or">{site.texts.login_other_ways}</p>}
      <Form action={action} hidden={hidden}>
        <div class="ways">
          {providers.map(({ value, name }) => (
            <Button key={value} kind="plain" name="provider" value={value}>
              {say(site.texts, 'login_with', { provider: name })}
            </Button>
          ))}
        </div>
      </Form>
    </>
  )
}
