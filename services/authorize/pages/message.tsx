/** @jsxRuntime automatic @jsxImportSource preact */
import { Notice } from '../../../shared/pages/form.tsx'
import { Layout } from '../../../shared/pages/layout.tsx'
import { say } from '../../../shared/pages/say.tsx'
import type { Site } from '../../../shared/pages/site.ts'

export type MessageProps = {
  site: Site
  title: string
  /** One sentence. */
  sentence: string
  /** Where it goes on: of ours, never what a request said. */
  onward?: { href: string; label: string } | undefined
}

/** A title, a sentence and at most one way on. */
export function MessagePage({ site, title, sentence, onward }: MessageProps) {
  return (
    <Layout site={site} title={title}>
      <p>{sentence}</p>
      {onward && (
        <p>
          <a class="button main" href={onward.href}>
            {onward.label}
          </a>
        </p>
      )}
    </Layout>
  )
}

type Onward = { site: Site; href?: string | undefined }

/** The request that this page belonged to is over. `href`: where it can be begun again, if we know. */
export function StartAgainPage({ site, href }: Onward) {
  const { page_old_title: title, page_old: sentence, start_again: label } = site.texts
  return <MessagePage {...{ site, title, sentence }} onward={href === undefined ? undefined : { href, label }} />
}

/** After a logout. */
export function LoggedOutPage({ site, href }: Onward) {
  const { logged_out_title: title, logged_out: sentence, logged_out_login: label } = site.texts
  return <MessagePage {...{ site, title, sentence }} onward={href === undefined ? undefined : { href, label }} />
}

export type GoOnProps = {
  site: Site
  client: string
  /** The answer to the client: its proven redirect URI, with what is added to it. */
  href: string
}

/** Goes on to the client by itself, and by a tap where the browser wants one before it opens an app. */
export function GoOnPage({ site, client, href }: GoOnProps) {
  const { texts } = site
  return (
    <Layout site={site} title={texts.go_on_title} head={<meta http-equiv="refresh" content={`0;url=${href}`} />}>
      <p>{say(texts, 'go_on', { client })}</p>
      <p>
        <a class="button main" href={href}>
          {say(texts, 'go_on_link', { client })}
        </a>
      </p>
    </Layout>
  )
}

/** What has just been done, above what is left. */
export function Done({ children }: { children: string | undefined }) {
  return children === undefined ? null : <Notice>{children}</Notice>
}
