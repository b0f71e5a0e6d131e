import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { passwordSettingOf, requirePasswords } from '../../shared/process/runtime.ts'
import { NO_VIEW } from '../../shared/read-model/commit/commit.ts'
import { setPassword } from '../../shared/read-model/passwords/set-password.ts'
import { generateClientSecret, hashClientSecret } from '../../shared/tokens/client-secret.ts'
import { s256 } from '../../shared/tokens/pkce.ts'
import { client as defaultClient } from '../../test/ledger/given.ts'
import { createBrowser, type Page } from '../../test/support/cookie-jar.ts'
import { basic } from '../../test/support/requests.ts'
import type { Subject } from '../subject.ts'

const ACTOR = { actor: 'system/bench' }
const REDIRECT_URI = 'https://app.example/callback'
const USERNAME = 'somebody'
const VERIFIER = randomBytes(32).toString('base64url')

/** Somebody with a password, and an application that sends people to the login. */
export type Person = { url: string; request: string; authorization: string; password: string }

/** Puts both on the subject's ledger. */
export async function createPerson({ runtime, keys, port }: Subject): Promise<Person> {
  const secret = generateClientSecret()
  const client = defaultClient({
    ...{ client_id: 'bench-pages', client_name: 'An application', scope: 'orders.read orders.approve' },
    ...{ grant_types: ['authorization_code', 'refresh_token'], redirect_uris: [REDIRECT_URI] },
    secret: hashClientSecret(keys, secret),
  })
  await runtime.commit({ type: 'ClientRegistered', data: { revision: 1, client } }, ACTOR, NO_VIEW)
  const personal = { username: USERNAME, name: 'Somebody', email: 'somebody@example.com' }
  const user = await runtime.people.seal({ sub: 'bench-person', groups: [], enabled: true, personal })
  await runtime.commit({ type: 'UserPut', data: { revision: 1, user } }, ACTOR, NO_VIEW)
  const password = generateClientSecret()
  const hashed = await requirePasswords(runtime).hash(password)
  await setPassword(passwordSettingOf(runtime), { sub: user.sub, hashed, context: ACTOR }, () => Promise.resolve())
  const asked = {
    ...{ response_type: 'code', client_id: client.client_id, redirect_uri: REDIRECT_URI, state: 'a state' },
    ...{ code_challenge: s256(VERIFIER), code_challenge_method: 'S256', prompt: 'consent' },
  }
  const request = `/oauth2/auth?${new URLSearchParams(asked).toString()}`
  const authorization = basic(`${client.client_id}:${secret}`)
  return { url: `http://127.0.0.1:${port}`, request, authorization, password }
}

/** Logs in in a new browser, which then shows the consent page. */
export async function logIn({ url, request, password }: Person) {
  const browser = createBrowser(url)
  const consent = await browser.send(await browser.open(request), { username: USERNAME, password })
  if (consent.status !== 200) throw new Error(`the login was answered ${consent.status}`)
  return { browser, consent }
}

/** A whole way to the tokens: two pages, login, consent, exchange. Answers how many ms it took. */
export async function wholeFlow(person: Person): Promise<number> {
  const started = performance.now()
  const { browser, consent } = await logIn(person)
  const code = codeIn(await browser.send(consent, { decision: 'approve' }))
  const form = { grant_type: 'authorization_code', code, redirect_uri: REDIRECT_URI, code_verifier: VERIFIER }
  const { status } = await fetch(`${person.url}/oauth2/token`, {
    method: 'POST',
    headers: { authorization: person.authorization },
    body: new URLSearchParams(form),
  })
  if (status !== 200) throw new Error(`the code was answered ${status}`)
  return performance.now() - started
}

function codeIn({ location, status }: Page): string {
  const code = location === null ? null : new URL(location).searchParams.get('code')
  if (code === null) throw new Error(`the consent was answered ${status}`)
  return code
}

/** Logs in this often a second until `ended`, whatever the answers take. Answers how many succeeded. */
export async function keepLoggingIn(person: Person, perSecond: number, ended: Promise<unknown>): Promise<number> {
  let going = true
  let done = 0
  const logins: Promise<void>[] = []
  const stopped = ended.finally(() => (going = false))
  while (going) {
    logins.push(logIn(person).then(() => void done++))
    await pause(1_000 / perSecond)
  }
  await Promise.all([stopped, ...logins])
  return done
}
