import { GOOD, mustSet } from '../../support/passwords.ts'
import { answerIn, createBrowser, formOf, titleOf } from '../../support/cookie-jar.ts'
import { realTest } from '../../support/real-parts.ts'
import { approve, ask, authorizeIn, exchangeOf, scene } from '../authorizing.ts'
import { doneOn, formsOf, ledgerWithPages, loggedIn, logIn, NEXT, sessionIn, shownAt, somebody } from './people.ts'

// One at a time: passwords are hashed two at once, and on a slow machine the last of many would wait for too long.
const test = realTest('postgres').serial
const ledgerOfAll = ledgerWithPages()

const TITLES = { '': 'Your access', '/sessions': 'Your sessions', '/password': 'Change your password' }

test('a page of the account asks who comes to log in, and goes on to that page', async (t) => {
  const who = await somebody(await ledgerOfAll())
  for (const [path, title] of Object.entries(TITLES)) {
    const browser = createBrowser(who.ledger.url)
    const login = await browser.open(`/account${path}`)
    t.is(titleOf(login.text), 'Log in')
    const page = await browser.send(login, { username: who.username, password: GOOD })
    t.deepEqual([titleOf(page.text), page.status], [title, 200])
    t.is(page.headers.get('cache-control'), 'no-store')
  }
})

test('a person sees which applications hold access and ends one, which is over on every instance', async (t) => {
  const ledger = await ledgerOfAll()
  const [on, other] = [await scene(ledger), await scene(ledger)]
  const { body } = await exchangeOf(on, answerIn(await authorizeIn(on)).get('code'))
  const { body: theirs } = await exchangeOf(other, answerIn(await authorizeIn(other)).get('code'))
  const page = await on.browser.open('/account')
  const [form] = formsOf(page)
  t.is(formsOf(page).length, 1)
  t.true(page.text.includes(on.as.client_id) || page.text.includes('Last used'))
  t.true(await ledger.isActive(String(body['access_token'])))
  const grant_id = form?.fields['grant_id'] ?? ''
  const done = await on.browser.send(page, {})
  t.regex(doneOn(done) ?? '', /^The access of .+ has ended\.$/)
  t.is(formsOf(done).length, 0)
  t.false(await ledger.isActive(String(body['access_token'])))
  const ended = (await ledger.eventsOf(grant_id)).at(-1)
  t.like(ended, { type: 'TokenRevoked', verdict: 'valid', data: { reason: 'ended_by_user' } })
  t.regex(JSON.stringify(ended?.data['revoked_by']), /"type":"user"/)
  const [foreign] = formsOf(await other.browser.open('/account'))
  await on.browser.post('/account', { ...form?.fields, grant_id: foreign?.fields['grant_id'] ?? '' })
  await on.browser.post('/account', { ...form?.fields, grant_id: "'; --" })
  t.true(await ledger.isActive(String(theirs['access_token'])), 'of somebody else nothing ends')
  t.is(formsOf(await on.browser.follow(await on.browser.post('/account', form?.fields ?? {}))).length, 0, 'again')
})

test('your access tells what each scope allows in a sentence of its own', async (t) => {
  const ledger = await ledgerOfAll()
  await ledger.make('/admin/scopes/list', { includes: ['orders'], description: 'Read orders.' })
  await ledger.make('/admin/scopes/sign', { includes: ['orders'], description: 'Approve orders.' })
  const on = await scene(ledger, { scope: 'list sign other' })
  await exchangeOf(on, answerIn(await authorizeIn(on)).get('code'))
  const { text } = await on.browser.open('/account')
  t.true(
    text.includes('<dt>May use</dt><dd>Read orders.</dd><dd>Approve orders.</dd><dd>other</dd><dt>Since</dt>'),
    text,
  )
})

