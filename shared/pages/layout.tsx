/** @jsxRuntime automatic @jsxImportSource preact */
import type { ComponentChildren, VNode } from 'preact'
import { say } from './say.tsx'
import type { Site } from './site.ts'

export type LayoutProps = {
  site: Site
  title: string
  /** The title of the window says so, which is what a screen reader reads first. */
  hasProblem?: boolean
  /** For lists; a form reads better in a narrow card. */
  wide?: boolean
  /** Above the title. */
  before?: VNode | undefined
  /** In `head`. */
  head?: VNode | undefined
  children: ComponentChildren
}

/** A whole document: the service's name, a card with its title, the footer. Nothing in it needs a script. */
export function Layout({ site, title, hasProblem = false, wide = false, before, head, children }: LayoutProps) {
  const { texts } = site
  const named = hasProblem ? say(texts, 'title_with_problem', { title }) : title
  return (
    <html lang={texts.language} dir={texts.direction === 'rtl' ? 'rtl' : 'ltr'}>
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>{`${named} · ${site.title}`}</title>
        <link rel="icon" href={site.icon} />
        <link rel="stylesheet" href={site.stylesheet} />
        {head}
      </head>
      <body>
        <div class={wide ? 'sheet wide' : 'sheet'}>
          <Masthead site={site} />
          <main class="card">
            {before}
            <h1>{title}</h1>
            {children}
          </main>
          {site.footer !== undefined && <footer>{site.footer}</footer>}
        </div>
      </body>
    </html>
  )
}

function Masthead({ site }: { site: Site }) {
  return (
    <header class="masthead">
      {site.logo !== undefined && <img src={site.logo} alt="" />}
      <p class="service">{site.title}</p>
    </header>
  )
}
