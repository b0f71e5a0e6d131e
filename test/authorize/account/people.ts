import { randomUUID } from 'node:crypto'
import { type Ledger, startLedger } from '../../admin/ledger.ts'
import { type Browser, createBrowser, formOf, type Page, titleOf } from '../../support/cookie-jar.ts'
import { seeded } from '../../support/kept-logs.ts'
import { GOOD, mustSet, person } from '../../support/passwords.ts'
import { onceForFile } from '../../system/once-for-file.ts'

export const NEXT = 'the next one, which is longer'

/** One ledger for a file, with an administrator and the pages of people. */
export const ledgerWithPages = (settings: Record<string, string> = {}) =>
  onceForFile((t) => startLedger(t, { services: [...SERVICES], settings }))

export const SERVICES = ['token-endpoint', 'token-check', 'projector', 'admin', 'authorize'] as const

export type Somebody = { ledger: Ledger; sub: string; username: string }

/** A person with a password. */
export async function somebody(ledger: Ledger, password = GOOD): Promise<Somebody> {
  seeded(password, NEXT)
  const { sub, username } = await person(ledger, { username: `Somebody-${randomUUID()}` })
  await mustSet(ledger, sub, password)
  return { ledger, sub, username }
}

/** A browser in which this person is logged in. */
export async function loggedIn(who: Somebody, password = GOOD, url = who.ledger.url): Promise<Browser> {
  const browser = createBrowser(url)
  const page = await logIn(browser, who.username, password)
  if (titleOf(page.text) !== 'Your access') throw new Error(`not logged in: ${titleOf(page.text)}`)
  return browser
}

export async function logIn(browser: Browser, username: string, password: string): Promise<Page> {
  seeded(password)
  return browser.send(await browser.open('/account'), { username, password })
}

/** Which page this browser is shown there. */
export async function shownAt(browser: Browser, path: string): Promise<string> {
  return titleOf((await browser.open(path)).text)
}

/** The cookie of the session. */
export function sessionIn({ cookies }: Browser): string | undefined {
  return cookies.get('__Host-ledger-session')
}

/** All forms of a page, as `formOf` reads the first. */
export function formsOf(page: Page) {
  return page.text
    .split('<form ')
    .slice(1)
    .map((text) => formOf({ ...page, text: `<form ${text}` }))
}

/** What the page says has been done. */
export function doneOn({ text }: Page): string | undefined {
  return /role="status">([^<]*)</.exec(text)?.[1]
}
