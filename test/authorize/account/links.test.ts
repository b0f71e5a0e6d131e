import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as pause } from 'node:timers/promises'
import { listLinks } from '../../../shared/accounts/sessions/links.ts'
import { passwordSettingOf, requirePasswords } from '../../../shared/process/runtime.ts'
import { setPassword } from '../../../shared/read-model/passwords/set-password.ts'
import { type Ledger, ROOT, startLedger } from '../../admin/ledger.ts'
import { commandLine } from '../../support/command-line.ts'
import { createBrowser, titleOf } from '../../support/cookie-jar.ts'
import { keepLog, seeded } from '../../support/kept-logs.ts'
import { startLedger as startBeside } from '../../support/ledger.ts'
import { GOOD, LOGS_IN, mustSet, person } from '../../support/passwords.ts'
import { realTest } from '../../support/real-parts.ts'
import { alike } from '../../support/taking-as-long.ts'
import { until } from '../../support/waiting.ts'
import { onceForFile } from '../../system/once-for-file.ts'
import { formsOf, ledgerWithPages, logIn, loggedIn, NEXT, SERVICES, shownAt, somebody } from './people.ts'

// One at a time: passwords are hashed two at once, and on a slow machine the last of many would wait for too long.
const test = realTest('postgres').serial
const ledgerOfAll = ledgerWithPages()

/** A link by the admin API, as a path. */
async function linkFor(ledger: Ledger, sub: string, token = ledger.root): Promise<string> {
  const { status, body } = await ledger.send('POST', `/admin/users/${sub}/password-link`, { token })
  if (status !== 200) throw new Error(`no link: ${status} ${JSON.stringify(body)}`)
  const { pathname, search, searchParams } = new URL(String(body['link']))
  seeded(searchParams.get('link'))
  return pathname + search
}

const typed = (password: string) => ({ new_password: password, new_password_again: password })

const SPENT = 'This link cannot be used any more'

test('traps-people 24: opening a one-time link spends nothing, the form does, and a spent one says so', async (t) => {
  const ledger = await ledgerOfAll()
  const { sub, username } = await person(ledger)
  const link = await linkFor(ledger, sub)
  const scanner = createBrowser(ledger.url)
  for (const method of ['GET', 'HEAD', 'GET']) t.is((await scanner.ask(link, { method })).status, 200, method)
  const browser = createBrowser(ledger.url)
  const page = await browser.open(link)
  t.deepEqual([titleOf(page.text), page.headers.get('referrer-policy')], ['Set a password', 'no-referrer'])
  t.true(page.text.includes(username))
  t.is((await browser.send(page, typed('short'))).status, 400, 'and may be used again')
  seeded(NEXT)
  t.is(titleOf((await browser.send(page, typed(NEXT))).text), 'Your password is set')
  const again = await createBrowser(ledger.url).open(link)
  t.deepEqual([again.status, titleOf(again.text)], [410, SPENT])
  t.is(titleOf((await browser.send(page, typed('yet another password'))).text), SPENT)
  t.is(titleOf((await logIn(browser, username, NEXT)).text), 'Your access')
  t.is((await browser.open('/account/password/set?link=nothing')).status, 410)
})

test('a link form without its cookie is shown once more, and spends nothing', async (t) => {
  const ledger = await ledgerOfAll()
  const { sub, username } = await person(ledger)
  const browser = createBrowser(ledger.url)
  const page = await browser.open(await linkFor(ledger, sub))
  browser.cookies.clear()
  const shown = await browser.send(page, typed(NEXT))
  t.is(titleOf(shown.text), 'Set a password')
  t.is(titleOf((await logIn(createBrowser(ledger.url), username, NEXT)).text), 'Problem: Log in')
  t.is(titleOf((await browser.send(shown, typed(NEXT))).text), 'Your password is set')
})

