import { randomBytes } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import { startLedger } from '../admin/ledger.ts'
import { answerIn, createBrowser, titleOf } from '../support/cookie-jar.ts'
import { ISSUER } from '../support/ledger.ts'
import { GOOD } from '../support/passwords.ts'
import { realTest } from '../support/real-parts.ts'
import { unpackChallenge } from '../../shared/tokens/login-challenge.ts'
import { csrfValue, pack } from '../../shared/tokens/form-mac.ts'
import { requireKeys } from '../../shared/process/runtime.ts'
import { approve, ask, exchangeOf, queryOf, scene } from './authorizing.ts'

const test = realTest('postgres')

const LOGIN_URL = 'https://login.example/in?tenant=1'

/** A ledger where people log in elsewhere, and what the application there may do. */
async function elsewhere(t: ExecutionContext, settings: Record<string, string> = {}) {
  const services = ['token-endpoint', 'authorize', 'projector', 'admin'] as const
  const ledger = await startLedger(t, { services: [...services], settings: { LOGIN_URL, ...settings } })
  const { make, register, tokenOf } = ledger
  await make('/admin/groups/LoginApplications', {})
  await make('/admin/groups/Staff', {})
  await make('/admin/groups/Guests', {})
  await make('/admin/acls/Logins', { allowed_groups: ['LoginApplications', 'Administrators'] })
  await make('/admin/resources/ledger.admin:login', { execute_acl: 'Logins' })
  await make('/admin/scopes/logins', { includes: ['ledger.admin:login'] })
  const base = { grant_types: ['client_credentials'], scope: 'logins', groups: ['LoginApplications'] }
  const token = await tokenOf(await register({ ...base, client_name: 'the login application' }))
  return { ledger, token, on: await scene(ledger) }
}

type Elsewhere = Awaited<ReturnType<typeof elsewhere>>

const challengeIn = ({ location }: { location: string | null }) =>
  new URL(location ?? '').searchParams.get('login_challenge') ?? ''

/** What the login application does, and what it is answered. */
function tell({ ledger, token }: Pick<Elsewhere, 'ledger' | 'token'>, challenge: string) {
  const path = `/admin/login-requests/${challenge}`
  return {
    read: () => ledger.send('GET', path, { token }),
    accept: (body: object, as = token) => ledger.send('POST', `${path}/accept`, { token: as, body }),
    reject: (body: object = {}) => ledger.send('POST', `${path}/reject`, { token, body }),
  }
}

/** Where an answer of the admin API sends the browser to, as a path of ours. */
function pathOf({ body }: { body: Record<string, unknown> }): string {
  const to = String(body['redirect_to'])
  if (!to.startsWith(`${ISSUER}/`)) throw new Error(`${to} is not ours`)
  return to.slice(ISSUER.length)
}

const subOf = async ({ ledger }: Pick<Elsewhere, 'ledger'>, username: string) => {
  const { body } = await ledger.send('GET', `/admin/users?prefix=${username}`, { token: ledger.root })
  return (body['users'] as { sub: string }[])[0]?.sub ?? ''
}

const userOf = async ({ ledger }: Pick<Elsewhere, 'ledger'>, sub: string) =>
  (await ledger.send('GET', `/admin/users/${sub}`, { token: ledger.root })).body

test('a person logs in elsewhere, allows it here, and the application gets tokens of that user', async (t) => {
  const at = await elsewhere(t)
  const { ledger, on } = at
  const sent = await ask(on, { scope: 'read', prompt: 'login', max_age: '60', login_hint: 'ada@example.com' })
  t.is(sent.status, 303)
  t.true(sent.location?.startsWith(`${LOGIN_URL}&login_challenge=`))
  const login = tell(at, challengeIn(sent))
  const told = await login.read()
  t.is(told.status, 200)
  t.like(told.body, {
    client: { client_id: on.as.client_id },
    ...{ scope: 'read', prompt: ['login'], max_age: 60, login_hint: 'ada@example.com' },
  })
  const sub = await subOf(at, on.username)
  const accepted = await login.accept({ sub, amr: ['pwd', 'otp'] })
  t.is(accepted.status, 200, JSON.stringify(accepted.body))
  const consent = await on.browser.open(pathOf(accepted))
  t.is(titleOf(consent.text), 'Allow access?', consent.text)
  const { status, body } = await exchangeOf(on, answerIn(await approve(on, consent)).get('code'))
  t.is(status, 200)
  const check = await ledger.events()
  t.like(check.find(({ type }) => type === 'AuthorizationGranted')?.data, {
    principal: { type: 'user', id: sub },
    amr: ['pwd', 'otp'],
  })
  t.is(body['token_type'], 'Bearer')
  const { rows } = await ledger.runtime.knex.raw<{ rows: unknown[] }>('SELECT FROM ledger.login_outcomes')
  t.is(rows.length, 1)
})

