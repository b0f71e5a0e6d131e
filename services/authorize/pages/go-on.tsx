/** @jsxRuntime automatic @jsxImportSource preact */
import { Layout } from '../../../shared/pages/layout.tsx'
import { say } from '../../../shared/pages/say.tsx'
import type { Site } from '../../../shared/pages/site.ts'

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