test('of two processes that are sent one link at once, one sets its password and the other says that it is spent', async (t) => {
  const ledger = await ledgerOfAll()
  const other = await startBeside(t, { beside: ledger, services: ['authorize'] })
  for (let round = 0; round < 4; round++) {
    const { sub, username } = await person(ledger)
    const link = await linkFor(ledger, sub)
    const tried = [ledger.url, other.url, ledger.url].map(async (url, n) => {
      const password = `password of process ${n}`
      seeded(password)
      const browser = createBrowser(url)
      const answer = await browser.send(await browser.open(link), typed(password))
      return { password, title: titleOf(answer.text) }
    })
    const done = await Promise.all(tried)
    const [winner, ...more] = done.filter(({ title }) => title === 'Your password is set')
    t.is(more.length, 0, JSON.stringify(done.map(({ title }) => title)))
    t.is(done.filter(({ title }) => title === SPENT).length, 2)
    t.is(titleOf((await logIn(createBrowser(ledger.url), username, winner?.password ?? '')).text), 'Your access')
  }
})

test('a process that dies with a password committed has spent the link; one that dies before has not', async (t) => {
  const ledger = await ledgerOfAll()
  const { sub, username } = await person(ledger)
  const link = await linkFor(ledger, sub)
  const dying = { ...passwordSettingOf(ledger.runtime), commit: () => Promise.reject(new Error('killed')) }
  seeded(NEXT)
  const hashed = await requirePasswords(ledger.runtime).hash(NEXT)
  const asked = { sub, hashed, context: { actor: `user/${sub}` } }
  const before = () => Promise.reject(new Error('killed before'))
  await t.throwsAsync(setPassword(dying, asked, before), { message: 'killed before' })
  t.is(await shownAt(createBrowser(ledger.url), link), 'Set a password')
  await t.throwsAsync(
    setPassword(dying, asked, () => Promise.resolve()),
    { message: 'killed' },
  )
  const browser = createBrowser(ledger.url)
  const page = await browser.open(link)
  t.is(titleOf((await browser.send(page, typed('typed once more'))).text), SPENT)
  t.is(titleOf((await logIn(browser, username, NEXT)).text), 'Your access')
})

test('a link dies with whatever ends the grants of its user, and rests while the user is disabled', async (t) => {
  const ledger = await ledgerOfAll()
  const ends: ((sub: string) => Promise<unknown>)[] = [
    (sub) => mustSet(ledger, sub, NEXT),
    (sub) => ledger.revokeAllOfUser(sub),
    (sub) => ledger.send('POST', `/admin/users/${sub}/forget`, { token: ledger.root, body: { reason: 'asked' } }),
    (sub) =>
      ledger.runtime.knex.raw("UPDATE ledger.links SET expires_at = now() - interval '1 s' WHERE sub = ?", [sub]),
  ]
  for (const end of ends) {
    const { sub } = await person(ledger)
    const link = await linkFor(ledger, sub)
    t.is(await shownAt(createBrowser(ledger.url), link), 'Set a password')
    await end(sub)
    t.is(await shownAt(createBrowser(ledger.url), link), SPENT)
  }
})

test('who may not guard makes no link for an administrator, and none that counts once its user is one', async (t) => {
  const ledger = await ledgerOfAll()
  await ledger.make('/admin/groups/Helpdesk', { description: '' })
  await ledger.make('/admin/acls/Helpdesk', { allowed_groups: ['Helpdesk', 'Administrators'], denied_groups: [] })
  const resource = { execute_acl: 'Helpdesk' }
  await ledger.make('/admin/resources/ledger.admin:users', resource).catch(async () => {
    const read = await ledger.send('GET', '/admin/resources/ledger.admin:users', { token: ledger.root })
    const headers = { 'if-match': read.headers.get('etag') ?? '' }
    const put = { token: ledger.root, body: resource, headers }
    t.is((await ledger.send('PUT', '/admin/resources/ledger.admin:users', put)).status, 200)
  })
  const metadata = { grant_types: ['client_credentials'], scope: 'ledger.admin', groups: ['Helpdesk'] }
  const token = await ledger.tokenOf(await ledger.register({ ...metadata, client_name: 'helpdesk' }))
  const { sub } = await person(ledger)
  const link = await linkFor(ledger, sub, token)
  const admin = async (one: string) => {
    const { headers } = await ledger.send('GET', `/admin/users/${one}`, { token: ledger.root })
    const sent = { 'if-match': headers.get('etag') ?? '', 'content-type': 'application/merge-patch+json' }
    const body = { groups: ['Administrators'] }
    return ledger.send('PATCH', `/admin/users/${one}`, { token: ledger.root, body, headers: sent })
  }
  t.is((await admin(sub)).status, 200)
  t.is((await ledger.send('POST', `/admin/users/${sub}/password-link`, { token })).status, 403)
  const browser = createBrowser(ledger.url)
  t.is(titleOf((await browser.send(await browser.open(link), typed(NEXT))).text), SPENT)
  const own = await linkFor(ledger, sub)
  t.is(titleOf((await browser.send(await browser.open(own), typed(NEXT))).text), 'Your password is set')
})

