// What people do with browsers: several tabs, Back, two clicks, a page that was left open.
import type { Page } from 'playwright-core'
import { GOOD } from '../support/passwords.ts'
import { sharedLedger } from '../support/ledger.ts'
import { browserTest } from './browser.ts'
import { exchanged, heading, logIn, press, servedToBrowsers, visit, type Visit } from './visiting.ts'

const ledgerOfAll = sharedLedger(servedToBrowsers)

const LOGIN = 'Log in'
const CONSENT = 'Allow access?'
const BACK = 'You are back'

const typed = async ({ page, username }: Pick<Visit, 'page' | 'username'>) => {
  await page.getByLabel('User name').fill(username)
  await page.getByLabel('Password').fill(GOOD)
}

/** Two clicks before the answer to the first is there. */
const twice = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).dblclick()

browserTest('traps-people 16: ten tabs wait at the login; they finish in any order, each with its state', async (t) => {
  const on = await visit(t, await ledgerOfAll())
  const tabs = await Promise.all(
    Array.from({ length: 10 }, async (_, at) => {
      const page = at === 0 ? on.page : await on.page.context().newPage()
      await page.goto(on.request({ state: `tab ${at}` }))
      return { at, page }
    }),
  )
  const order = [7, 2, 9, 0]
  for (const at of order) {
    const tab = { ...on, page: tabs[at]?.page ?? on.page }
    t.is(await heading(tab.page), LOGIN)
    await logIn(tab)
    if ((await heading(tab.page)) === CONSENT) await press(tab.page, 'Allow')
    t.is(await heading(tab.page), BACK, `tab ${at}`)
    t.is(on.application.arrived.at(-1)?.['state'], `tab ${at}`)
    t.is((await exchanged(on)).status, 200)
  }
  t.is(on.application.arrived.length, order.length)
})

browserTest(
  'traps-people 16: two clients in two tabs: the consent of the one stays good while the other logs in again',
  async (t) => {
    const ledger = await ledgerOfAll()
    const on = await visit(t, ledger)
    const other = await visit(t, ledger)
    const second = { ...other, page: await on.page.context().newPage(), username: on.username }
    await on.page.goto(on.request())
    await second.page.goto(second.request())
    await logIn(on)
    await logIn(second)
    for (const { page } of [second, on]) {
      if ((await heading(page)) === LOGIN) await logIn({ page, username: on.username })
      t.is(await heading(page), CONSENT)
      await press(page, 'Allow')
      if ((await heading(page)) === CONSENT) await press(page, 'Allow')
      t.is(await heading(page), BACK)
    }
  },
)

browserTest(
  'traps-people 17: Log in and Allow clicked twice end at the client, once, and count as no failure',
  async (t) => {
    const ledger = await ledgerOfAll()
    const on = await visit(t, ledger)
    await on.page.goto(on.request())
    await typed(on)
    await twice(on.page, LOGIN)
    await on.page.getByRole('heading', { name: CONSENT }).waitFor()
    await twice(on.page, 'Allow')
    await on.page.getByRole('heading', { name: BACK }).waitFor()
    t.is(new Set(on.application.arrived.map(({ code }) => code)).size, 1)
    t.is((await exchanged(on)).status, 200)
    const { rows } = await ledger.runtime.knex.raw<{ rows: unknown[] }>('SELECT * FROM ledger.limits')
    t.deepEqual(rows, [])
  },
)

browserTest('traps-people 13: Back never ends at an error: from the client to the consent, and on again', async (t) => {
  const on = await visit(t, await ledgerOfAll())
  const { page, application } = on
  await page.goto(`${application.url}/start?${on.request()}`)
  await page.getByRole('link').click()
  await logIn(on)
  await press(page, 'Allow')
  t.is(await heading(page), BACK)
  t.is((await exchanged(on)).status, 200)
  for (let steps = 0; steps < 3; steps++) {
    await page.goBack()
    if (page.url().startsWith(application.url)) break
    const title = await heading(page)
    t.true([LOGIN, CONSENT].includes(title), title)
    if (title === LOGIN) await logIn(on)
    // What was remembered meanwhile goes on by itself.
    if ((await heading(page)) === CONSENT) await press(page, 'Allow')
    t.is(await heading(page), BACK)
    t.is(application.arrived.at(-1)?.['error'], undefined)
    await page.goBack()
  }
  t.pass()
})

browserTest(
  'traps-people 15: without its cookies a page is shown again, with one sentence and the user name; the request goes on',
  async (t) => {
    const on = await visit(t, await ledgerOfAll())
    const { page, application } = on
    await page.goto(on.request())
    await page.context().clearCookies()
    await logIn(on)
    t.is(await heading(page), LOGIN)
    t.is(await page.getByRole('alert').innerText(), 'This page was open for too long. Please log in again.')
    t.is(await page.getByLabel('User name').inputValue(), on.username)
    await logIn(on)
    t.is(await heading(page), CONSENT)
    await page.context().clearCookies()
    await press(page, 'Allow')
    t.is(await heading(page), LOGIN)
    await logIn(on)
    await press(page, 'Allow')
    t.is(await heading(page), BACK)
    t.is(application.arrived[0]?.['state'], 'a state+/=')
    t.is((await exchanged(on)).status, 200)
  },
)

browserTest('a reload of any page of the login asks to send nothing again', async (t) => {
  const on = await visit(t, await ledgerOfAll())
  const { page } = on
  await page.goto(on.request())
  await logIn(on, GOOD)
  t.is(await heading(page), CONSENT)
  const sent: string[] = []
  page.on('request', (request) => sent.push(request.method()))
  await page.reload()
  t.is(await heading(page), CONSENT)
  t.false(sent.includes('POST'))
})
