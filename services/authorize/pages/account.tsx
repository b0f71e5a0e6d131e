/** @jsxRuntime automatic @jsxImportSource preact */
import type { ComponentChildren } from 'preact'
import type { Texts } from '../../../shared/appearance/texts.ts'
import { Layout } from '../../../shared/pages/layout.tsx'
import type { Site } from '../../../shared/pages/site.ts'
import { Done } from './message.tsx'

type Tab = 'access' | 'sessions' | 'password' | 'logins' | 'logout'

/** Where the pages of an account stand; one that is not there has none. */
export type AccountLinks = Readonly<Partial<Record<Tab, string>>>

export type AccountProps = { site: Site; links: AccountLinks; done?: string | undefined }

type Props = AccountProps & {
  here: Tab
  title: string
  hasProblem?: boolean
  children: ComponentChildren
}

/** A page of one's own account, with the way to the others. */
export function Account({ site, links, here, title, hasProblem = false, done, children }: Props) {
  const tabs = <Tabs texts={site.texts} links={links} here={here} />
  return (
    <Layout site={site} title={title} hasProblem={hasProblem} wide before={tabs}>
      <Done>{done}</Done>
      {children}
    </Layout>
  )
}

function Tabs({ texts, links, here }: { texts: Texts; links: AccountLinks; here: Tab }) {
  const names = Object.keys(links) as Tab[]
  return (
    <nav class="tabs" aria-label={texts.account}>
      <ul>
        {names.map((name) => (
          <li key={name}>
            <a href={links[name] ?? ''} {...(name === here && { 'aria-current': 'page' })}>
              {texts[`account_${name}`]}
            </a>
          </li>
        ))}
      </ul>
    </nav>
  )
}

/** A moment in the words of the language. Without a script nobody knows where the reader is: UTC, and it says so. */
export function Moment({ texts, at }: { texts: Texts; at: Date }) {
  return <time datetime={at.toISOString()}>{momentText(texts, at)}</time>
}

/** The same as text. */
export function momentText({ language }: Texts, at: Date): string {
  const form = { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' } as const
  return `${new Intl.DateTimeFormat(language, form).format(at)} UTC`
}