test('a session ends from another browser, alone or with all others; a guessed one of others does not', async (t) => {
  const who = await somebody(await ledgerOfAll())
  const [here, there, third] = [await loggedIn(who), await loggedIn(who), await loggedIn(who)]
  const page = await here.open('/account/sessions')
  t.is([...page.text.matchAll(/<li><div><h2>/g)].length, 3)
  t.regex(page.text, /This browser/)
  t.regex(page.text, /127\.0\.0\.0\/24/)
  const [end] = formsOf(page)
  const stranger = await loggedIn(await somebody(who.ledger))
  const { fields } = formOf(await stranger.open('/account/password'))
  await stranger.post('/account/sessions', { ...end?.fields, csrf: fields['csrf'] ?? '' })
  t.is(formsOf(await here.open('/account/sessions')).length, 3, 'a stranger ended none')
  t.is(doneOn(await here.follow(await here.post('/account/sessions', end?.fields ?? {}))), 'The session has ended.')
  const left = await Promise.all([there, third].map((browser) => shownAt(browser, '/account/sessions')))
  t.deepEqual(left.sort(), ['Log in', 'Your sessions'])
  const others = formsOf(await here.open('/account/sessions')).at(-1)
  const done = await here.follow(await here.post('/account/sessions', { ...others?.fields, others: 'end' }))
  t.is(doneOn(done), 'All other sessions have ended.')
  t.is(await shownAt(there, '/account'), 'Log in')
  t.is(await shownAt(third, '/account'), 'Log in')
  t.is(await shownAt(here, '/account'), 'Your access')
})

test('who changes the password stays logged in by a new session; older sessions and grants die', async (t) => {
  const ledger = await ledgerOfAll()
  const on = await scene(ledger)
  const { body } = await exchangeOf(on, answerIn(await authorizeIn(on)).get('code'))
  const other = createBrowser(ledger.url)
  await logIn(other, on.username, GOOD)
  const before = sessionIn(on.browser)
  const page = await on.browser.open('/account/password')
  const typed = { current_password: GOOD, new_password: NEXT, new_password_again: NEXT }
  const done = await on.browser.send(page, typed)
  t.is(doneOn(done), 'Your password is changed.', `${done.status} ${titleOf(done.text)}`)
  t.not(sessionIn(on.browser), before)
  t.is(await shownAt(other, '/account'), 'Log in')
  t.false(await ledger.isActive(String(body['access_token'])))
  t.is(await shownAt(on.browser, '/account/sessions'), 'Your sessions')
  t.is(titleOf((await logIn(createBrowser(ledger.url), on.username, GOOD)).text), 'Problem: Log in')
  t.is(titleOf((await logIn(createBrowser(ledger.url), on.username, NEXT)).text), 'Your access')
  const stale = createBrowser(ledger.url)
  stale.cookies.set('__Host-ledger-session', String(before))
  t.is(await shownAt(stale, '/account'), 'Log in', 'the cookie of before')
})

test('a wrong current password changes nothing, is told, and is counted like a login', async (t) => {
  const who = await somebody(await ledgerOfAll())
  const browser = await loggedIn(who)
  const typed = { current_password: 'not it', new_password: NEXT, new_password_again: NEXT }
  const page = await browser.open('/account/password')
  const wrong = await browser.send(page, typed)
  t.is(wrong.status, 400)
  t.regex(wrong.text, /The current password is not right/)
  for (const [over, words] of [
    [{ new_password: 'short', new_password_again: 'short' }, /at least 8 characters/],
    [{ new_password_again: 'another one of these' }, /two new passwords differ/],
    [{ new_password: 'ä'.repeat(513), new_password_again: 'ä'.repeat(513) }, /up 1024 bytes/],
  ] as const) {
    const answer = await browser.send(page, { ...typed, current_password: GOOD, ...over })
    t.is(answer.status, 400)
    t.regex(answer.text, words)
  }
  for (let n = 0; n < 10; n++) await browser.send(page, typed)
  const locked = await browser.send(page, { ...typed, current_password: GOOD })
  t.is(locked.status, 429)
  t.truthy(locked.headers.get('retry-after'))
})

test('traps-people 20–22: blanks, umlauts and long passwords are the same when changed and at login', async (t) => {
  const ledger = await ledgerOfAll()
  const nfd = 'Mu\u0308nchen ist gro\u00df '
  const long = `${'x'.repeat(99)}1`
  for (const [set, right, wrong] of [
    [' blank at both ends ', ' blank at both ends ', 'blank at both ends'],
    [nfd, nfd.normalize('NFC'), nfd.trim()],
    [long, long, `${'x'.repeat(99)}2`],
  ] as const) {
    const who = await somebody(ledger)
    const browser = await loggedIn(who)
    const typed = { current_password: GOOD, new_password: set, new_password_again: set.normalize('NFC') }
    t.is(doneOn(await browser.send(await browser.open('/account/password'), typed)), 'Your password is changed.')
    t.is(titleOf((await logIn(createBrowser(ledger.url), who.username, wrong)).text), 'Problem: Log in')
    t.is(titleOf((await logIn(createBrowser(ledger.url), who.username, right)).text), 'Your access')
    t.is(
      titleOf((await logIn(createBrowser(ledger.url), ` ${who.username.toUpperCase()} `, right)).text),
      'Your access',
    )
  }
})

