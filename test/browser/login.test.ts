// A person's way to an application through a real browser, on a real service.
import type { Page } from 'playwright-core'
import { GOOD } from '../support/passwords.ts'
import { sharedLedger } from '../support/ledger.ts'
import { until } from '../support/waiting.ts'
import { startApplication } from './application.ts'
import { accessibilityProblems, browserTest, overflowing, screenshot, tabOrder } from './browser.ts'
import { exchanged, heading, logIn, openPage, press, servedToBrowsers, visit } from './visiting.ts'

const ledgerOfAll = sharedLedger(servedToBrowsers)

const LOGIN = 'Log in'
const CONSENT = 'Allow access?'

for (const javaScriptEnabled of [true, false])
  browserTest(
    `traps-people 11, 18: from an application of another site through login and consent and back, ${javaScriptEnabled ? 'with' : 'without'} JavaScript; the second time nobody is asked`,
    async (t) => {
      const on = await visit(t, await ledgerOfAll(), { window: { javaScriptEnabled } })
      const { page, application, request } = on
      const start = `${application.url}/start?${request()}`
      await page.goto(start)
      await page.getByRole('link').click()
      t.is(await heading(page), LOGIN)
      await logIn(on)
      t.is(await heading(page), CONSENT)
      await press(page, 'Allow')
      t.is(await heading(page), 'You are back')
      const { code, ...rest } = application.arrived[0] ?? {}
      t.deepEqual(rest, { state: 'a state+/=', iss: on.ledger.url })
      const { status, body } = await exchanged(on)
      t.deepEqual([status, body['scope']], [200, 'read write'])
      // The session's cookie comes along from another site; a strict one would not.
      await page.goto(start)
      await page.getByRole('link').click()
      t.is(await heading(page), 'You are back')
      t.not(application.arrived[1]?.['code'], code)
      t.deepEqual(on.complaints, [])
    },
  )

browserTest('each real page is in order: light and dark, on a phone and at a desk, by axe and by Tab', async (t) => {
  const on = await visit(t, await ledgerOfAll())
  const { page, request } = on
  const inOrder = async (name: string, order: string[]) => {
    for (const colorScheme of ['light', 'dark'] as const)
      for (const width of [320, 1280]) {
        await page.emulateMedia({ colorScheme })
        await page.setViewportSize({ width, height: 800 })
        t.deepEqual(await overflowing(page), [], `${name} ${width}`)
        t.deepEqual(await accessibilityProblems(page), [], `${name} ${colorScheme} ${width}`)
        await screenshot(page, `real-${name}-${colorScheme}-${width}`)
      }
    t.deepEqual(await tabOrder(page), order, name)
  }
  await page.goto(request())
  await inOrder('login', ['username', 'password', LOGIN])
  await logIn(on, 'wrong')
  await inOrder('login-wrong', ['username', 'password', LOGIN])
  await logIn(on)
  await inOrder('consent', ['scope_0', 'scope_1', 'Allow', 'Deny', 'Log in as somebody else'])
  await page.goto(`${on.ledger.url}/oauth2/auth?client_id=nobody`)
  await inOrder('error', [])
})

browserTest('by the keyboard alone, on a phone: Tab, Enter and Space are enough', async (t) => {
  const on = await visit(t, await ledgerOfAll(), { window: { viewport: { width: 320, height: 640 } } })
  const { page, application, request, username } = on
  await page.goto(request())
  // The first field has the focus, a moment after the page is there.
  await page.locator('#username:focus').waitFor()
  await page.keyboard.type(username)
  await page.keyboard.press('Tab')
  await page.keyboard.type(GOOD)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: CONSENT }).waitFor()
  await page.getByRole('checkbox').first().focus()
  await page.keyboard.press('Space')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Tab')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'You are back' }).waitFor()
  t.is((await exchanged(on)).body['scope'], 'write')
  t.is(application.arrived.length, 1)
})

browserTest('a wrong password and an unknown name read alike; so do both once they are locked out', async (t) => {
  const ledger = await ledgerOfAll()
  const on = await visit(t, ledger)
  const { page, request } = on
  const told: Record<string, string[]> = {}
  for (const username of [on.username, 'nobody-of-this-name']) {
    const said = new Set<string>()
    await page.goto(request())
    for (let tries = 0; tries < 12; tries++) {
      await logIn({ page, username }, 'not it')
      t.is(await page.getByLabel('User name').inputValue(), username, 'the name stays')
      t.is(await page.getByLabel('Password').inputValue(), '')
      said.add(await page.getByRole('alert').innerText())
    }
    told[username] = [...said]
  }
  t.deepEqual(told[on.username], told['nobody-of-this-name'])
  t.deepEqual(told[on.username], [
    'This user name and password do not belong together.',
    'Too many wrong passwords for this user name. Wait a while, then try again.',
  ])
  await logIn(on)
  t.is(await heading(page), LOGIN, 'the right one is locked out too')
  t.deepEqual(await accessibilityProblems(page), [])
  const other = await visit(t, ledger)
  await other.page.goto(other.request())
  await logIn(other)
  t.is(await heading(other.page), CONSENT, 'and nobody else is')
})

