import { randomBytes } from 'node:crypto'
import ava, { type ExecutionContext } from 'ava'
import { type Browser, createBrowser, formOf, type Page, titleOf } from '../../support/cookie-jar.ts'
import { seeded } from '../../support/kept-logs.ts'
import { ISSUER } from '../../support/ledger.ts'
import { realTest } from '../../support/real-parts.ts'
import { approve, ask, exchangeOf, logIn, queryOf, scene } from '../authorizing.ts'
import { answerIn } from '../../support/cookie-jar.ts'
import {
  alertIn,
  backFrom,
  clientAt,
  link,
  press,
  type Person,
  type Signing,
  startSigning,
  stranger,
  through,
} from './signing-in.ts'

const test = realTest('postgres')

const closing: (() => void | Promise<void>)[] = []
ava.after.always('the ledgers of this file stop', async () => {
  for (const close of closing.toReversed()) await close()
})
const keep = { teardown: (close: () => void | Promise<void>) => void closing.push(close) } as ExecutionContext

/** People are made at a first login, and two groups are taken from outside. */
const open = once(() =>
  startSigning(keep, {
    example: { creates_people: true, groups_claim: 'groups', groups: ['staff', 'Administrators', 'gone'] },
    others: { second: clientAt('https://second.invalid') },
  }),
)
/** People are those whom an administrator linked. */
const closed = once(() => startSigning(keep))
/** As `closed`, and there is no other way. */
const only = once(() => startSigning(keep, { settings: { LOGIN_WITH_PASSWORD: 'false' } }))

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined
  return () => (made ??= make())
}

async function logInAt(signing: Signing, person: Person, browser = createBrowser(signing.ledger.url)) {
  return through(signing, browser, await browser.open('/login'), person)
}

async function usersNamed({ ledger }: Signing, username: string) {
  const { body } = await ledger.send('GET', `/admin/users?limit=200`, { token: ledger.root })
  return (body['users'] as { sub: string; username: string; email: string | null; groups: string[] }[]).filter((user) =>
    user.username.startsWith(username),
  )
}

test('a person logs in with another server, and the application exchanges its code', async (t) => {
  const signing = await open()
  const on = await scene(signing.ledger)
  const page = await ask(on)
  t.true(page.text.includes('Log in with Example'))
  const consent = await through(signing, on.browser, page, stranger())
  t.is(titleOf(consent.text), 'Allow access?', consent.text)
  const answer = await approve(on, consent)
  const sent = answerIn(answer)
  t.is(sent.get('state'), 'the state')
  t.is((await exchangeOf(on, sent.get('code'))).status, 200)
})

test('a first login makes a person where that is set, whose name and proven address come from there', async (t) => {
  const signing = await open()
  const person = stranger()
  const back = await logInAt(signing, person)
  t.is(back.location ?? back.path, '/account')
  const [user, ...more] = await usersNamed(signing, person.preferred_username)
  t.like(user, { email: person.email, groups: [], name: 'Ada L.' })
  t.deepEqual(more, [])
  await logInAt(signing, person)
  t.is((await usersNamed(signing, person.preferred_username)).length, 1)
  const unproven = stranger({ email_verified: false })
  await logInAt(signing, unproven)
  t.like((await usersNamed(signing, unproven.preferred_username))[0], { email: null })
  const events = JSON.stringify(await signing.ledger.events())
  for (const secret of [person.sub, person.preferred_username, person.email]) t.false(events.includes(secret))
})

test('two first logins of one person at once make one user', async (t) => {
  const signing = await open()
  const person = stranger()
  await Promise.all([1, 2, 3].map(() => logInAt(signing, person)))
  t.is((await usersNamed(signing, person.preferred_username)).length, 1)
})