test('traps-people 33: a used or old challenge is 410 with a redirect_to that starts again, the same accept is answered alike', async (t) => {
  const at = await elsewhere(t)
  const { on, ledger } = at
  const sub = await subOf(at, on.username)
  const other = await ledger.user()
  const challenge = challengeIn(await ask(on))
  const login = tell(at, challenge)
  const first = await login.accept({ sub })
  t.is(first.status, 200)
  const [again, twice] = await Promise.all([login.accept({ sub }), login.accept({ sub })])
  t.deepEqual([again.body, twice.body], [first.body, first.body])
  const otherwise = [await login.accept({ sub: other }), await login.reject(), await login.read()]
  t.is(titleOf((await on.browser.open(pathOf(first))).text), 'Allow access?')
  t.deepEqual((await login.accept({ sub })).body, first.body, 'also once the browser was there')
  for (const over of otherwise) {
    t.is(over.status, 410)
    t.regex(String(over.body['error_description']), /send the browser to redirect_to/)
    const begun = await createBrowser(ledger.url).ask(pathOf(over))
    t.true(begun.location?.startsWith(LOGIN_URL), 'it begins again')
    t.not(challengeIn(begun), challenge)
    t.is((await tell(at, challengeIn(begun)).read()).status, 200)
  }
  const keys = requireKeys(ledger.runtime)
  const { challenge: known } =
    unpackChallenge(keys, challengeIn(await ask({ ...on, browser: createBrowser(ledger.url) })), 0) ?? {}
  const old = tell(at, pack(keys, 'login-challenge', known, { exp: 1 }))
  for (const over of [await old.read(), await old.accept({ sub }), await old.reject()]) {
    t.is(over.status, 410)
    const begun = await createBrowser(ledger.url).ask(pathOf(over))
    t.is((await tell(at, challengeIn(begun)).accept({ sub })).status, 200, 'and can be gone on with')
  }
  for (const forged of ['x', `${challenge}A`, pack(keys, 'onward', known, { exp: 2 ** 33 })])
    t.is((await tell(at, forged).accept({ sub })).status, 404)
})

test('of two different answers at once one counts, and the other is told to begin again', async (t) => {
  const at = await elsewhere(t)
  const subs = [await subOf(at, at.on.username), await at.ledger.user()]
  const login = tell(at, challengeIn(await ask(at.on)))
  const answers = await Promise.all(subs.map((sub) => login.accept({ sub })))
  t.deepEqual(answers.map(({ status }) => status).sort(), [200, 410])
})

test('an answer counts for the browser that began, and once: nobody is logged in as somebody else', async (t) => {
  const at = await elsewhere(t)
  const { on, ledger } = at
  const sub = await subOf(at, on.username)
  const challenge = challengeIn(await ask(on))
  const back = pathOf(await tell(at, challenge).accept({ sub }))

  const victim = createBrowser(ledger.url)
  const bare = await victim.open(back)
  t.is(bare.status, 400, 'a browser without our cookie is told, and is not sent in circles')
  await victim.ask(`/oauth2/auth?${queryOf(on)}`)
  const begun = await victim.open(back)
  t.true(begun.location?.startsWith(LOGIN_URL), 'another browser begins a login of its own')
  t.is(victim.cookies.get('ledger-session') ?? victim.cookies.get('__Host-ledger-session'), undefined)

  // Whoever began the login knows its challenge, and makes nothing of it that proves an answer.
  for (const guess of [challenge, challenge.replace(/^(\d+)\..*$/, '$1.x.y'), ''])
    t.is((await on.browser.open(`/login/return?login_verifier=${guess}`)).status, 400)
  t.is(titleOf((await on.browser.open(back)).text), 'Allow access?')
  // The session is gone, and the browser is the same: what let it in once does not do so again.
  for (const name of on.browser.cookies.keys()) if (name.endsWith('ledger-session')) on.browser.cookies.delete(name)
  const used = await on.browser.open(back)
  t.true(used.location?.startsWith(LOGIN_URL), used.text)
})

