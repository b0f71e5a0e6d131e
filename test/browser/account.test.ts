// The pages of one's own account in a real browser: access, sessions, password, logout.
import { GOOD } from '../support/passwords.ts'
import { seeded } from '../support/kept-logs.ts'
import { sharedLedger } from '../support/ledger.ts'
import { startApplication } from './application.ts'
import { accessibilityProblems, browserTest, openWindow, overflowing, screenshot } from './browser.ts'
import { exchanged, heading, logIn, press, servedToBrowsers, visit, type Visit } from './visiting.ts'

const ledgerOfAll = sharedLedger(servedToBrowsers)

const NEW_PASSWORD = 'a staple and three horses'

/** Somebody who allowed the application what it asked for; gives its refresh token. */
async function allowed(on: Visit): Promise<string> {
  await on.page.goto(on.request())
  await logIn(on)
  await press(on.page, 'Allow')
  await on.page.getByRole('heading', { name: 'You are back' }).waitFor()
  return String((await exchanged(on)).body['refresh_token'])
}

async function refreshOf({ ledger, as }: Visit, refresh_token: string): Promise<number> {
  return (await ledger.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, { as })).status
}

/** The same person in another browser. */
async function elsewhere(t: Parameters<typeof openWindow>[0], on: Visit, path: string): Promise<Visit> {
  const other = { ...on, page: await (await openWindow(t)).newPage() }
  await other.page.goto(`${on.ledger.url}${path}`)
  await logIn(other)
  return other
}

for (const javaScriptEnabled of [true, false])
  browserTest(
    `your access names the application and ends it, ${javaScriptEnabled ? 'with' : 'without'} JavaScript; logging out ends no access`,
    async (t) => {
      const on = await visit(t, await ledgerOfAll(), { window: { javaScriptEnabled } })
      const { page, ledger } = on
      const refresh_token = await allowed(on)
      await page.goto(`${ledger.url}/account`)
      t.is(await heading(page), 'Your access')
      t.regex(await page.locator('main').innerText(), /Example application \d+\s+May use\s+read\s+write\s+Since/)
      await page.getByRole('link', { name: 'Log out' }).click()
      await press(page, 'Log out')
      t.is(await heading(page), 'You are logged out')
      t.is(await refreshOf(on, refresh_token), 200)
      await page.goBack()
      await page.goto(`${ledger.url}/account`)
      t.is(await heading(page), 'Log in')
      await logIn(on)
      t.is(await heading(page), 'Your access')
      await page.getByRole('button', { name: /^End the access of Example application/ }).click()
      t.regex(await page.getByRole('status').innerText(), /^The access of Example application \d+ has ended\.$/)
      t.regex(await page.locator('main').innerText(), /No application holds access on your behalf/)
      t.is(await refreshOf(on, refresh_token), 400)
      // What was ended is forgotten: the application has to ask again.
      await page.goto(on.request())
      t.is(await heading(page), 'Allow access?')
      t.deepEqual(on.complaints, [])
    },
  )

browserTest('each page of the account is in order, light and dark, on a phone and at a desk', async (t) => {
  const on = await visit(t, await ledgerOfAll())
  const { page, ledger } = on
  await allowed(on)
  await elsewhere(t, on, '/account')
  for (const path of ['', '/sessions', '/password', '/logout']) {
    await page.goto(`${ledger.url}/account${path}`)
    for (const colorScheme of ['light', 'dark'] as const)
      for (const width of [320, 1280]) {
        await page.emulateMedia({ colorScheme })
        await page.setViewportSize({ width, height: 800 })
        t.deepEqual(await overflowing(page), [], `${path} ${width}`)
        t.deepEqual(await accessibilityProblems(page), [], `${path} ${colorScheme} ${width}`)
        await screenshot(page, `real-account${path.replace('/', '-')}-${colorScheme}-${width}`)
      }
  }
  t.deepEqual(on.complaints, [])
})

browserTest('your sessions lists both browsers, and ends the other one', async (t) => {
  const on = await visit(t, await ledgerOfAll())
  const { page, ledger } = on
  await page.goto(`${ledger.url}/account/sessions`)
  await logIn(on)
  const other = await elsewhere(t, on, '/account')
  t.is(await heading(other.page), 'Your access')
  await page.reload()
  t.deepEqual(await page.getByRole('heading', { level: 2 }).allInnerTexts(), ['This browser', 'Another browser'])
  await press(page, 'End all others')
  t.is(await page.getByRole('status').innerText(), 'All other sessions have ended.')
  await other.page.reload()
  t.is(await heading(other.page), 'Log in')
  await page.goto(`${ledger.url}/account`)
  t.is(await heading(page), 'Your access', 'this one goes on')
})

browserTest(
  'traps-people 19: a change of the password ends older sessions and all access; this browser goes on',
  async (t) => {
    seeded(NEW_PASSWORD)
    const on = await visit(t, await ledgerOfAll())
    const { page, ledger } = on
    const refresh_token = await allowed(on)
    const other = await elsewhere(t, on, '/account')
    await page.goto(`${ledger.url}/account/password`)
    const order = await page.evaluate(() =>
      [...document.querySelectorAll('input:not([type=hidden])')].map((one) => one.getAttribute('autocomplete')),
    )
    t.deepEqual(order, ['username', 'current-password', 'new-password', 'new-password'])
    const change = async (current: string) => {
      await page.getByLabel('Current password').fill(current)
      await page.getByLabel('New password', { exact: true }).fill(NEW_PASSWORD)
      await page.getByLabel('New password, once more').fill(NEW_PASSWORD)
      await press(page, 'Change the password')
    }
    await change('not it')
    t.is(await page.getByRole('alert').innerText(), 'The current password is not right.')
    await change(GOOD)
    t.is(await page.getByRole('status').innerText(), 'Your password is changed.')
    t.is(await refreshOf(on, refresh_token), 400)
    await other.page.reload()
    t.is(await heading(other.page), 'Log in')
    await logIn(other, GOOD)
    t.is(await other.page.getByRole('alert').innerText(), 'This user name and password do not belong together.')
    await logIn(other, NEW_PASSWORD)
    t.is(await heading(other.page), 'Your access')
    await page.goto(`${ledger.url}/account`)
    t.is(await heading(page), 'Your access')
  },
)

browserTest('other sites end no access, no session and no login: their posts come without the cookie', async (t) => {
  const on = await visit(t, await ledgerOfAll())
  const { page, ledger } = on
  const refresh_token = await allowed(on)
  for (const path of ['', '/sessions', '/logout']) {
    await page.goto(`${ledger.url}/account${path}`)
    const fields = await page.evaluate(() =>
      [...document.querySelectorAll('input[type=hidden]')].map(({ outerHTML }) => outerHTML).join(''),
    )
    const others = path === '/sessions' ? '<input name="others" value="end">' : ''
    const form = `<form method="post" action="${ledger.url}/account${path}">${fields}${others}</form>`
    const evil = await startApplication(t, { pages: { '/': `${form}<script>document.forms[0].submit()</script>` } })
    await page.goto(evil.url)
    await page.waitForURL(`${ledger.url}/**`)
    await page.goto(`${ledger.url}/account`)
    t.is(await heading(page), 'Your access', path)
  }
  t.is(await refreshOf(on, refresh_token), 200)
})
