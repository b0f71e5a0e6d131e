/** @jsxRuntime automatic @jsxImportSource preact */
import { Button, Form, type Hidden, Unseen } from '../../../shared/pages/form.tsx'
import { say } from '../../../shared/pages/say.tsx'
import { Account, type AccountProps, Moment, momentText } from './account.tsx'

export type OpenSession = {
  /** What the form names it by: never the id that stands in its cookie. */
  handle: string
  isThis: boolean
  since: Date
  used: Date
  /** From which address it was used last. */
  address: string
}

export type YourSessionsProps = AccountProps & { action: string; hidden: Hidden; sessions: readonly OpenSession[] }

/** Where a person is logged in; ends one (`session`), or all but this one (`others`). */
export function YourSessionsPage({ action, hidden, sessions, ...account }: YourSessionsProps) {
  const { texts } = account.site
  return (
    <Account {...account} here="sessions" title={texts.sessions_title}>
      <p class="lead">{texts.sessions_intro}</p>
      <ul class="entries">
        {sessions.map((one) => (
          <li key={one.handle}>
            <Session session={one} site={account.site} />
            {!one.isThis && (
              <Form action={action} hidden={{ ...hidden, session: one.handle }}>
                <Button kind="plain">
                  {texts.sessions_end}{' '}
                  <Unseen>{say(texts, 'sessions_end_of', { since: momentText(texts, one.since) })}</Unseen>
                </Button>
              </Form>
            )}
          </li>
        ))}
      </ul>
      {sessions.length > 1 && (
        <Form action={action} hidden={hidden}>
          <Button kind="plain" name="others" value="end">
            {texts.sessions_end_others}
          </Button>
        </Form>
      )}
    </Account>
  )
}

function Session({ session, site: { texts } }: { session: OpenSession; site: AccountProps['site'] }) {
  return (
    <div>
      <h2>{session.isThis ? texts.sessions_this : texts.sessions_other}</h2>
      <dl>
        <dt>{texts.sessions_since}</dt>
        <dd>
          <Moment texts={texts} at={session.since} />
        </dd>
        <dt>{texts.sessions_used}</dt>
        <dd>
          <Moment texts={texts} at={session.used} />
        </dd>
        <dt>{texts.sessions_from}</dt>
        <dd>{session.address}</dd>
      </dl>
    </div>
  )
}