test('a rejected login is told to the application that asked, with its state and our iss', async (t) => {
  const at = await elsewhere(t)
  const login = tell(at, challengeIn(await ask(at.on)))
  const rejected = await login.reject({ error_description: 'no account' })
  t.deepEqual((await login.reject({ error_description: 'no account' })).body, rejected.body)
  const answer = answerIn(await at.on.browser.open(pathOf(rejected)))
  t.deepEqual(
    ['error', 'error_description', 'state', 'iss', 'code'].map((name) => answer.get(name)),
    ['access_denied', 'no account', 'the state', ISSUER, null],
  )
  t.is((await login.reject({ error: 'no_such_word' })).status, 400)
})

test('who may accept logins needs that right, and accepts nobody who reaches the ledger', async (t) => {
  const at = await elsewhere(t)
  const { ledger, on } = at
  await ledger.make('/admin/users/boss', { username: 'boss', groups: ['Administrators'] })
  const sub = await subOf(at, on.username)
  const challenge = challengeIn(await ask(on))
  const login = tell(at, challenge)
  t.is((await ledger.send('POST', `/admin/login-requests/${challenge}/accept`, { body: { sub } })).status, 401)
  const stranger = await ledger.tokenOf(
    await ledger.register({ client_name: 'x', grant_types: ['client_credentials'], scope: 'logins' }),
  )
  t.is((await login.accept({ sub }, stranger)).status, 403)
  t.is((await login.accept({ sub: 'boss' })).status, 403)
  t.is((await login.accept({ sub: 'nobody' })).status, 409)
  t.is((await ledger.send('GET', `/admin/users/${sub}`, { token: at.token })).status, 403, 'it has no other right')
  const { revision } = await userOf(at, sub)
  const headers = { 'if-match': `"${String(revision)}"`, 'content-type': 'application/merge-patch+json' }
  await ledger.send('PATCH', `/admin/users/${sub}`, { token: ledger.root, body: { enabled: false }, headers })
  t.is((await login.accept({ sub })).status, 409, 'a disabled user logs in nowhere')
  t.is((await login.accept({ sub: 'boss' }, ledger.root)).status, 200, 'who has the right to the ledger itself may')
})

test('groups come from the login application only as a setting allows, and none that the ledger itself names', async (t) => {
  const at = await elsewhere(t, { LOGIN_GROUPS: 'Staff, Guests, Administrators, LoginApplications' })
  const { ledger, on, token } = at
  await ledger.make('/admin/groups/Other', {})
  await ledger.make('/admin/users/ada', { username: 'ada', groups: ['Other', 'Guests'] })
  await ledger.make('/admin/users/boss', { username: 'boss', groups: ['Administrators', 'Staff'] })
  const accept = async (body: object, as = token) => tell(at, challengeIn(await ask(on))).accept(body, as)
  t.is((await accept({ sub: 'ada' })).status, 200)
  t.deepEqual((await userOf(at, 'ada'))['groups'], ['Other', 'Guests'], 'nothing said, nothing changed')
  t.is((await accept({ sub: 'ada', groups: ['Staff'] })).status, 200)
  t.deepEqual((await userOf(at, 'ada'))['groups'], ['Other', 'Staff'], 'what it may not give, it does not take')
  const refused = await accept({ sub: 'ada', groups: ['Other'] })
  t.is(refused.status, 400)
  t.regex(String(refused.body['error_description']), /LEDGER_LOGIN_GROUPS does not have Other/)
  for (const groups of [['Administrators'], ['LoginApplications'], ['Staff', 'Administrators']]) {
    t.is((await accept({ sub: 'ada', groups })).status, 403, groups.join())
    t.is((await accept({ sub: 'ada', groups }, ledger.root)).status, 403, 'not even as an administrator')
  }
  for (const groups of [[], ['Staff'], ['Guests', 'Administrators']])
    t.is((await accept({ sub: 'boss', groups })).status, 403, groups.join())
  t.is((await accept({ sub: 'boss', groups: [] }, ledger.root)).status, 403, 'nor is one taken')
  t.deepEqual((await userOf(at, 'boss'))['groups'], ['Administrators', 'Staff'])
  t.deepEqual((await userOf(at, 'ada'))['groups'], ['Other', 'Staff'])
})

