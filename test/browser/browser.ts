import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const PROGRAM = ['/usr/bin/chromium', '/usr/bin/chromium-browser'].find((path) => existsSync(path))

/**
 * `test` for what needs a real browser, Debian's chromium: skipped, visibly, where there is none. With CI=true the
 * test runs and fails. One after the other: a browser is several processes.
 */
export const browserTest: (title: string, body: (t: ExecutionContext) => Promise<void>) => void =
  PROGRAM !== undefined || process.env['CI'] === 'true'
    ? (title, body) => test.serial(title, body)
    : (title, body) => test.skip(`${title} (needs chromium)`, body)

let started: Promise<Browser> | undefined

test.after.always(async () => {
  await (await started)?.close()
})

/** A browser window of its own, with its own cookies, gone when the test ends. One Chromium serves a whole file. */
export async function openWindow(t: ExecutionContext, options: BrowserContextOptions = {}): Promise<BrowserContext> {
  if (PROGRAM === undefined) throw new Error('chromium is not installed')
  // Chromium's own sandbox does not work for root, nor within most containers.
  started ??= chromium.launch({ executablePath: PROGRAM, args: ['--no-sandbox', '--disable-gpu'] })
  const window = await (await started).newContext({ reducedMotion: 'reduce', ...options })
  t.teardown(() => window.close())
  return window
}

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** The rules of WCAG 2.2 A and AA, and what axe calls best practice, that a page breaks: `rule: element`. */
export async function accessibilityProblems(page: Page, only: readonly string[] = TAGS): Promise<string[]> {
  // By the debugger, so that no policy of the page is in its way. It needs JavaScript, which no page of ours does.
  const asked = JSON.stringify({ runOnly: only, resultTypes: ['violations'] })
  return page.evaluate<string[]>(`window.axe || (() => { ${axe} })()
    axe.run(${asked}).then(({ violations }) =>
      violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => id + ': ' + html)))`)
}

/** Elements that reach out of the window at its side. */
export function overflowing(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('body *')]
      .filter((element) => {
        const { left, right, width } = element.getBoundingClientRect()
        return width > 1 && (right > document.documentElement.clientWidth + 0.5 || left < -0.5)
      })
      .map(({ outerHTML }) => outerHTML.slice(0, 120)),
  )
}

/** What the Tab key reaches, in its order, from the top of the page: names of fields, words on links and buttons. */
export async function tabOrder(page: Page): Promise<string[]> {
  const order: string[] = []
  // From the top, also where a field had the focus.
  await page.evaluate(() => {
    document.body.tabIndex = -1
    document.body.focus()
    document.body.removeAttribute('tabindex')
  })
  for (;;) {
    await page.keyboard.press('Tab')
    const reached = await page.evaluate(() => {
      const element = document.activeElement
      if (!element || element === document.body) return null
      const isField = element instanceof HTMLInputElement
      return isField ? element.name : (element.textContent ?? '')
    })
    if (reached === null || order.length > 50) return order
    order.push(reached)
  }
}

/** Keeps a picture of the page in the folder of TEST_SCREENSHOTS, where one is set. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env['TEST_SCREENSHOTS']
  if (!folder) return
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true })
}
