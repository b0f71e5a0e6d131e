import { accessibilityProblems, browserTest, openWindow, overflowing, screenshot, tabOrder } from '../browser.ts'
import { gallery } from './gallery.tsx'
import { serveGallery } from './serve-gallery.ts'

const PHONE = { width: 320, height: 640 }
const DESK = { width: 1280, height: 800 }

/** Goes on by itself. */
const LEAVES = 'go-on'

browserTest(
  'every page is in order: light and dark, on a phone and at a desk, for those who see it and who do not',
  async (t) => {
    const { url, names } = await serveGallery(t, gallery, {
      LEDGER_PAGES_HEADING: 'Welcome to Example',
      LEDGER_PAGES_FOOTER: 'Help: Anna, room 12',
    })
    const page = await (await openWindow(t)).newPage()
    const said: string[] = []
    page.on('console', (message) => said.push(message.text()))
    for (const name of names.filter((one) => one !== LEAVES)) {
      await page.emulateMedia({ colorScheme: 'light' })
      await page.setViewportSize(DESK)
      await page.goto(`${url}/${name}`)
      t.deepEqual(await overflowing(page), [], name)
      t.deepEqual(await accessibilityProblems(page), [], name)
      await screenshot(page, `${name}-light-desk`)
      await page.setViewportSize(PHONE)
      await page.emulateMedia({ colorScheme: 'dark' })
      t.deepEqual(await overflowing(page), [], `${name} on a phone`)
      t.deepEqual(await accessibilityProblems(page, ['color-contrast', 'target-size']), [], `${name} in the dark`)
      await screenshot(page, `${name}-dark-phone`)
    }
    t.deepEqual(said, [], 'no policy was in the way of anything')
  },
)

browserTest('the keyboard reaches everything in the order in which it is read', async (t) => {
  const { url } = await serveGallery(t, gallery)
  const page = await (await openWindow(t)).newPage()
  const orderOf = async (name: string) => {
    await page.goto(`${url}/${name}`)
    return tabOrder(page)
  }
  t.deepEqual(await orderOf('login'), ['username', 'password', 'Log in', 'Forgot your password?'])
  const boxes = ['scope_0', 'scope_1', 'scope_2', 'Opens 4 folders and services']
  t.deepEqual(await orderOf('consent'), [...boxes, 'Allow', 'Deny', 'Log in as somebody else'])
  const tabs = ['Access', 'Sessions', 'Password', 'Log out']
  const ends = ['End the access of Photo Prints', 'End the access of Calendar for the whole family']
  t.deepEqual(await orderOf('access'), [...tabs, ...ends])
  t.deepEqual(await orderOf('password'), [
    ...tabs,
    ...['username', 'current_password', 'new_password', 'new_password_again', 'Change the password'],
  ])
})

browserTest('every form works without JavaScript, and by Enter alone', async (t) => {
  const { url, posted } = await serveGallery(t, gallery)
  const page = await (await openWindow(t, { javaScriptEnabled: false })).newPage()
  await page.goto(`${url}/login-wrong`)
  await page.getByLabel('Password').fill(' pass word ')
  await page.keyboard.press('Enter')
  await page.waitForURL(`${url}/logged-out`)
  await page.goto(`${url}/consent`)
  await page.getByLabel('See your photos').uncheck()
  await page.getByText('Opens 4 folders').click()
  t.true(await page.getByText('shop/invoices').isVisible())
  await page.getByRole('button', { name: 'Deny' }).click()
  await page.waitForURL(`${url}/logged-out`)
  await page.goBack()
  await page.getByRole('button', { name: 'Allow' }).click()
  await page.waitForURL(`${url}/logged-out`)
  const hidden = { request: 'sealed', csrf: 'value' }
  t.deepEqual(posted, [
    { ...hidden, username: 'anna.larsson', password: ' pass word ' },
    { ...hidden, scope_1: 'profile', decision: 'deny' },
    { ...hidden, scope_1: 'profile', decision: 'approve' },
  ])
})

browserTest(
  'a problem has the eyes and the ears: in the title, announced, and told with its field, which has the focus',
  async (t) => {
    const { url } = await serveGallery(t, gallery)
    const page = await (await openWindow(t)).newPage()
    await page.goto(`${url}/login-wrong`)
    t.is(await page.title(), 'Problem: Log in · token-ledger')
    const sentence = 'This user name and password do not belong together.'
    t.is(await page.getByRole('alert').textContent(), sentence)
    const focused = page.locator(':focus')
    t.is(await focused.getAttribute('name'), 'password')
    t.is(await focused.getAttribute('aria-describedby'), 'problem')
  },
)

browserTest('a page that goes on by itself arrives, also without JavaScript', async (t) => {
  const { url } = await serveGallery(t, gallery)
  const page = await (await openWindow(t, { javaScriptEnabled: false })).newPage()
  await page.goto(`${url}/go-on`)
  await page.waitForURL(`${url}/back?code=1&state=2`)
  t.pass()
})

browserTest('a right-to-left language turns the page, and no text of it is cut', async (t) => {
  const { url } = await serveGallery(t, (site) =>
    gallery({ ...site, texts: { ...site.texts, direction: 'rtl', language: 'ar' } }),
  )
  const page = await (await openWindow(t, { viewport: PHONE })).newPage()
  for (const name of ['consent', 'access']) {
    await page.goto(`${url}/${name}`)
    t.deepEqual(await overflowing(page), [], name)
  }
  const [box, words] = [page.getByRole('checkbox').first(), page.getByText('See your photos').first()]
  await page.goto(`${url}/consent`)
  t.true(((await box.boundingBox())?.x ?? 0) > ((await words.boundingBox())?.x ?? 0))
})
