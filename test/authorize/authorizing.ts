import { randomBytes } from 'node:crypto'
import type { Client } from '../../shared/ledger/events.ts'
import { s256 } from '../../shared/tokens/pkce.ts'
import { CALLBACK, CODE_CLIENT } from '../support/codes.ts'
import { type Browser, createBrowser, type Page } from '../support/cookie-jar.ts'
import { seeded } from '../support/kept-logs.ts'
import type { TestLedger } from '../support/ledger.ts'
import { GOOD, seededLogin } from '../support/passwords.ts'
import type { Credentials } from '../support/requests.ts'

type Ledger = Omit<TestLedger, 'send'>

/** A client and a person who has a browser. */
export type Scene = { ledger: Ledger; as: Credentials; username: string; browser: Browser; verifier: string }

/** A new client for codes, and a new user with the password GOOD, on this ledger. */
export async function scene(ledger: Ledger, over: Partial<Client> = {}): Promise<Scene> {
  const made = over.client_type === 'public' ? ledger.publicClient : ledger.client
  const as = await made({ ...CODE_CLIENT, ...over })
  const { username = '' } = await seededLogin(ledger)
  const verifier = randomBytes(32).toString('base64url')
  seeded(verifier)
  return { ledger, as, username, browser: createBrowser(ledger.url), verifier }
}

type Asked = Record<string, string | undefined>

/** The authorization request of this client, as a query. */
export function queryOf({ as, verifier }: Pick<Scene, 'as' | 'verifier'>, over: Asked = {}): string {
  const asked: Asked = {
    response_type: 'code',
    client_id: as.client_id,
    redirect_uri: CALLBACK,
    state: 'the state',
    code_challenge: s256(verifier),
    code_challenge_method: 'S256',
    ...over,
  }
  const sent = Object.entries(asked).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))
  return new URLSearchParams(Object.fromEntries(sent) as Record<string, string>).toString()
}

/** Opens the authorization endpoint in the browser. */
export function ask(on: Scene, over: Asked = {}): Promise<Page> {
  return on.browser.open(`/oauth2/auth?${queryOf(on, over)}`)
}

/** Sends the login page that is open. */
export function logIn({ browser, username }: Scene, page: Page, password = GOOD): Promise<Page> {
  return browser.send(page, { username, password })
}

/** Sends the consent page that is open; scopes to leave out are given as `scope_0: ''`. */
export function approve({ browser }: Scene, page: Page, unticked: Record<string, string> = {}): Promise<Page> {
  return browser.send(page, { decision: 'approve', ...unticked })
}

/** A whole way to the client, from the first request. */
export async function authorizeIn(on: Scene, over: Asked = {}): Promise<Page> {
  return approve(on, await logIn(on, await ask(on, over)))
}

/** The exchange of a code. */
export function exchangeOf(
  { ledger, as, verifier }: Scene,
  code: string | null,
  redirect_uri: string | null = CALLBACK,
) {
  const form = { grant_type: 'authorization_code', code: code ?? '', code_verifier: verifier }
  return ledger.post('/oauth2/token', { ...form, ...(redirect_uri !== null && { redirect_uri }) }, { as })
}
