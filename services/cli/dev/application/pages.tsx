/** @jsxRuntime automatic @jsxImportSource preact */
import type { ComponentChildren } from 'preact'
import { Layout } from '../../../../shared/pages/layout.tsx'
import type { Site } from '../../../../shared/pages/site.ts'

/** What came of a login: the tokens, what a check says of them, and how to go on. */
export type Arrived = {
  access_token: string
  refresh_token: string | undefined
  scope: string
  checks: readonly { resource: string; allowed: boolean; reason: string }[]
  /** Tells the life of the grant. */
  command: string
}

export type LoginOf = { username: string; password: string | undefined }

/** Where the demo begins. */
export function StartPage({ site, username, password }: LoginOf & { site: Site }) {
  return (
    <Layout site={site} title="Orders of Alice">
      <p class="lead">This is an application. It may show orders once a person allows it.</p>
      <p>
        Log in as <strong>{username}</strong>
        {password !== undefined && (
          <>
            , password <code>{password}</code>
          </>
        )}
        .
      </p>
      <Onward href="/login">Log in with token-ledger</Onward>
    </Layout>
  )
}

/** The tokens that arrived. */
export function TokensPage({ site, arrived, account }: { site: Site; arrived: Arrived; account: string }) {
  const { access_token, refresh_token, scope, checks, command } = arrived
  return (
    <Layout site={site} title="The tokens arrived" wide>
      <p class="lead">
        The code that the browser brought was exchanged for them. A real application shows them to nobody.
      </p>
      <dl>
        <Told name="Access token">{access_token}</Told>
        {refresh_token !== undefined && <Told name="Refresh token">{refresh_token}</Told>}
        <Told name="Scope">{scope || '–'}</Told>
      </dl>
      <h2>What a resource server is told of them</h2>
      <dl>
        {checks.map(({ resource, allowed, reason }) => (
          <Told key={resource} name={resource}>
            {allowed ? 'allowed' : 'refused'}: {reason}
          </Told>
        ))}
      </dl>
      <h2>What the log tells of the grant</h2>
      <p>
        <code>{command}</code>
      </p>
      <div class="buttons">
        <a class="button main" href="/login">
          Once more
        </a>
        <a class="button plain" href={account}>
          End the access
        </a>
      </div>
    </Layout>
  )
}

/** A login that came to nothing, and why. */
export function FailedPage({ site, reason }: { site: Site; reason: string }) {
  return (
    <Layout site={site} title="No tokens arrived">
      <p>{reason}</p>
      <Onward href="/login">Try again</Onward>
    </Layout>
  )
}

function Onward({ href, children }: { href: string; children: ComponentChildren }) {
  return (
    <p>
      <a class="button main" href={href}>
        {children}
      </a>
    </p>
  )
}

function Told({ name, children }: { name: string; children: ComponentChildren }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>
        <code>{children}</code>
      </dd>
    </>
  )
}