test('traps-people 34: the address of somebody else opens no account of theirs, and a new address changes nothing', async (t) => {
  const signing = await open()
  const victim = stranger()
  await logInAt(signing, victim)
  const [theirs] = await usersNamed(signing, victim.preferred_username)
  const thief = { ...victim, sub: `${victim.sub}-of-a-thief` }
  seeded(thief.sub)
  await logInAt(signing, thief)
  const users = await usersNamed(signing, victim.preferred_username)
  t.is(users.length, 2, 'another person, under another name')
  t.deepEqual(users.map(({ username }) => username).sort(), [
    victim.preferred_username,
    `${victim.preferred_username} (example)`,
  ])
  const moved = { ...victim, email: 'another.address@example.com', preferred_username: 'another name' }
  seeded(moved.email)
  await logInAt(signing, moved)
  t.deepEqual(
    (await usersNamed(signing, victim.preferred_username)).find(({ sub }) => sub === theirs?.sub),
    theirs,
  )
  t.deepEqual(await usersNamed(signing, 'another name'), [])
})

test('traps-people 34: where no people are made, a known address lets nobody in whom no administrator linked', async (t) => {
  const signing = await closed()
  const person = stranger()
  const email = person.email
  const sub = await signing.ledger.user({ personal: { username: person.preferred_username, name: null, email } })
  const browser = createBrowser(signing.ledger.url)
  const refused = await logInAt(signing, person, browser)
  t.regex(alertIn(refused) ?? '', /^Nobody here is known by this login/)
  t.is(refused.status, 400)
  t.false([...browser.cookies.keys()].some((name) => name.endsWith('session')))
  await link(signing, sub, person.sub)
  t.is((await through(signing, browser, refused, person)).path, '/account')
})

test('who is disabled does not get in, in the words for a stranger', async (t) => {
  const signing = await closed()
  const person = stranger()
  await link(signing, await signing.ledger.user({ enabled: false }), person.sub)
  t.regex(alertIn(await logInAt(signing, person)) ?? '', /^Nobody here is known by this login/)
})

test('groups come from outside as far as the setting goes, and never one that the ledger itself names', async (t) => {
  const signing = await open()
  const { ledger } = signing
  await ledger.make('/admin/groups/staff', { description: '' })
  await ledger.make('/admin/groups/others', { description: '' })
  const groupsOf = async (person: Person) => (await usersNamed(signing, person.preferred_username))[0]?.groups
  const person = stranger({ groups: ['staff', 'Administrators', 'others', 'gone', 7] })
  await logInAt(signing, person)
  t.deepEqual(await groupsOf(person), ['staff'])
  await logInAt(signing, { ...person, groups: undefined })
  t.deepEqual(await groupsOf(person), ['staff'], 'who says nothing takes nothing away')
  await logInAt(signing, { ...person, groups: [] })
  t.deepEqual(await groupsOf(person), [])
  const admin = stranger({ groups: [] })
  await link(
    signing,
    await ledger.user({
      groups: ['Administrators', 'others'],
      personal: { username: admin.preferred_username, name: null, email: null },
    }),
    admin.sub,
  )
  await logInAt(signing, admin)
  t.deepEqual(await groupsOf(admin), ['Administrators', 'others'])
})

test('the callback counts once, in the browser that began, and a stolen one logs nobody in', async (t) => {
  const signing = await open()
  const browser = createBrowser(signing.ledger.url)
  const sent = await browser.send(await browser.open('/login'), { provider: 'example', username: '', password: '' })
  const back = backFrom(signing.fake, sent, stranger())
  const other = createBrowser(signing.ledger.url)
  const stolen = await other.open(back)
  t.is(titleOf(stolen.text), 'Please start again')
  t.is(stolen.status, 400)
  t.false([...other.cookies.keys()].some((name) => name.endsWith('session')))
  const before = browser.cookies.get('__Host-ledger-session')
  t.is((await browser.open(back)).path, '/account')
  t.not(browser.cookies.get('__Host-ledger-session'), before)
  t.is(titleOf((await browser.open(back)).text), 'Please start again')
  t.is((await browser.open(back.replace('/example/', '/another/'))).status, 404)
})

