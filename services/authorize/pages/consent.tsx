/** @jsxRuntime automatic @jsxImportSource preact */
import { Button, Buttons, CheckList, Form, type Hidden, Problem } from '../../../shared/pages/form.tsx'
import { Layout } from '../../../shared/pages/layout.tsx'
import { Say, say } from '../../../shared/pages/say.tsx'
import type { Site } from '../../../shared/pages/site.ts'

export type AskedScope = {
  name: string
  description?: string | undefined
  /** The folders and services that it includes. */
  opens: readonly string[]
  ticked: boolean
  /** Asked for now, and not granted before, where others were. */
  isNew: boolean
}

export type ConsentProps = {
  site: Site
  action: string
  hidden: Hidden
  client: string
  user: string
  scopes: readonly AskedScope[]
  /** Sent with nothing ticked. */
  nothingTicked?: boolean | undefined
}

/** What `decision` says of the button that was pressed. */
export type Decision = 'approve' | 'deny' | 'other-user'

/** Who asks for what: each scope may be left out (`ticked(form, 'scope')` reads those that were not). */
export function ConsentPage({ site, action, hidden, client, user, scopes, nothingTicked = false }: ConsentProps) {
  const { texts } = site
  return (
    <Layout site={site} title={texts.consent_title} hasProblem={nothingTicked}>
      <p class="lead">
        <Say texts={texts} name="consent_asks" values={{ client: <strong>{client}</strong> }} />
      </p>
      {nothingTicked && <Problem>{say(texts, 'consent_nothing_ticked', { deny: texts.consent_deny })}</Problem>}
      <Form action={action} hidden={hidden}>
        <CheckList
          name="scope"
          legend={texts.consent_scopes}
          choices={scopes.map((scope) => ({
            value: scope.name,
            checked: scope.ticked,
            content: <ScopeName site={site} scope={scope} />,
            detail: <Opens site={site} scope={scope} />,
          }))}
        />
        <Buttons>
          <Decide decision="approve">{texts.consent_approve}</Decide>
          <Decide decision="deny">{texts.consent_deny}</Decide>
        </Buttons>
        <p class="quiet">
          {texts.consent_later} <Say texts={texts} name="consent_user" values={{ user: <strong>{user}</strong> }} />
          <br />
          <Decide decision="other-user">{texts.consent_other_user}</Decide>
        </p>
      </Form>
    </Layout>
  )
}

const KINDS = { approve: 'main', deny: 'plain', 'other-user': 'link' } as const satisfies Record<Decision, string>

function Decide({ decision, children }: { decision: Decision; children: string }) {
  return (
    <Button kind={KINDS[decision]} name="decision" value={decision}>
      {children}
    </Button>
  )
}

function ScopeName({ site, scope: { name, description, isNew } }: { site: Site; scope: AskedScope }) {
  return (
    <>
      {description || <code>{name}</code>}
      {isNew && ' '}
      {isNew && <span class="badge">{site.texts.consent_new}</span>}
    </>
  )
}

const MOST_SHOWN = 3

function Opens({ site: { texts }, scope: { name, description, opens } }: { site: Site; scope: AskedScope }) {
  const own = description ? <code>{name}</code> : null
  if (opens.length === 0) return own
  const shown = opens.map((one) => one || texts.consent_whole)
  if (opens.length <= MOST_SHOWN)
    return (
      <>
        {own} {own && '· '}
        {say(texts, 'consent_opens', { names: shown.join(', ') })}
      </>
    )
  return (
    <>
      {own}
      <details>
        <summary>{say(texts, 'consent_opens_many', { count: opens.length })}</summary>
        <ul>
          {shown.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      </details>
    </>
  )
}