test('whom nobody knows becomes a user only where a setting says so, and is no administrator then', async (t) => {
  const at = await elsewhere(t, { LOGIN_CREATES_PEOPLE: 'true', LOGIN_GROUPS: 'Staff,Administrators' })
  const { on, ledger } = at
  const login = tell(at, challengeIn(await ask(on)))
  t.is((await login.accept({ sub: 'new-1', groups: ['Administrators'] })).status, 403)
  t.is((await login.accept({ sub: 'eve@example.com' })).status, 400, 'no address as a sub')
  t.is((await login.accept({ sub: 'new-1', username: on.username })).status, 409, 'the name is taken')
  const accepted = await login.accept({ sub: 'new-1', username: 'new.one', email: 'n@example.com', groups: ['Staff'] })
  t.is(accepted.status, 200, JSON.stringify(accepted.body))
  t.like(await userOf(at, 'new-1'), { username: 'new.one', email: 'n@example.com', groups: ['Staff'] })
  t.is(titleOf((await on.browser.open(pathOf(accepted))).text), 'Allow access?')
  const again = createBrowser(ledger.url)
  const next = tell(at, challengeIn(await ask({ ...on, browser: again })))
  t.is((await next.accept({ sub: 'new-1', username: 'another', email: 'changed@example.com' })).status, 200)
  t.like(
    await userOf(at, 'new-1'),
    { username: 'new.one', email: 'n@example.com' },
    'what names a person is taken once',
  )
})

test('no password counts here where people log in elsewhere', async (t) => {
  const at = await elsewhere(t)
  const { on } = at
  const sent = await ask(on)
  const keys = requireKeys(at.ledger.runtime)
  const { challenge } = unpackChallenge(keys, challengeIn(sent), 0) ?? {}
  const onward = pack(keys, 'onward', challenge?.onward, { exp: 2 ** 33 })
  const [browser = ''] = [...on.browser.cookies].flatMap(([name, id]) => (name.endsWith('ledger-browser') ? [id] : []))
  const form = { onward, csrf: csrfValue(keys, browser), username: on.username, password: GOOD }
  const answer = await on.browser.post('/login', form)
  t.true(answer.location?.startsWith(LOGIN_URL))
  t.true((await on.browser.ask('/login')).location?.startsWith(LOGIN_URL))
})

test('what ended the grants of a user after the accept ends that login too', async (t) => {
  const at = await elsewhere(t)
  const { on, ledger } = at
  const sub = await subOf(at, on.username)
  const back = pathOf(await tell(at, challengeIn(await ask(on))).accept({ sub }))
  await ledger.send('POST', `/admin/users/${sub}/revoke-all`, { token: ledger.root, body: { reason: 'stolen' } })
  const after = await on.browser.open(back)
  t.true(after.location?.startsWith(LOGIN_URL), 'it begins again')
})

test('who logs out here is sent on to where people log out elsewhere, and is logged out here', async (t) => {
  const LOGOUT_URL = 'https://login.example/out'
  const at = await elsewhere(t, { LOGOUT_URL })
  const { on } = at
  const sub = await subOf(at, on.username)
  await on.browser.open(pathOf(await tell(at, challengeIn(await ask(on))).accept({ sub })))
  const forged = await on.browser.post('/account/logout', { csrf: 'x' })
  t.is(forged.location, '/account/logout', 'a form of another site ends nothing, and leads nowhere else')
  const out = await on.browser.send(await on.browser.open('/account/logout'), {})
  t.is(out.location, LOGOUT_URL)
  t.true((await ask(on)).location?.startsWith(LOGIN_URL), 'the next login is asked for again')
})

const ago = (seconds: number) => Math.floor(Date.now() / 1000) - seconds

const grantedIn = async ({ ledger }: Pick<Elsewhere, 'ledger'>) =>
  (await ledger.events()).findLast(({ type }) => type === 'AuthorizationGranted')?.data as { auth_time: number }