test('what began with one provider does not end with another', async (t) => {
  const signing = await open()
  const browser = createBrowser(signing.ledger.url)
  const sent = await browser.send(await browser.open('/login'), { provider: 'example', username: '', password: '' })
  const back = backFrom(signing.fake, sent, stranger())
  t.is(titleOf((await browser.open(back.replace('/example/', '/second/'))).text), 'Please start again')
})

test('a login with a provider needs the form of this very browser', async (t) => {
  const { ledger, fake } = await open()
  const { fields } = formOf(await createBrowser(ledger.url).open('/login'))
  const page = await createBrowser(ledger.url).post('/login', { ...fields, provider: 'example' })
  t.is(alertIn(page), 'This page was open for too long. Please log in again.')
  t.false(page.location?.startsWith(fake.issuer) ?? false)
  const browser = createBrowser(ledger.url)
  t.is((await browser.send(await browser.open('/login'), { provider: 'nobody' })).status, 400)
})

test('two tabs, each with a login at the provider, end each with its own state', async (t) => {
  const signing = await open()
  const on = await scene(signing.ledger)
  const person = stranger()
  const tabs = [await ask(on, { state: 'one' }), await ask(on, { state: 'two' })]
  const sent = []
  for (const tab of tabs) sent.push(await on.browser.send(tab, { provider: 'example', username: '', password: '' }))
  const states = []
  for (const one of sent.toReversed()) {
    const consent = await on.browser.open(backFrom(signing.fake, one, person))
    states.push(answerIn(await approve(on, consent)).get('state'))
  }
  t.deepEqual(states, ['two', 'one'])
})

test('who says no there, and whose provider is away, is told on the login page and goes on with a password', async (t) => {
  const signing = await startSigning(t)
  const on = await scene(signing.ledger)
  const page = await ask(on)
  const sent = await on.browser.send(page, { provider: 'example', username: '', password: '' })
  const state = new URL(sent.location ?? '').searchParams.get('state') ?? ''
  const no = new URLSearchParams({ error: 'access_denied', state, iss: signing.fake.issuer })
  const denied = await on.browser.open(`/login/with/example/callback?${no}`)
  t.is(alertIn(denied), 'You did not log in there. Try again, or take another way.')
  const again = await on.browser.send(denied, { provider: 'example', username: '', password: '' })
  signing.fake.answers.set('/token', (response) => response.writeHead(503).end())
  const away = await on.browser.open(backFrom(signing.fake, again, stranger()))
  t.regex(alertIn(away) ?? '', /^This way to log in cannot be reached/)
  t.deepEqual([away.status, away.headers.get('retry-after')], [503, '5'])
  await signing.fake.close()
  const consent = await logIn(on, away)
  t.is(titleOf(consent.text), 'Allow access?')
  t.is(answerIn(await approve(on, consent)).get('state'), 'the state')
  const warned = signing.ledger.lines.filter(({ msg }) => msg === 'nobody came from a provider')
  t.like(warned[0], { provider: 'example', fault: 'away', reason: 'the provider answers 503' })
})

test('who must log in again is sent to the provider for that, once', async (t) => {
  const signing = await open()
  const on = await scene(signing.ledger)
  const page = await ask(on, { prompt: 'login' })
  const sent = await on.browser.send(page, { provider: 'example', username: '', password: '' })
  t.is(new URL(sent.location ?? '').searchParams.get('prompt'), 'login')
  t.is(titleOf((await on.browser.open(backFrom(signing.fake, sent, stranger()))).text), 'Allow access?')
})

test('where it is the only way the browser goes straight on, and is told on a page when that fails', async (t) => {
  const signing = await only()
  const on = await scene(signing.ledger)
  const person = stranger()
  const sent = await ask(on)
  const refused = await on.browser.open(backFrom(signing.fake, sent, person))
  t.regex(alertIn(refused) ?? '', /^Nobody here is known/)
  t.false(refused.text.includes('type="password"'))
  t.true(refused.text.includes('Log in with Example'))
  await link(signing, await signing.ledger.user(), person.sub)
  t.is(titleOf((await through(signing, on.browser, refused, person)).text), 'Allow access?')
  const silent = await ask({ ...on, browser: createBrowser(signing.ledger.url) }, { prompt: 'none' })
  t.is(answerIn(silent).get('error'), 'login_required')
})

