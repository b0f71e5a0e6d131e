/** @jsxRuntime automatic @jsxImportSource preact */
import { Button, Form, type Hidden, Unseen } from '../../../shared/pages/form.tsx'
import { say } from '../../../shared/pages/say.tsx'
import { Account, type AccountProps, Moment } from './account.tsx'

export type HeldAccess = {
  grant_id: string
  client: string
  /** Their descriptions, or names where they have none. */
  scopes: readonly string[]
  since: Date
  /** Refreshed or exchanged last. */
  used: Date | null
}

export type YourAccessProps = AccountProps & { action: string; hidden: Hidden; held: readonly HeldAccess[] }

/** The applications that hold access on behalf of a person, each of which can be ended. */
export function YourAccessPage({ action, hidden, held, ...account }: YourAccessProps) {
  const { texts } = account.site
  return (
    <Account {...account} here="access" title={texts.access_title}>
      <p class="lead">{held.length === 0 ? texts.access_none : texts.access_intro}</p>
      {held.length > 0 && (
        <ul class="entries">
          {held.map((one) => (
            <li key={one.grant_id}>
              <Held held={one} site={account.site} />
              <Form action={action} hidden={{ ...hidden, grant_id: one.grant_id }}>
                <Button kind="plain">
                  {texts.access_end} <Unseen>{say(texts, 'access_end_of', { client: one.client })}</Unseen>
                </Button>
              </Form>
            </li>
          ))}
        </ul>
      )}
    </Account>
  )
}

function Held({ held, site: { texts } }: { held: HeldAccess; site: AccountProps['site'] }) {
  return (
    <div>
      <h2>{held.client}</h2>
      <dl>
        <dt>{texts.access_scopes}</dt>
        {held.scopes.length === 0 && <dd>–</dd>}
        {held.scopes.map((scope) => (
          <dd key={scope}>{scope}</dd>
        ))}
        <dt>{texts.access_since}</dt>
        <dd>
          <Moment texts={texts} at={held.since} />
        </dd>
        <dt>{texts.access_used}</dt>
        <dd>{held.used ? <Moment texts={texts} at={held.used} /> : texts.access_never_used}</dd>
      </dl>
    </div>
  )
}
