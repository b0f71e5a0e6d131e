/** @jsxRuntime automatic @jsxImportSource preact */
import { Button, Buttons, Form, type Hidden } from '../../../shared/pages/form.tsx'
import { Layout } from '../../../shared/pages/layout.tsx'
import { Say } from '../../../shared/pages/say.tsx'
import type { Site } from '../../../shared/pages/site.ts'

export type LogoutProps = { site: Site; action: string; hidden: Hidden; user: string; stayHref: string }

/** Asks before a session ends: a link of another site must not end it. */
export function LogoutPage({ site, action, hidden, user, stayHref }: LogoutProps) {
  const { texts } = site
  return (
    <Layout site={site} title={texts.logout_title}>
      <p class="lead">
        <Say texts={texts} name="logout_user" values={{ user: <strong>{user}</strong> }} /> {texts.logout_keeps}
      </p>
      <Form action={action} hidden={hidden}>
        <Buttons>
          <Button>{texts.logout_button}</Button>
          <a class="button plain" href={stayHref}>
            {texts.logout_stay}
          </a>
        </Buttons>
      </Form>
    </Layout>
  )
}