test('the command prints a link that sets the password, and says for whom there is none', async (t) => {
  const ledger = await ledgerOfAll()
  const { sub, username } = await person(ledger)
  const env = {
    LEDGER_URL: ledger.url,
    LEDGER_ADMIN_URL: ledger.adminUrl,
    LEDGER_CLIENT_ID: ROOT.client_id,
    LEDGER_CLIENT_SECRET: ROOT.client_secret,
  }
  const { code, out, err } = await commandLine(env, 'users', 'password-link', sub)
  t.deepEqual([code, err], [0, ''])
  const { pathname, search, origin } = new URL(out.trim())
  t.is(origin, 'https://ledger.example')
  const browser = createBrowser(ledger.url)
  await browser.send(await browser.open(pathname + search), typed(NEXT))
  t.is(titleOf((await logIn(browser, username, NEXT)).text), 'Your access')
  const unknown = await commandLine(env, 'users', 'password-link', 'nobody')
  t.is(unknown.code, 1)
  t.regex(unknown.err, /there is no user of this name/)
  t.is((await createBrowser(ledger.url).open('/account/password/forgot')).status, 404, 'nobody could send one')
})

const NOTIFY_SECRET = 'a-secret-of-the-mailer-that-is-long-enough'

type Sent = { authorization: string | undefined; body: { kind: string; sub: string; link: string } }

/** A ledger whose links are sent to a mailer, which keeps them. */
const mailed = onceForFile(async (t) => {
  const sent: Sent[] = []
  let [status, takes] = [204, 0]
  const mailer = createServer((request, response) => {
    void text(request).then((body) => {
      sent.push({ authorization: request.headers.authorization, body: JSON.parse(body) as Sent['body'] })
      void pause(takes).then(() => response.writeHead(status).end())
    })
  })
  await new Promise<void>((resolve) => mailer.listen(0, '127.0.0.1', resolve))
  t.teardown(() => mailer.close())
  const url = `http://127.0.0.1:${(mailer.address() as AddressInfo).port}/links`
  seeded(NOTIFY_SECRET)
  const settings = { NOTIFY_URL: url, NOTIFY_SECRET }
  const ledger = await startLedger(t, { services: [...SERVICES], settings })
  keepLog('mailer')('ready\n')
  return {
    ledger,
    sent,
    answers: (next: number) => void (status = next),
    takes: (ms: number) => void (takes = ms),
    sentTo: (sub: string) => sent.filter(({ body }) => body.sub === sub),
  }
})

const forgetPassword = async (ledger: Ledger, username: string) => {
  const browser = createBrowser(ledger.url)
  const page = await browser.open('/account/password/forgot')
  return browser.send(page, { username })
}

