import { answerIn, createBrowser, formOf, type Page, titleOf } from '../support/cookie-jar.ts'
import { sharedLedger, startLedger } from '../support/ledger.ts'
import { GOOD } from '../support/passwords.ts'
import { realTest } from '../support/real-parts.ts'
import { alike } from '../support/taking-as-long.ts'
import { approve, ask, exchangeOf, logIn, queryOf, scene } from './authorizing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger(() => Promise.resolve({ settings: { ADDRESS_FAILURES: '1000' } }))

const [LOGIN, CONSENT] = ['Log in', 'Allow access?']
const SESSION = '__Host-ledger-session'
const BROWSER = '__Host-ledger-browser'

const nameIn = ({ text }: Page) => /name="username"[^>]*value="([^"]*)"/.exec(text)?.[1]

test('the login page keeps a wrong password to itself and the name that was typed', async (t) => {
  const on = await scene(await ledgerOfAll())
  const page = await logIn(on, await ask(on), 'wrong')
  t.deepEqual([page.status, titleOf(page.text)], [400, `Problem: ${LOGIN}`])
  t.is(nameIn(page), on.username)
  t.true(page.text.includes('do not belong together'))
  t.false(page.text.includes('wrong"'))
  t.is(titleOf((await logIn(on, page)).text), CONSENT)
})

test('both cookies are for this host alone, unread by scripts, and come with no form of another site; the session is another one after each login', async (t) => {
  const on = await scene(await ledgerOfAll())
  const login = await ask(on)
  t.regex(
    login.headers.getSetCookie().join(),
    /^__Host-ledger-browser=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Secure$/,
  )
  const ids = []
  for (let round = 0; round < 2; round += 1) {
    await logIn(on, await ask(on, { prompt: 'login' }))
    ids.push(on.browser.cookies.get(SESSION))
  }
  t.is(new Set(ids).size, 2)
  const before = createBrowser(on.ledger.url)
  before.cookies.set(SESSION, ids[0] ?? '')
  t.is(titleOf((await before.open(`/oauth2/auth?${queryOf(on)}`)).text), LOGIN, 'the id of before is nobody any more')
})

test('session fixation: an id that somebody else chose lets nobody in after the login', async (t) => {
  const on = await scene(await ledgerOfAll())
  const chosen = 'A'.repeat(43)
  on.browser.cookies.set(SESSION, chosen)
  t.is(titleOf((await logIn(on, await ask(on))).text), CONSENT)
  t.not(on.browser.cookies.get(SESSION), chosen)
  const thief = createBrowser(on.ledger.url)
  thief.cookies.set(SESSION, chosen)
  t.is(titleOf((await thief.open(`/oauth2/auth?${queryOf(on)}`)).text), LOGIN)
})

test('login CSRF: a form that was made for one browser logs nobody in in another', async (t) => {
  const on = await scene(await ledgerOfAll())
  const thief = await scene(on.ledger)
  const { fields } = formOf(await ask({ ...thief, as: on.as }))
  const form = { ...fields, username: thief.username, password: GOOD }
  await ask(on)
  for (const sent of [form, { ...form, csrf: '' }, { ...form, csrf: 'x' }]) {
    const page = await on.browser.post('/login', sent)
    t.deepEqual([page.status, titleOf(page.text)], [400, `Problem: ${LOGIN}`])
    t.false(on.browser.cookies.has(SESSION))
  }
  const tampered = { ...form, onward: `${fields['onward']}x` }
  t.is(titleOf((await on.browser.post('/login', tampered)).text), 'Please start again')
})

test('traps-people 15: without its cookie the page comes again, says why, keeps the name, and the request goes on', async (t) => {
  const on = await scene(await ledgerOfAll())
  const login = await ask(on)
  on.browser.cookies.clear()
  const again = await logIn(on, login)
  t.deepEqual([again.status, nameIn(again)], [400, on.username])
  t.true(again.text.includes('This page was open for too long. Please log in again.'))
  const answer = await approve(on, await logIn(on, again))
  t.is(answerIn(answer).get('state'), 'the state')
  t.is((await exchangeOf(on, answerIn(answer).get('code'))).status, 200)
})

test('traps-people 16: three tabs of one browser finish in any order, each with its own state', async (t) => {
  const on = await scene(await ledgerOfAll())
  const other = { ...(await scene(on.ledger)), browser: on.browser, username: on.username }
  const tabs = [
    { tab: on, state: 'one' },
    { tab: other, state: 'two' },
    { tab: on, state: 'three' },
  ]
  const logins: Page[] = []
  for (const { tab, state } of tabs) logins.push(await ask(tab, { state }))
  const consents: Page[] = []
  for (const page of logins) consents.push(await logIn(on, page))
  for (const at of [2, 0, 1]) {
    const answer = await approve(on, consents[at] as Page)
    t.is(answerIn(answer).get('state'), tabs[at]?.state ?? '')
    t.is((await exchangeOf(tabs[at]?.tab ?? on, answerIn(answer).get('code'))).status, 200)
  }
})

test('traps-people 16: three tabs that a browser without a cookie opens at the same moment finish in any order', async (t) => {
  const on = await scene(await ledgerOfAll())
  on.browser = createBrowser(on.ledger.url, { 'sec-fetch-site': 'same-origin' })
  const states = ['one', 'two', 'three']
  const logins = await Promise.all(states.map((state) => ask(on, { state })))
  const ids = logins.flatMap((page) => page.headers.getSetCookie())
  t.is(new Set(ids).size, 3, 'none knew of the others')
  const consents: Page[] = []
  for (const page of logins) consents.push(await logIn(on, page))
  t.deepEqual(
    consents.map(({ text }) => titleOf(text)),
    [CONSENT, CONSENT, CONSENT],
  )
  for (const at of [1, 2, 0]) {
    const answer = await approve(on, consents[at] as Page)
    t.is(answerIn(answer).get('state'), states[at] ?? '')
    t.is((await exchangeOf(on, answerIn(answer).get('code'))).status, 200)
  }
})

