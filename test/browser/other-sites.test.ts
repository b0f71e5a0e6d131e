// What a page of another site can do to a person who is logged in here: nothing.
import type { Page } from 'playwright-core'
import { GOOD } from '../support/passwords.ts'
import { sharedLedger } from '../support/ledger.ts'
import { startApplication } from './application.ts'
import { browserTest } from './browser.ts'
import { heading, logIn, openPage, press, servedToBrowsers, visit } from './visiting.ts'

const ledgerOfAll = sharedLedger(servedToBrowsers)

/** The form that is open, as an attacker would copy it: with all that is hidden in it. */
async function copied(page: Page, more: Record<string, string>): Promise<string> {
  const inputs = await page.evaluate(() =>
    [...document.querySelectorAll('input[type=hidden], input[type=checkbox]')].map(({ outerHTML }) => outerHTML),
  )
  const action = new URL((await page.locator('form').first().getAttribute('action')) ?? '', page.url()).href
  inputs.push(...Object.entries(more).map(([name, value]) => `<input name="${name}" value="${value}">`))
  return `<form method="post" action="${action}">${inputs.join('')}</form><script>document.forms[0].submit()</script>`
}

browserTest("login CSRF: a form of the attacker's own login, sent by another site, logs nobody in", async (t) => {
  const ledger = await ledgerOfAll()
  const attacker = await visit(t, ledger)
  await attacker.page.goto(attacker.request())
  const form = await copied(attacker.page, { username: attacker.username, password: GOOD })
  const evil = await startApplication(t, { pages: { '/': form } })
  for (const hasOwnCookie of [false, true]) {
    const { page } = await openPage(t)
    if (hasOwnCookie) await page.goto(`${ledger.url}/login`)
    await page.goto(evil.url)
    await page.getByRole('heading', { name: 'Log in' }).waitFor()
    const cookies = await page.context().cookies(ledger.url)
    t.false(cookies.some(({ name }) => name.includes('session')))
  }
})

browserTest('consent CSRF: Allow, posted by another site, allows nothing', async (t) => {
  const ledger = await ledgerOfAll()
  const [victim, attacker] = [await visit(t, ledger), await visit(t, ledger)]
  await victim.page.goto(victim.request())
  await logIn(victim)
  // The attacker's own consent, for the attacker's own application.
  await attacker.page.goto(attacker.request())
  await logIn(attacker)
  const form = await copied(attacker.page, { decision: 'approve' })
  const evil = await startApplication(t, { pages: { '/': form } })
  await victim.page.goto(evil.url)
  await victim.page.getByRole('heading', { level: 1 }).waitFor()
  t.is(attacker.application.arrived.length, 0)
  t.not(await heading(victim.page), 'You are back')
  // Even the victim's own form counts only from the victim's own page: a POST of another site brings no cookie.
  await victim.page.goto(victim.request())
  const own = await copied(victim.page, { decision: 'approve' })
  const other = await startApplication(t, { pages: { '/': own } })
  await victim.page.goto(other.url)
  t.is(await heading(victim.page), 'Log in')
  t.is(victim.application.arrived.length, 0)
})

browserTest('no page of ours is shown in a frame of another site, or of our own', async (t) => {
  const on = await visit(t, await ledgerOfAll())
  const frames = [on.request(), on.request({ prompt: 'login' }), `${on.ledger.url}/login`]
  const html = frames.map((src) => `<iframe src="${src.replaceAll('&', '&amp;')}"></iframe>`).join('')
  const evil = await startApplication(t, { pages: { '/': html } })
  await on.page.goto(on.request())
  await logIn(on)
  t.is(await heading(on.page), 'Allow access?')
  await on.page.goto(evil.url, { waitUntil: 'load' })
  const shown = await Promise.all(
    on.page
      .frames()
      .slice(1)
      .map((frame) =>
        frame
          .locator('form')
          .count()
          .catch(() => 0),
      ),
  )
  t.deepEqual(
    shown,
    frames.map(() => 0),
  )
  t.true(on.complaints.filter((text) => /frame-ancestors|X-Frame-Options/i.test(text)).length >= frames.length)
})

browserTest('session fixation: a cookie that was planted before is worth nothing after a login', async (t) => {
  const on = await visit(t, await ledgerOfAll())
  const planted = Buffer.alloc(32, 7).toString('base64url')
  const at = { url: on.ledger.url, httpOnly: true }
  await on.page.context().addCookies([{ name: 'ledger-session', value: planted, ...at }])
  await on.page.goto(on.request())
  await logIn(on)
  t.is(await heading(on.page), 'Allow access?')
  const mine = await on.page.context().cookies(on.ledger.url)
  const session = mine.find(({ name }) => name === 'ledger-session')
  t.not(session?.value, planted)
  t.deepEqual([session?.httpOnly, session?.sameSite], [true, 'Lax'])
  const thief = await openPage(t)
  await thief.page.context().addCookies([{ name: 'ledger-session', value: planted, ...at }])
  await thief.page.goto(on.request())
  t.is(await heading(thief.page), 'Log in')
})

browserTest(
  'nothing of the request is told to the application as a referrer, and nothing stays in a cache',
  async (t) => {
    const on = await visit(t, await ledgerOfAll())
    const headers: Record<string, string>[] = []
    on.page.on('request', (request) => {
      if (request.url().startsWith(on.application.url)) headers.push(request.headers())
    })
    await on.page.goto(on.request())
    const answers = [await on.page.reload()]
    await logIn(on)
    answers.push(await on.page.reload())
    await press(on.page, 'Allow')
    t.is(await heading(on.page), 'You are back')
    t.true(headers.length > 0)
    for (const sent of headers) t.is(sent['referer'], undefined)
    for (const answer of answers) t.is(answer?.headers()['cache-control'], 'no-store')
  },
)