test('logout asks by GET and ends the session by POST, on the server too, and no grant', async (t) => {
  const ledger = await ledgerOfAll()
  const on = await scene(ledger)
  const { body } = await exchangeOf(on, answerIn(await authorizeIn(on)).get('code'))
  const id = String(sessionIn(on.browser))
  const page = await on.browser.open('/account/logout')
  t.is(titleOf(page.text), 'Log out?')
  t.is(await shownAt(on.browser, '/account'), 'Your access', 'asking ends nothing')
  t.is(titleOf((await on.browser.send(page, {})).text), 'You are logged out')
  t.is(sessionIn(on.browser), undefined)
  on.browser.cookies.set('__Host-ledger-session', id)
  t.is(await shownAt(on.browser, '/account'), 'Log in')
  t.true(await ledger.isActive(String(body['access_token'])))
})

test('no form of the account counts without the value of its own session', async (t) => {
  const who = await somebody(await ledgerOfAll())
  const [here, there] = [await loggedIn(who), await loggedIn(who)]
  const { fields } = formOf(await there.open('/account/logout'))
  const typed = { current_password: GOOD, new_password: NEXT, new_password_again: NEXT }
  for (const csrf of [{}, fields, { csrf: `1.${'A'.repeat(43)}` }]) {
    await here.post('/account/logout', csrf)
    await here.post('/account/sessions', { ...csrf, others: 'end' })
    t.is((await here.post('/account/password', { ...csrf, ...typed })).status, 303)
  }
  t.is(await shownAt(here, '/account'), 'Your access')
  t.is(await shownAt(there, '/account'), 'Your access')
  t.is(titleOf((await logIn(createBrowser(who.ledger.url), who.username, GOOD)).text), 'Your access')
})

test('what a page says was done is ours alone to say', async (t) => {
  const browser = await loggedIn(await somebody(await ledgerOfAll()))
  for (const done of ['Call+us+now', '1.e30.AAAA', '<b>x</b>']) {
    const page = await browser.open(`/account?done=${encodeURIComponent(done)}`)
    t.is(doneOn(page), undefined)
  }
})

test('traps-people 15: a form without its session shows the login with one sentence', async (t) => {
  const browser = await loggedIn(await somebody(await ledgerOfAll()))
  const page = await browser.open('/account/password')
  browser.cookies.delete('__Host-ledger-session')
  const typed = { current_password: GOOD, new_password: NEXT, new_password_again: NEXT }
  const answer = await browser.send(page, typed)
  t.regex(answer.text, /open for too long/)
  t.is(formOf(answer).action, '/login')
})

test('a password that is changed while a consent is open ends the session that would approve', async (t) => {
  const ledger = await ledgerOfAll()
  const [open, coded] = [await scene(ledger), await scene(ledger)]
  const subOf = async (on: typeof open) => {
    await logIn(on.browser, on.username, GOOD)
    return on.username.replace(/\.name$/, '')
  }
  const sub = await subOf(open)
  const consent = await ask(open)
  t.is(titleOf(consent.text), 'Allow access?')
  await mustSet(ledger, sub, NEXT)
  t.is(titleOf((await approve(open, consent)).text), 'Problem: Log in')
  const other = await subOf(coded)
  const code = answerIn(await approve(coded, await ask(coded))).get('code')
  await mustSet(ledger, other, NEXT)
  t.like(await exchangeOf(coded, code), { status: 400, body: { error: 'invalid_grant' } })
})

test('a disabled user is logged out, and is logged in again when enabled; the end of all grants ends sessions', async (t) => {
  const who = await somebody(await ledgerOfAll())
  const browser = await loggedIn(who)
  const { ledger, sub } = who
  const change = async (enabled: boolean) => {
    const etag = (await ledger.send('GET', `/admin/users/${sub}`, { token: ledger.root })).headers.get('etag') ?? ''
    const headers = { 'if-match': etag, 'content-type': 'application/merge-patch+json' }
    return ledger.send('PATCH', `/admin/users/${sub}`, { token: ledger.root, body: { enabled }, headers })
  }
  t.is((await change(false)).status, 200)
  t.is(await shownAt(browser, '/account'), 'Log in')
  t.is((await change(true)).status, 200)
  t.is(await shownAt(browser, '/account'), 'Your access')
  await ledger.revokeAllOfUser(sub)
  t.is(await shownAt(browser, '/account'), 'Log in')
})