test('login CSRF: a form of another browser counts nowhere but from a page of ours, and never without a cookie', async (t) => {
  const on = await scene(await ledgerOfAll())
  const thief = await scene(on.ledger)
  const { fields } = formOf(await ask({ ...thief, as: on.as }))
  const form = new URLSearchParams({ ...fields, username: thief.username, password: GOOD }).toString()
  await ask(on)
  const post = (site: string) => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': site }
    return on.browser.ask('/login', { method: 'POST', body: form, headers })
  }
  for (const site of ['cross-site', 'same-site', 'none', '']) {
    t.is((await post(site)).status, 400, site)
    t.false(on.browser.cookies.has(SESSION), site)
  }
  on.browser.cookies.clear()
  t.is((await post('same-origin')).status, 400)
  t.false(on.browser.cookies.has(SESSION))
})

test('traps-people 17: two equal posts of a login at once end at the client, and none counts as a failure', async (t) => {
  const on = await scene(await ledgerOfAll())
  const login = await ask(on)
  const pages = await Promise.all([logIn(on, login), logIn(on, login)])
  for (const page of pages) t.is(titleOf(page.text), CONSENT)
  const answer = await approve(on, await ask(on))
  t.truthy(answerIn(answer).get('code'))
  for (let at = 0; at < 9; at += 1) t.is((await logIn(on, login, 'wrong')).status, 400)
  t.is(titleOf((await logIn(on, login)).text), CONSENT, 'nine are heard, so that none was counted before')
})

test('traps-people 18: who comes back from another site is still logged in, by GET and by a form', async (t) => {
  const on = await scene(await ledgerOfAll())
  await logIn(on, await ask(on))
  t.is(titleOf((await ask(on)).text), CONSENT)
  // A form of another site comes without cookies that are SameSite=Lax.
  const bare = createBrowser(on.ledger.url)
  const posted = await bare.post('/oauth2/auth', queryOf(on))
  t.deepEqual([posted.status, posted.headers.getSetCookie()], [303, []])
  t.is(titleOf((await on.browser.follow(posted)).text), CONSENT)
})

test('traps-people 26: too many wrong passwords are told alike for a name that nobody has, and the right one waits as well', async (t) => {
  const on = await scene(await ledgerOfAll())
  const pages: Page[] = []
  for (const username of [on.username, `nobody-${on.username}`]) {
    const login = await ask(on, { prompt: 'login' })
    let page = await logIn({ ...on, username }, login, 'wrong')
    for (let at = 0; at < 10; at += 1) page = await logIn({ ...on, username }, login, 'wrong')
    t.is(page.status, 429, username)
    t.regex(page.headers.get('retry-after') ?? '', /^\d+$/)
    pages.push(await logIn({ ...on, username }, login))
  }
  const told = pages.map(({ status, text }) => [status, text.replaceAll(/value="[^"]*"|nonce="[^"]*"/g, '')])
  t.deepEqual(told[0], told[1])
  t.true(pages[0]?.text.includes('Too many wrong passwords for this user name.'))
})

test.serial('enumeration: a name that nobody has takes as long as a wrong password', async (t) => {
  await alike(t, async ({ known, unknown }) => {
    const on = await scene(await ledgerOfAll())
    const times = [
      [known, on.username],
      [unknown, `nobody-${on.username}`],
    ] as const
    const login = await ask(on)
    for (const [kind, username] of times) {
      const begun = performance.now()
      const { status } = await logIn({ ...on, username }, login, 'wrong')
      kind.push(performance.now() - begun)
      t.is(status, 400)
    }
  })
})

test('before a login nothing is stored', async (t) => {
  const on = await scene(await startLedger(t))
  const { knex } = on.ledger.runtime
  const count = async () => {
    const tables = ['sessions', 'approvals', 'limits'].map((one) => `(SELECT count(*) FROM ledger.${one})`)
    const { rows } = await knex.raw<{ rows: { n: string }[] }>(`SELECT ${tables.join(' + ')} AS n`)
    return [rows[0]?.n, await on.ledger.length()]
  }
  const before = await count()
  for (let tab = 0; tab < 10; tab += 1) await ask(on, { state: `${tab}` })
  t.deepEqual(await count(), before)
  t.deepEqual([...on.browser.cookies.keys()], [BROWSER])
})

test('an address without a page is told on a page to a browser that opens it, and to programs in JSON', async (t) => {
  const { url } = await ledgerOfAll()
  const expected: [path: string, status: number, title: string][] = [
    ['/no/such/page', 404, 'Nothing is here'],
    ['/oauth2/token', 405, 'This address shows no page'],
    ['/consent', 405, 'This address shows no page'],
  ]
  for (const [path, status, title] of expected) {
    const page = await createBrowser(url).open(path)
    t.deepEqual([page.status, titleOf(page.text)], [status, title])
    t.is(page.headers.get('allow'), status === 405 ? 'POST' : null, path)
    const told = await fetch(url + path, { headers: { accept: 'application/json' } })
    t.is(told.status, status, path)
    t.regex(await told.text(), /^\{"error":/)
  }
})