browserTest(
  'a scope whose tick is taken off is not granted; a person who denies is told to the application',
  async (t) => {
    const on = await visit(t, await ledgerOfAll())
    const { page, application, request } = on
    await page.goto(request())
    await logIn(on)
    await page.getByRole('checkbox').nth(1).uncheck()
    await press(page, 'Allow')
    t.is(await heading(page), 'You are back')
    t.is((await exchanged(on)).body['scope'], 'read')
    await page.goto(request())
    t.is(await heading(page), CONSENT, 'what was not granted is asked for again')
    await press(page, 'Deny')
    t.is(await heading(page), 'You are back')
    t.like(application.arrived.at(-1), { error: 'access_denied', state: 'a state+/=', iss: on.ledger.url })
    t.deepEqual(on.complaints, [])
  },
)

browserTest('traps-people 12: Approve and Deny arrive at http://[::1], which no form-action can name', async (t) => {
  const there = await startApplication(t, { host: '[::1]' })
  const on = await visit(t, await ledgerOfAll(), { redirect_uri: `${there.url}/cb` })
  for (const button of ['Deny', 'Allow']) {
    await on.page.goto(on.request())
    if ((await heading(on.page)) === LOGIN) await logIn(on)
    await press(on.page, button)
    t.is(await heading(on.page), 'You are back')
  }
  t.deepEqual(
    there.arrived.map((answer) => Object.keys(answer)[0]),
    ['error', 'code'],
  )
  t.deepEqual(on.complaints, [])
})

browserTest(
  'traps-people 11, 14: an app of the device is opened by itself and by a link, also by a callback that goes on to it',
  async (t) => {
    const ledger = await ledgerOfAll()
    const app = await visit(t, ledger, { redirect_uri: 'com.example.app:/cb' })
    const opened = handedOver(app.page)
    await app.page.goto(app.request())
    await logIn(app)
    await press(app.page, 'Allow')
    t.is(await heading(app.page), 'Going back')
    const link = app.page.getByRole('link', { name: /^Go back to Example application/ })
    const href = (await link.getAttribute('href')) ?? ''
    t.regex(href, /^com\.example\.app:\/cb\?code=\S+&state=a%20state/)
    await until(() => opened.length === 1, 'an app that is opened by itself')
    await link.click()
    await until(() => opened.length === 2, 'an app that is opened by a tap')
    t.deepEqual(opened, [href, href])
    t.deepEqual(await accessibilityProblems(app.page), [])
    await screenshot(app.page, 'real-go-on')
    t.deepEqual(app.complaints, [])

    const onward = await visit(t, ledger)
    const openedThere = handedOver(onward.page)
    const redirect_uri = `${onward.application.url}/onward`
    await ledger.changeClient(onward.as, { redirect_uris: [redirect_uri] })
    await onward.page.goto(onward.request({ redirect_uri }))
    await logIn(onward)
    await press(onward.page, 'Allow')
    await until(() => openedThere.length > 0, 'an app that a callback opens')
    t.regex(openedThere[0] ?? '', /^com\.example\.app:\/cb\?code=/)
    t.deepEqual(onward.complaints, [])
  },
)

/** What the page gives to an app of the device: a request that the browser ends itself, which none forbids. */
function handedOver(page: Page): string[] {
  const opened: string[] = []
  page.on('requestfailed', (request) => {
    const isApps = request.url().startsWith('com.example.app:')
    if (isApps && request.failure()?.errorText === 'net::ERR_ABORTED') opened.push(request.url())
  })
  return opened
}

browserTest(
  'traps-people 19: the user name comes first, and password managers are told which field is which',
  async (t) => {
    const { page } = await openPage(t)
    await page.goto(`${(await ledgerOfAll()).url}/login`)
    const fields = await page.evaluate(() =>
      [...document.querySelectorAll('input:not([type=hidden])')].map((one) => one.getAttribute('autocomplete')),
    )
    t.deepEqual(fields, ['username', 'current-password'])
  },
)
