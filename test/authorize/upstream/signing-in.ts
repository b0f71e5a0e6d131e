import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import { type Ledger, startLedger } from '../../admin/ledger.ts'
import { seeded } from '../../support/kept-logs.ts'
import type { Browser, Page } from '../../support/cookie-jar.ts'
import { type FakeProvider, startFakeProvider } from './fake-provider.ts'

/** A ledger that takes logins of two providers, of which `example` does what a test tells it. */
export type Signing = { ledger: Ledger; fake: FakeProvider }

type Options = { settings?: Record<string, string>; example?: object; others?: Record<string, object> }

/** What is written of a provider. */
export function clientAt(issuer: string, over: object = {}): object {
  const client_secret = randomBytes(32).toString('base64url')
  seeded(client_secret)
  return { issuer, client_id: 'ledger', client_secret, label: 'Example', ...over }
}

export async function startSigning(
  t: Pick<ExecutionContext, 'teardown'>,
  { settings = {}, example = {}, others = {} }: Options = {},
): Promise<Signing> {
  const fake = await startFakeProvider()
  t.teardown(() => fake.close())
  const folder = await mkdtemp(join(tmpdir(), 'providers-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'providers.json')
  await writeFile(file, JSON.stringify({ example: clientAt(fake.issuer, example), ...others }))
  const ledger = await startLedger(t, {
    services: ['token-endpoint', 'projector', 'admin', 'authorize'],
    settings: { UPSTREAM_PROVIDERS: file, ...settings },
  })
  return { ledger, fake }
}

/** Where the browser comes back to, once this person has logged in at the provider that it was sent to. */
export function backFrom(fake: FakeProvider, { location }: Page, person: { sub: string; [claim: string]: unknown }) {
  if (!location?.startsWith(fake.issuer)) throw new Error(`sent to ${location ?? 'nowhere'}`)
  const query = fake.comeBack(location, person)
  seeded(new URLSearchParams(query).get('code'))
  return `/login/with/example/callback?${query}`
}

let counted = 0

/** Somebody at the provider, whom nobody else is. */
export function stranger(over: { [claim: string]: unknown } = {}) {
  const name = `person-${(counted += 1)}-of-example`
  const email = `${name}@example.com`
  seeded(`${name}-sub`, email)
  const person: Person = { sub: `${name}-sub`, preferred_username: name, name: 'Ada L.', email, email_verified: true }
  return { ...person, ...over }
}

export type Person = { sub: string; preferred_username: string; email: string; [claim: string]: unknown }

/** Presses the button on a login page. */
export function press(browser: Browser, page: Page): Promise<Page> {
  return browser.send(page, { provider: 'example', username: '', password: '' })
}

/** Presses it, and comes back. */
export async function through({ fake }: Signing, browser: Browser, page: Page, person: Person): Promise<Page> {
  return browser.open(backFrom(fake, await press(browser, page), person))
}

/** Has a user log in with this account there from now on. */
export async function link({ ledger, fake }: Signing, sub: string, upstreamSub: string): Promise<void> {
  const body = { issuer: fake.issuer, sub: upstreamSub }
  const { status } = await ledger.send('POST', `/admin/users/${sub}/external/link`, { token: ledger.root, body })
  if (status !== 200) throw new Error(`not linked: ${status}`)
}

/** What a page tells of what went wrong. */
export const alertIn = ({ text }: Page) => /role="alert"[^>]*>([^<]*)</.exec(text)?.[1]