test('a login that is older than max_age or prompt=login allow is refused, and a new one does at once', async (t) => {
  const at = await elsewhere(t)
  const { on, ledger } = at
  const sub = await subOf(at, on.username)
  for (const asked of [{ max_age: '60' }, { max_age: '0' }, { prompt: 'login' }, { prompt: 'select_account' }]) {
    const window = { ...on, browser: createBrowser(ledger.url) }
    const login = tell(at, challengeIn(await ask(window, asked)))
    const { requested_at } = (await login.read()).body as { requested_at: number }
    t.true(requested_at <= ago(0) && requested_at > ago(10))
    const old = await login.accept({ sub, auth_time: ago(100) })
    t.deepEqual([old.status, old.body['error']], [409, 'login_required'], JSON.stringify(asked))
    t.regex(String(old.body['error_description']), /ask the person again/)
    const accepted = await login.accept({ sub, auth_time: ago(0) })
    t.is(accepted.status, 200, JSON.stringify(accepted.body))
    const consent = await window.browser.open(pathOf(accepted))
    t.is(titleOf(consent.text), 'Allow access?', JSON.stringify(asked))
  }
})

test('the login application says when the person logged in: what is granted tells it, and later requests go by it', async (t) => {
  const at = await elsewhere(t)
  const { on } = at
  const sub = await subOf(at, on.username)
  const auth_time = ago(500)
  const login = tell(at, challengeIn(await ask(on, { max_age: '600' })))
  const future = await login.accept({ sub, auth_time: ago(-60) })
  t.deepEqual([future.status, future.body['error']], [400, 'invalid_request'])
  t.regex(String(future.body['error_description']), /in the future/)
  for (const wrong of ['now', 1.5, -1, null]) t.is((await login.accept({ sub, auth_time: wrong })).status, 400)
  const accepted = await login.accept({ sub, auth_time })
  t.is(accepted.status, 200, JSON.stringify(accepted.body))
  t.deepEqual((await login.accept({ sub, auth_time })).body, accepted.body)
  t.is((await login.accept({ sub, auth_time: auth_time + 1 })).status, 410, 'another answer')
  await approve(on, await on.browser.open(pathOf(accepted)))
  t.is((await grantedIn(at)).auth_time, auth_time)
  t.is(titleOf((await ask(on, { max_age: '600' })).text), 'Allow access?')
  t.true((await ask(on, { max_age: '400' })).location?.startsWith(LOGIN_URL), 'too old for this one')
  const early = tell(at, challengeIn(await ask(on, { prompt: 'login' })))
  t.is(titleOf((await on.browser.open(pathOf(await early.accept({ sub, auth_time: ago(-8) })))).text), 'Allow access?')
  await approve(on, await ask(on, { prompt: 'consent' }))
  t.true((await grantedIn(at)).auth_time <= ago(0), 'nobody logs in later than now')
})

test('remember: false is a session that the browser forgets when it is closed', async (t) => {
  const at = await elsewhere(t)
  const { on } = at
  const sub = await subOf(at, on.username)
  for (const [remember, lives] of [
    [undefined, true],
    [true, true],
    [false, false],
  ] as const) {
    const login = tell(at, challengeIn(await ask(on, { prompt: 'login' })))
    const accepted = await login.accept({ sub, remember })
    if (remember !== undefined) t.is((await login.accept({ sub, remember: !remember })).status, 410)
    const back = await on.browser.ask(pathOf(accepted))
    const cookie = back.headers.getSetCookie().find((one) => one.includes('ledger-session=')) ?? ''
    t.regex(cookie, /; HttpOnly/)
    t.is(/Max-Age/i.test(cookie), lives, cookie)
  }
})

test('the longest request that is taken goes to the login application in an address that proxies take', async (t) => {
  const at = await elsewhere(t)
  const { on } = at
  const sub = await subOf(at, on.username)
  const state = randomBytes(3400).toString('base64url')
  const sent = await ask(on, { state, login_hint: 'ada@example.com' })
  t.true((sent.location?.length ?? 0) < 7000, String(sent.location?.length))
  const consent = await on.browser.open(pathOf(await tell(at, challengeIn(sent)).accept({ sub })))
  t.is(answerIn(await approve(on, consent)).get('state'), state)
})

test('a login application cannot say that an OpenID provider proved the person', async (t) => {
  const at = await elsewhere(t)
  const sub = await subOf(at, at.on.username)
  const login = tell(at, challengeIn(await ask(at.on)))
  t.is((await login.accept({ sub, amr: ['upstream:example'] })).status, 400)
})
