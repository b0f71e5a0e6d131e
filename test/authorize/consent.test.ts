import type { ExecutionContext } from 'ava'
import { passwordSettingOf, requirePasswords } from '../../shared/process/runtime.ts'
import { setPassword } from '../../shared/read-model/passwords/set-password.ts'
import { answerIn, createBrowser, formOf, type Page, titleOf } from '../support/cookie-jar.ts'
import { seeded } from '../support/kept-logs.ts'
import { sharedLedger, startLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { approve, ask, authorizeIn, exchangeOf, logIn, type Scene, scene } from './authorizing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()

const CONSENT = 'Allow access?'
const LOGIN = 'Log in'

const codeIn = (page: Page) => answerIn(page).get('code') ?? ''

async function exchanged(t: ExecutionContext, on: Scene, page: Page): Promise<Record<string, unknown>> {
  const { status, body } = await exchangeOf(on, codeIn(page))
  t.is(status, 200, JSON.stringify(body))
  return body
}

async function grantsOf({ ledger, as }: Scene): Promise<{ grant_id: string; scope: string; status: string }[]> {
  const { knex, schema } = ledger.runtime
  const rows: unknown[] = await knex(`${schema}.grants`).where({ client_id: as.client_id }).orderBy('grant_id')
  return rows as { grant_id: string; scope: string; status: string }[]
}

const subOf = ({ username }: Scene) => username.replace('.name', '')

test('traps-people 27: nobody is asked again for what was allowed, and is for more, which is marked; what was unticked is not allowed', async (t) => {
  const on = await scene(await ledgerOfAll(), { scope: 'read write more' })
  const first = await approve(on, await logIn(on, await ask(on, { scope: 'read write' })), { scope_1: '' })
  t.is((await exchanged(t, on, first))['scope'], 'read', 'the answer says what was allowed')
  t.truthy(codeIn(await ask(on, { scope: 'read' })), 'remembered')
  t.is(answerIn(await ask(on, { scope: 'read', prompt: 'none' })).get('error'), null)
  const page = await ask(on, { scope: 'read write' })
  t.is(titleOf(page.text), CONSENT)
  t.deepEqual(page.text.match(/<code>\w+<\/code>(?: <span class="badge">New)?/g), [
    '<code>read</code>',
    '<code>write</code> <span class="badge">New',
  ])
  t.is(answerIn(await ask(on, { scope: 'read write', prompt: 'none' })).get('error'), 'consent_required')
  t.is(titleOf((await ask(on)).text), CONSENT, 'all that the client may have is more')
  t.is(titleOf((await ask(on, { scope: 'read', prompt: 'consent' })).text), CONSENT, 'the client wants it asked')
})

test('a consent is remembered while the grant that it made lives, and no longer; one that was remembered makes none', async (t) => {
  const on = await scene(await ledgerOfAll())
  const tokens = await exchanged(t, on, await authorizeIn(on))
  const again = await ask(on)
  await exchanged(t, on, again)
  const [first] = await grantsOf(on)
  const consents = []
  for (const { grant_id } of await grantsOf(on)) consents.push((await on.ledger.eventsOf(grant_id))[0]?.data['consent'])
  t.deepEqual(consents, ['asked', 'remembered'])
  const form = { token: String(tokens['refresh_token']) }
  t.is((await on.ledger.post('/oauth2/revoke', form, { as: on.as })).status, 200)
  t.is((await grantsOf(on)).find(({ grant_id }) => grant_id === first?.grant_id)?.status, 'revoked')
  t.is(titleOf((await ask(on)).text), CONSENT)
})

test('a public client is asked for each time: anybody can say to be it', async (t) => {
  const on = await scene(await ledgerOfAll(), { client_type: 'public', token_endpoint_auth_method: 'none' })
  await exchanged(t, on, await authorizeIn(on))
  t.is(titleOf((await ask(on)).text), CONSENT)
  t.is(answerIn(await ask(on, { prompt: 'none' })).get('error'), 'consent_required')
})

test('what a person allowed one client counts for no other, and for no other person', async (t) => {
  const on = await scene(await ledgerOfAll())
  await exchanged(t, on, await authorizeIn(on))
  const other = await scene(on.ledger)
  t.is(titleOf((await ask({ ...other, browser: on.browser })).text), CONSENT)
  t.is(
    titleOf(
      (
        await logIn(
          { ...on, username: other.username, browser: other.browser },
          await ask({ ...on, browser: other.browser }),
        )
      ).text,
    ),
    CONSENT,
  )
})

test('who asks at the same moment as others is asked for what is their own', async (t) => {
  const ledger = await ledgerOfAll()
  const scenes = await Promise.all(['read write', 'read', 'more'].map((scope) => scene(ledger, { scope })))
  const [first] = scenes as [Scene, ...Scene[]]
  for (const on of scenes) await exchanged(t, on, await authorizeIn(on))
  const strangers = await Promise.all(scenes.map(({ as }) => scene(ledger).then((on) => ({ ...on, as }))))
  for (const on of strangers) await logIn(on, await ask(on))
  const asking = [...strangers, ...scenes, ...strangers].map((on) => ask(on))
  const pages = await Promise.all([...asking, ask(first, { prompt: 'consent' })])
  const asked = pages.map((page) => (page.location ? 'remembered' : page.text.match(/<code>\w+<\/code>/g)?.join(' ')))
  const all = ['<code>read</code> <code>write</code>', '<code>read</code>', '<code>more</code>']
  t.deepEqual(asked, [...all, 'remembered', 'remembered', 'remembered', ...all, all[0]])
})

test('the event of an authorization says how and when the person was logged in', async (t) => {
  const on = await scene(await ledgerOfAll())
  const before = Math.floor(Date.now() / 1000)
  await authorizeIn(on, { nonce: 'n-1' })
  const [grant] = await grantsOf(on)
  const [event] = await on.ledger.eventsOf(grant?.grant_id ?? '')
  t.like(event?.data, { consent: 'asked', amr: ['pwd'], nonce: 'n-1', principal: { type: 'user', id: subOf(on) } })
  t.true(Number(event?.data['auth_time']) >= before - 2)
  t.is(typeof event?.data['sid'], 'string')
})

test('traps-people 13: Approve twice, at once or later, is one grant and the same code; once that was used the person is asked again', async (t) => {
  const on = await scene(await ledgerOfAll(), { client_type: 'public', token_endpoint_auth_method: 'none' })
  const page = await logIn(on, await ask(on))
  const answers = await Promise.all([approve(on, page), approve(on, page), approve(on, page, { scope_0: '' })])
  const later = await approve(on, page)
  t.is(new Set([...answers, later].map(codeIn)).size, 1)
  t.is((await grantsOf(on)).length, 1)
  await exchanged(t, on, later)
  const after = await approve(on, page)
  t.deepEqual([titleOf(after.text), after.location], [CONSENT, null])
  t.is((await grantsOf(on)).length, 1)
  const fresh = await approve(on, after)
  t.not(codeIn(fresh), codeIn(later))
  await exchanged(t, on, fresh)
})

test('another process answers the second Approve with the same code', async (t) => {
  const ledger = await ledgerOfAll()
  const other = await startLedger(t, { beside: ledger, services: ['token-endpoint', 'authorize'] })
  const on = await scene(ledger)
  const page = await logIn(on, await ask(on))
  const there = createBrowser(other.url)
  for (const [name, value] of on.browser.cookies) there.cookies.set(name, value)
  const [one, two] = await Promise.all([approve(on, page), approve({ ...on, browser: there }, page)])
  t.is(codeIn(one), codeIn(two))
  t.is((await grantsOf(on)).length, 1)
  const { status } = await exchangeOf({ ...on, ledger: other }, codeIn(two))
  t.is(status, 200)
})

test('nothing ticked is told, and no scope that was not asked can be added', async (t) => {
  const on = await scene(await ledgerOfAll(), { scope: 'read write more' })
  const page = await logIn(on, await ask(on, { scope: 'read write' }))
  const nothing = await approve(on, page, { scope_0: '', scope_1: '' })
  t.deepEqual([nothing.status, titleOf(nothing.text)], [400, `Problem: ${CONSENT}`])
  const answer = await approve(on, nothing, { scope_2: 'more', scope_9: 'ledger.admin' })
  t.is((await exchanged(t, on, answer))['scope'], 'read write')
})

test('a consent counts for its own page, request and login alone, unchanged', async (t) => {
  const on = await scene(await ledgerOfAll())
  const page = await logIn(on, await ask(on))
  const { fields } = formOf(page)
  const thief = await scene(on.ledger)
  const theirs = formOf(await logIn(thief, await ask({ ...thief, as: on.as })))
  const decision = 'approve'
  const onward = formOf(await ask({ ...on, browser: createBrowser(on.ledger.url) })).fields['onward'] ?? ''
  const [kid = '', payload = '', mac = ''] = (fields['consent'] ?? '').split('.')
  const tampered = Buffer.from(
    Buffer.from(payload, 'base64url').toString().replace('read write', 'read').replace('the state', 'other'),
  ).toString('base64url')
  const forged: [Record<string, string>, string][] = [
    [{ ...fields, csrf: theirs.fields['csrf'] ?? '', decision }, CONSENT],
    [{ ...fields, csrf: '', decision }, CONSENT],
    [{ ...theirs.fields, csrf: fields['csrf'] ?? '', decision }, CONSENT],
    [{ ...theirs.fields, decision }, CONSENT],
    [{ ...fields, consent: `${kid}.${tampered}.${mac}`, decision }, 'Please start again'],
    [{ ...fields, consent: onward, decision }, 'Please start again'],
    [{ decision }, 'Please start again'],
    [{ ...fields, decision: 'yes' }, CONSENT],
  ]
  for (const [form, title] of forged) {
    const answer = await on.browser.follow(await on.browser.post('/consent', form))
    t.deepEqual([titleOf(answer.text), answer.location], [title, null])
  }
  const without = createBrowser(on.ledger.url)
  const login = await without.post('/consent', { ...fields, decision })
  t.is(titleOf(login.text), `Problem: ${LOGIN}`)
  t.deepEqual(await grantsOf(on), [])
  t.is(
    answerIn(
      await logIn({ ...on, browser: without }, login).then((shown) => approve({ ...on, browser: without }, shown)),
    ).get('state'),
    'the state',
  )
})

test('who changed the password, was disabled or revoked since cannot approve with the login of before', async (t) => {
  const ledger = await ledgerOfAll()
  const changes: Record<string, (on: Scene) => Promise<unknown>> = {
    password: async (on) => {
      seeded('another good password')
      const hashed = await requirePasswords(ledger.runtime).hash('another good password')
      const setting = { sub: subOf(on), hashed, context: { actor: 'system/test' } }
      await setPassword(passwordSettingOf(ledger.runtime), setting, () => Promise.resolve())
    },
    disabled: (on) => ledger.user({ sub: subOf(on), enabled: false }),
    revoked: (on) => ledger.revokeAllOfUser(subOf(on)),
    deleted: (on) => ledger.deleteUser(subOf(on)),
  }
  for (const [what, change] of Object.entries(changes)) {
    const on = await scene(ledger)
    const page = await logIn(on, await ask(on))
    await change(on)
    const answer = await approve(on, page)
    t.deepEqual([titleOf(answer.text), answer.location], [`Problem: ${LOGIN}`, null], what)
    t.deepEqual(await grantsOf(on), [], what)
    t.is(answerIn(await ask(on, { prompt: 'none' })).get('error'), 'login_required', what)
  }
})

test('a client that is disabled, or loses the redirect URI, while the page is open gets no answer', async (t) => {
  const on = await scene(await ledgerOfAll())
  const page = await logIn(on, await ask(on))
  await on.ledger.changeClient(on.as, { redirect_uris: ['https://app.example/other'] })
  for (const decision of ['approve', 'deny']) {
    const answer = await on.browser.send(page, { decision })
    t.deepEqual([answer.status, answer.location], [400, null], decision)
  }
})

test('traps-people 28: prompt=none is answered with an error and neither page nor cookie', async (t) => {
  const on = await scene(await ledgerOfAll())
  const none = { prompt: 'none' }
  const silent = await ask(on, none)
  t.is(answerIn(silent).get('error'), 'login_required')
  t.deepEqual([silent.text, silent.headers.getSetCookie()], ['', []])
  await logIn(on, await ask(on))
  const unasked = await ask(on, none)
  t.is(answerIn(unasked).get('error'), 'consent_required')
  t.deepEqual([unasked.text, unasked.headers.getSetCookie()], ['', []])
  t.is(answerIn(await ask(on, { ...none, max_age: '0' })).get('error'), 'login_required')
  await exchanged(t, on, await approve(on, await ask(on)))
  t.truthy(codeIn(await ask(on, none)))
})

test('traps-people 29: max_age=0, prompt=login and select_account ask for exactly one password, which does', async (t) => {
  const on = await scene(await ledgerOfAll())
  await exchanged(t, on, await authorizeIn(on))
  t.truthy(codeIn(await ask(on)), 'without them nobody is asked')
  for (const over of [
    { max_age: '0' },
    { prompt: 'login' },
    { prompt: 'select_account' },
    { prompt: 'login consent' },
  ]) {
    const login = await ask(on, over)
    t.is(titleOf(login.text), LOGIN, JSON.stringify(over))
    t.regex(login.text, new RegExp(`name="username"[^>]*value="${on.username}"`), 'with the name of who is logged in')
    const answer = await logIn(on, login)
    const isAsked = over.prompt === 'login consent'
    t.is(titleOf(answer.text), isAsked ? CONSENT : '', JSON.stringify(over))
    t.truthy(codeIn(isAsked ? await approve(on, answer) : answer), JSON.stringify(over))
  }
  t.truthy(codeIn(await ask(on, { max_age: '1000' })), 'a login that is younger does')
})

test('"Log in as somebody else" goes on with the same request', async (t) => {
  const on = await scene(await ledgerOfAll())
  const other = await scene(on.ledger)
  const page = await logIn(on, await ask(on))
  const login = await on.browser.send(page, { decision: 'other-user' })
  t.is(titleOf(login.text), LOGIN)
  const asked = await logIn({ ...on, username: other.username }, login)
  t.true(asked.text.includes(other.username))
  const answer = await approve(on, asked)
  t.is(answerIn(answer).get('state'), 'the state')
  const { body } = await exchangeOf(on, codeIn(answer))
  t.is((await on.ledger.introspect(String(body['access_token'])))['sub'], subOf(other))
})

test('mix-up: an answer says whose it is, and its code is worth nothing to another client or another verifier', async (t) => {
  const on = await scene(await ledgerOfAll())
  const other = await scene(on.ledger)
  const code = codeIn(await authorizeIn(on))
  t.is((await exchangeOf({ ...on, as: other.as }, code)).status, 400)
  t.is((await exchangeOf({ ...on, verifier: other.verifier }, code)).status, 400)
  t.is((await exchangeOf(on, code)).status, 200)
})

test('a client without scope is asked for as such, and gets a code', async (t) => {
  const on = await scene(await ledgerOfAll(), { scope: '' })
  const answer = await authorizeIn(on)
  t.is((await exchanged(t, on, answer))['scope'], undefined)
})