test('the longest request that is taken goes on by a provider, and its browser sends no more than servers take', async (t) => {
  const signing = await open()
  const on = await scene(signing.ledger)
  const state = randomBytes(3450).toString('base64url')
  const page = await ask(on, { state })
  await press(on.browser, await ask(on))
  const sent = await press(on.browser, page)
  const lengths = [...on.browser.cookies].map(([name, value]) => name.length + value.length + 3)
  t.true(Math.max(...lengths) < 4096)
  t.true(lengths.reduce((sum, one) => sum + one) < 7000)
  const consent = await on.browser.open(backFrom(signing.fake, sent, stranger()))
  t.is(answerIn(await approve(on, consent)).get('state'), state)
})

test('the session says by whom its person was proven, and a logout goes on there and comes back', async (t) => {
  const signing = await open()
  const { ledger, fake } = signing
  const person = stranger({ amr: ['pwd', 'otp', '<script>'] })
  const browser = createBrowser(ledger.url)
  await logInAt(signing, person, browser)
  const [user] = await usersNamed(signing, person.preferred_username)
  const { rows } = await ledger.runtime.knex.raw<{ rows: { amr: string[] }[] }>(
    'SELECT amr FROM ledger.sessions WHERE sub = ?',
    [user?.sub ?? null],
  )
  t.deepEqual(rows[0]?.amr, ['upstream:example', 'pwd', 'otp'])
  const away = await browser.send(await browser.open('/account/logout'), {})
  const there = new URL(away.location ?? '')
  t.is(there.origin + there.pathname, `${fake.issuer}/logout`)
  t.is(there.searchParams.get('post_logout_redirect_uri'), `${ISSUER}/account/logout`)
  t.is(titleOf((await browser.open('/account')).text), 'Log in')
  t.is(titleOf((await browser.open('/account/logout')).text), 'You are logged out')
})

test('a logout ends the session and goes on whatever became of its user', async (t) => {
  const signing = await closed()
  const { ledger, fake } = signing
  const person = stranger()
  const sub = await ledger.user()
  await link(signing, sub, person.sub)
  const browser = createBrowser(ledger.url)
  await logInAt(signing, person, browser)
  const page = await browser.open('/account/logout')
  await ledger.deleteUser(sub)
  const away = await browser.send(page, {})
  t.true(away.location?.startsWith(`${fake.issuer}/logout?`), away.location ?? away.text)
  t.false(browser.cookies.has('__Host-ledger-session'))
})

test('a logout goes to the provider that the session came from, else to LEDGER_LOGOUT_URL', async (t) => {
  const LOGOUT_URL = 'https://shop.example/out'
  const signing = await startSigning(t, { example: { creates_people: true }, settings: { LOGOUT_URL } })
  const { ledger, fake } = signing
  const on = await scene(ledger)
  const logOut = async () => (await on.browser.send(await on.browser.open('/account/logout'), {})).location
  const person = stranger()
  const byProvider = async () => through(signing, on.browser, await on.browser.open('/login'), person)
  await byProvider()
  t.true((await logOut())?.startsWith(`${fake.issuer}/logout?`))
  t.is(
    titleOf((await on.browser.open('/account/logout')).text),
    'You are logged out',
    'where the provider sends back to',
  )
  await logIn(on, await on.browser.open('/login'))
  t.is(await logOut(), LOGOUT_URL, 'a password')
  await byProvider()
  await logIn(on, await on.browser.open(`/oauth2/auth?${queryOf(on, { prompt: 'login' })}`))
  t.is(await logOut(), LOGOUT_URL, 'the last login counts')
  // A login that fails has the metadata fetched anew.
  const fail = async () => {
    const sent = await press(on.browser, await ask({ ...on, browser: on.browser }, { prompt: 'login' }))
    fake.answers.set('/token', (response) => response.writeHead(404).end())
    await on.browser.open(backFrom(fake, sent, person))
    fake.answers.delete('/token')
  }
  await byProvider()
  await fail()
  fake.metadata = { end_session_endpoint: undefined }
  t.is(await logOut(), LOGOUT_URL, 'a provider without such an endpoint')
  fake.behave()
  await byProvider()
  await fail()
  await fake.close()
  t.is(await logOut(), LOGOUT_URL, 'a provider that is away')
  t.is(titleOf((await on.browser.open('/account')).text), 'Log in')
})