test('whoever asks for a link is told the same, and only who is known is sent one, once a minute', async (t) => {
  const { ledger, sentTo, sent } = await mailed()
  const who = await somebody(ledger)
  const login = await createBrowser(ledger.url).open('/account')
  t.regex(login.text, /href="\/account\/password\/forgot"/)
  const known = await forgetPassword(ledger, ` ${who.username.toUpperCase()}`)
  const unknown = await forgetPassword(ledger, 'nobody of this name')
  const words = (text: string) => text.replace(/[\da-f-]{36}/g, '')
  t.deepEqual([words(known.text), known.status], [words(unknown.text), unknown.status])
  await until(() => Promise.resolve(sentTo(who.sub).length > 0), 'a link')
  const [first] = sentTo(who.sub)
  t.is(first?.authorization, `Bearer ${NOTIFY_SECRET}`)
  t.like(first?.body, { kind: 'forgot_password', sub: who.sub })
  const { pathname, search, searchParams } = new URL(first?.body.link ?? '')
  seeded(searchParams.get('link'))
  await forgetPassword(ledger, who.username)
  const other = await somebody(ledger)
  await forgetPassword(ledger, other.username)
  await until(() => Promise.resolve(sentTo(other.sub).length > 0), 'the link of another')
  t.is(sentTo(who.sub).length, 1, 'one a minute')
  const browser = await loggedIn(who)
  const done = await browser.send(await browser.open(pathname + search), typed(NEXT))
  t.is(titleOf(done.text), 'Your password is set')
  t.is(await shownAt(browser, '/account'), 'Log in', 'sessions of before have ended')
  t.is(titleOf((await logIn(browser, who.username, NEXT)).text), 'Your access')
  t.deepEqual(await listLinks(ledger.runtime.knex, who.sub), [])
  t.false(sent.some(({ body }) => /nobody/.test(JSON.stringify(body))))
})

test('enumeration: asking for a link takes as long for a name that nobody has as for one that is sent it', async (t) => {
  const { ledger, sentTo, takes } = await mailed()
  takes(200)
  const ask = async (username: string) => {
    const browser = createBrowser(ledger.url)
    const page = await browser.open('/account/password/forgot')
    const begun = performance.now()
    t.is((await browser.send(page, { username })).status, 200)
    return performance.now() - begun
  }
  await alike(t, async (times) => {
    const { sub, username } = await person(ledger)
    times.unknown.push(await ask(`nobody-${username}`))
    times.known.push(await ask(username))
    // What is done behind the answer takes no time of the next.
    await until(() => sentTo(sub).length > 0, 'a link')
  })
  takes(0)
})

test('no link is sent to one who reaches ledger.*, nor beyond the limit of one name and address', async (t) => {
  const { ledger, sentTo } = await mailed()
  const admin = await somebody(ledger)
  await ledger.user({
    sub: admin.sub,
    personal: { username: admin.username, name: null, email: null },
    groups: ['Administrators'],
  })
  await forgetPassword(ledger, admin.username)
  const who = await somebody(ledger)
  const { knex } = ledger.runtime
  const older = () => knex.raw("UPDATE ledger.links SET created_at = created_at - interval '61 s'")
  for (let n = 0; n < 6; n++) {
    await older()
    t.is((await forgetPassword(ledger, who.username)).status, 200)
    await until(() => Promise.resolve(sentTo(who.sub).length >= Math.min(n + 1, 3)), 'a link')
  }
  t.is(sentTo(who.sub).length, 3)
  t.is(sentTo(admin.sub).length, 0)
})

test('an administrator has a link sent, and is told 503 where it was not taken', async (t) => {
  const { ledger, sentTo, answers } = await mailed()
  const { sub } = await person(ledger)
  const path = `/admin/users/${sub}/password-link`
  const sent = await ledger.send('POST', path, { token: ledger.root })
  t.deepEqual([sent.status, sent.body], [200, { sub, expires_in: 86_400 }])
  t.like(sentTo(sub)[0], { body: { kind: 'set_password', sub } })
  seeded(new URL(sentTo(sub)[0]?.body.link ?? '').searchParams.get('link'))
  answers(500)
  const failed = await ledger.send('POST', path, { token: ledger.root })
  t.is(failed.status, 503)
  t.truthy(failed.headers.get('retry-after'))
  answers(204)
})

test('a user without a password gets one by a link, and clients may use it', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger)
  const browser = createBrowser(ledger.url)
  await browser.send(await browser.open(await linkFor(ledger, sub)), typed(GOOD))
  seeded(GOOD)
  const form = { grant_type: 'password', username, password: GOOD }
  t.is((await ledger.post('/oauth2/token', form, { as })).status, 200)
  t.deepEqual(formsOf(await (await loggedIn({ ledger, sub, username })).open('/account')).length, 1)
})
