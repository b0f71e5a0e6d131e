// What people do with browsers: several tabs, Back, two clicks, a page that was left open.
import type { Page, Request } from 'playwright-core'
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

async function grantsOf({ ledger, as }: Visit): Promise<unknown[]> {
  const { knex, schema } = ledger.runtime
  return knex(`${schema}.grants`).where({ client_id: as.client_id })
}

/** Two clicks, the second once the first is sent and before its answer is there: both arrive. */
async function twice(page: Page, name: string): Promise<void> {
  const { x, y } = (await page.getByRole('button', { name, exact: true }).boundingBox()) ?? { x: 0, y: 0 }
  const isPost = (request: Request) => request.method() === 'POST'
  for (let clicks = 0; clicks < 2; clicks++)
    await Promise.all([page.waitForRequest(isPost), page.mouse.click(x + 5, y + 5)])
}

/** Answers reach this page late, and requests leave it at once. */
async function slowDown(page: Page): Promise<void> {
  const debug = await page.context().newCDPSession(page)
  const speed = { latency: 500, downloadThroughput: -1, uploadThroughput: -1 }
  await debug.send('Network.emulateNetworkConditions', { offline: false, ...speed })
}

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
      t.is(await heading(page), CONSENT)
      await press(page, 'Allow')
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
    await slowDown(on.page)
    await typed(on)
    await twice(on.page, LOGIN)
    await on.page.getByRole('heading', { name: CONSENT }).waitFor()
    await twice(on.page, 'Allow')
    await on.page.getByRole('heading', { name: BACK }).waitFor()
    t.is(new Set(on.application.arrived.map(({ code }) => code)).size, 1)
    t.is((await grantsOf(on)).length, 1)
    t.is((await exchanged(on)).status, 200)
    const { rows } = await ledger.runtime.knex.raw<{ rows: unknown[] }>('SELECT * FROM ledger.limits')
    t.deepEqual(rows, [])
  },
)

for (const client_type of ['public', 'confidential'] as const)
  browserTest(
    `traps-people 13: Back never ends at an error: from a ${client_type} client to the pages before, and on again`,
    async (t) => {
      const on = await visit(t, await ledgerOfAll(), { client: { client_type } })
      const { page } = on
      await page.goto(`${on.application.url}/start?${on.request()}`)
      await page.getByRole('link').click()
      await logIn(on)
      await press(page, 'Allow')
      t.is(await heading(page), BACK)
      t.is((await exchanged(on)).status, 200)
      for (const place of ['the consent', 'the login']) {
        await page.goBack()
        // The Allow of before led a page further.
        if (client_type === 'public' && place === 'the login') await page.goBack()
        // Nobody logs in again; what is remembered goes on by itself.
        t.is(await heading(page), client_type === 'public' ? CONSENT : BACK, place)
        if (client_type === 'public') await press(page, 'Allow')
        t.is(await heading(page), BACK, place)
        t.is((await exchanged(on)).status, 200, place)
      }
    },
  )

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
