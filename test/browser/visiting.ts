import { randomBytes } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import type { BrowserContextOptions, Page } from 'playwright-core'
import type { Client } from '../../shared/ledger/events.ts'
import { s256 } from '../../shared/tokens/pkce.ts'
import { freePorts } from '../support/commands.ts'
import { seeded } from '../support/kept-logs.ts'
import type { LedgerOptions, TestLedger } from '../support/ledger.ts'
import { GOOD, seededLogin } from '../support/passwords.ts'
import type { Credentials } from '../support/requests.ts'
import { type Application, startApplication } from './application.ts'
import { openWindow } from './browser.ts'

/** A ledger whose issuer is where browsers find it. */
export async function servedToBrowsers(): Promise<LedgerOptions> {
  const port = String(await freePorts(1))
  return { settings: { ISSUER: `http://127.0.0.1:${port}`, SERVE_PUBLIC_PORT: port } }
}

/** A person with a password, an application, and a window of a browser with one page. */
export type Visit = {
  ledger: TestLedger
  page: Page
  application: Application
  as: Credentials
  username: string
  verifier: string
  /** The authorization request of the application, as an address. */
  request: (over?: Record<string, string>) => string
  /** Whatever the browser complained about: a policy that was broken, a script that failed. */
  complaints: string[]
}

type Given = { client?: Partial<Client>; window?: BrowserContextOptions; redirect_uri?: string }

let count = 0

const READS = { name: 'read', includes: 'orders' }

/** Everything new but the ledger. The redirect URI is the application's `/cb` unless it is given. */
export async function visit(t: ExecutionContext, ledger: TestLedger, given: Given = {}): Promise<Visit> {
  await ledger.scope(READS.name, READS.includes)
  const application = await startApplication(t)
  const redirect_uri = given.redirect_uri ?? `${application.url}/cb`
  const made = given.client?.client_type === 'public' ? ledger.publicClient : ledger.client
  const as = await made({
    // A name is one client's.
    client_name: `Example application ${++count}`,
    grant_types: ['authorization_code', 'refresh_token'],
    redirect_uris: [redirect_uri],
    ...given.client,
  })
  const { username = '' } = await seededLogin(ledger)
  const verifier = randomBytes(32).toString('base64url')
  seeded(verifier)
  const asked = {
    ...{ response_type: 'code', client_id: as.client_id, redirect_uri, state: 'a state+/=' },
    ...{ code_challenge: s256(verifier), code_challenge_method: 'S256' },
  }
  const request = (over = {}) => `${ledger.url}/oauth2/auth?${new URLSearchParams({ ...asked, ...over }).toString()}`
  const { page, complaints } = await openPage(t, given.window)
  return { ledger, page, application, as, username, verifier, request, complaints }
}

/** A page of a new window, and what the browser complains about on it. */
export async function openPage(t: ExecutionContext, options: BrowserContextOptions = {}) {
  const page = await (await openWindow(t, options)).newPage()
  const complaints: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  page.setDefaultTimeout(40_000)
  return { page, complaints }
}

/** Types name and password on the page that is open, and sends them. */
export async function logIn({ page, username }: Pick<Visit, 'page' | 'username'>, password = GOOD): Promise<void> {
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Log in' }).click()
}

/** Presses a button, and resolves once the browser is where that led. */
export async function press(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).click()
}

/** The title of the page that is open. */
export function heading(page: Page): Promise<string> {
  return page.getByRole('heading', { level: 1 }).innerText()
}

/** What the application got for the code that arrived last. */
export async function exchanged({ ledger, application, as, verifier, request }: Visit) {
  const code = application.arrived.at(-1)?.['code'] ?? ''
  const redirect_uri = new URL(request()).searchParams.get('redirect_uri') ?? ''
  return ledger.post(
    '/oauth2/token',
    { grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier },
    { as },
  )
}