test('who logged in with a password stays here at logout', async (t) => {
  const signing = await open()
  const on = await scene(signing.ledger)
  await logIn(on, await on.browser.open('/login'))
  const out = await on.browser.send(await on.browser.open('/account/logout'), {})
  t.is(titleOf(out.text), 'You are logged out')
})

/** Presses the button that links, and comes back as this person. */
async function linkHere({ fake }: Signing, browser: Browser, person: Person): Promise<Page> {
  const sent = await browser.send(await browser.open('/account/logins'), { provider: 'example' })
  requireAskedAgain(sent)
  return browser.open(backFrom(fake, sent, person))
}

function requireAskedAgain({ location }: Page): void {
  if (new URL(location ?? '').searchParams.get('prompt') !== 'login') throw new Error('not asked again')
}

const noticeIn = ({ text }: Page) => /role="status"[^>]*>([^<]*)</.exec(text)?.[1]

test('who is logged in links an account, and logs in with it from then on; nobody else can have it', async (t) => {
  const signing = await closed()
  const [on, other] = [await scene(signing.ledger), await scene(signing.ledger)]
  for (const one of [on, other]) await logIn(one, await one.browser.open('/login'))
  const person = stranger()
  const linked = await linkHere(signing, on.browser, person)
  t.is(noticeIn(linked), 'You can log in with Example now.')
  t.regex(linked.text, /<li>Example<\/li>/)
  const browser = createBrowser(signing.ledger.url)
  t.is((await logInAt(signing, person, browser)).path, '/account')
  t.regex((await browser.open('/account/logout')).text, new RegExp(on.username))
  t.regex(alertIn(await linkHere(signing, other.browser, person)) ?? '', /^Somebody here logs in with that account/)
})

test('a login is linked to the session that began alone: none of another browser, person or site', async (t) => {
  const signing = await closed()
  const [victim, thief] = [await scene(signing.ledger), await scene(signing.ledger)]
  for (const one of [victim, thief]) await logIn(one, await one.browser.open('/login'))
  const person = stranger()
  const sent = await thief.browser.send(await thief.browser.open('/account/logins'), { provider: 'example' })
  const back = backFrom(signing.fake, sent, person)
  t.is(titleOf((await victim.browser.open(back)).text), 'Please start again')
  const [name = '', value = ''] = [...thief.browser.cookies].find(([cookie]) => cookie.includes('upstream')) ?? []
  victim.browser.cookies.set(name, value)
  t.is(titleOf((await victim.browser.open(back)).text), 'Please start again', 'also with the cookie of the other')
  const forged = await victim.browser.post('/account/logins', { provider: 'example', csrf: 'guessed' })
  t.is(forged.location, '/account/logins')
  t.regex(alertIn(await logInAt(signing, person)) ?? '', /^Nobody here is known by this login/)
})

test('who logged in long ago logs in again before an account is linked', async (t) => {
  const signing = await closed()
  const on = await scene(signing.ledger)
  await logIn(on, await on.browser.open('/login'))
  const page = await on.browser.open('/account/logins')
  await signing.ledger.runtime.knex.raw(
    "UPDATE ledger.sessions SET auth_time = auth_time - interval '11 minutes' WHERE sub = ?",
    [on.username.replace(/\.name$/, '')],
  )
  const asked = await on.browser.send(page, { provider: 'example' })
  t.is(alertIn(asked), 'Log in again before you link an account.')
  const again = await logIn(on, asked)
  t.is(titleOf(again.text), 'Your logins')
  const sent = await on.browser.send(again, { provider: 'example' })
  t.true(sent.location?.startsWith(signing.fake.issuer))
})
