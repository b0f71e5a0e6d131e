import ava, { type ExecutionContext } from 'ava'
import { answerIn, createBrowser, titleOf } from '../../support/cookie-jar.ts'
import { realTest } from '../../support/real-parts.ts'
import { approve, ask, logIn, scene } from '../authorizing.ts'
import { alertIn, backFrom, link, press, type Signing, startSigning, stranger, through } from './signing-in.ts'

const test = realTest('postgres')

const closing: (() => void | Promise<void>)[] = []
ava.after.always('the ledger of this file stops', async () => {
  for (const close of closing.toReversed()) await close()
})
const keep = { teardown: (close: () => void | Promise<void>) => void closing.push(close) } as ExecutionContext

let opened: Promise<Signing> | undefined
const open = () => (opened ??= startSigning(keep, { example: { creates_people: true } }))

const ago = (seconds: number) => Math.floor(Date.now() / 1000) - seconds

const OLD = /^A new login is asked for, and that one was older\./

test('a login at the provider that is older than max_age or prompt=login allow lets nobody in; a new one does at once', async (t) => {
  const signing = await open()
  for (const asked of [{ max_age: '60' }, { max_age: '0' }, { prompt: 'login' }, { prompt: 'select_account' }]) {
    const on = await scene(signing.ledger)
    const page = await ask(on, asked)
    const sent = await press(on.browser, page)
    const query = new URL(sent.location ?? '').searchParams
    t.deepEqual([query.get('prompt'), query.get('max_age')], ['login', asked.max_age ?? null])
    const person = stranger({ auth_time: ago(100) })
    const refused = await on.browser.open(backFrom(signing.fake, sent, person))
    t.regex(alertIn(refused) ?? '', OLD, JSON.stringify(asked))
    t.is(refused.status, 400)
    t.false([...on.browser.cookies.keys()].some((name) => name.endsWith('session')))
    const consent = await through(signing, on.browser, refused, { ...person, auth_time: ago(0) })
    t.is(titleOf(consent.text), 'Allow access?', JSON.stringify(asked))
  }
})

test('who does not say when the login was made fulfils no max_age', async (t) => {
  const signing = await open()
  const on = await scene(signing.ledger)
  t.regex(alertIn(await through(signing, on.browser, await ask(on, { max_age: '60' }), stranger())) ?? '', OLD)
})

test('the time of the login at the provider is that of the session and of what is granted, and later requests go by it', async (t) => {
  const signing = await open()
  const on = await scene(signing.ledger)
  const auth_time = ago(500)
  const person = stranger({ auth_time })
  await approve(on, await through(signing, on.browser, await ask(on, { max_age: '600' }), person))
  const granted = (await signing.ledger.events()).findLast(
    ({ type, data }) =>
      type === 'AuthorizationGranted' && (data as { client_id: string }).client_id === on.as.client_id,
  )
  const told = (granted?.data as { auth_time: number }).auth_time
  t.true(Math.abs(told - auth_time) <= 2, `${told} ${auth_time}`)
  t.is(titleOf((await ask(on, { max_age: '600' })).text), 'Allow access?')
  t.is(titleOf((await ask(on, { max_age: '400' })).text), 'Log in')
  t.is(answerIn(await ask(on, { max_age: '400', prompt: 'none' })).get('error'), 'login_required')
})

test('an account is linked after a new login there alone, also where the provider has a session already', async (t) => {
  const signing = await open()
  const on = await scene(signing.ledger)
  await logIn(on, await on.browser.open('/login'))
  const person = stranger({ auth_time: ago(100) })
  const sent = await on.browser.send(await on.browser.open('/account/logins'), { provider: 'example' })
  const refused = await on.browser.open(backFrom(signing.fake, sent, person))
  t.regex(alertIn(refused) ?? '', OLD)
  t.false(refused.text.includes('<li>Example</li>'))
  const again = await on.browser.send(refused, { provider: 'example' })
  const linked = await on.browser.open(backFrom(signing.fake, again, { ...person, auth_time: ago(0) }))
  t.true(linked.text.includes('<li>Example</li>'), linked.text)
})

test('who comes to link an account is asked at the provider for a new login: an open session there is none', async (t) => {
  const signing = await open()
  const browser = createBrowser(signing.ledger.url)
  const person = stranger({ auth_time: ago(700) })
  await link(signing, await signing.ledger.user(), person.sub)
  const page = await browser.open('/account/logins')
  const sent = await press(browser, page)
  t.is(new URL(sent.location ?? '').searchParams.get('prompt'), 'login')
  const here = await browser.open(backFrom(signing.fake, sent, person))
  const asked = await browser.send(here, { provider: 'example' })
  t.is(alertIn(asked), 'Log in again before you link an account.', 'ten minutes count from the login there')
})

test('nobody is sent on to a provider that was killed: the person is told, and takes another way', async (t) => {
  const signing = await startSigning(t, { example: { creates_people: true } })
  const on = await scene(signing.ledger)
  const page = await ask(on)
  const sent = await press(on.browser, page)
  await signing.fake.close()
  const away = await on.browser.open(backFrom(signing.fake, sent, stranger()))
  t.regex(alertIn(away) ?? '', /^This way to log in cannot be reached/)
  const again = await press(on.browser, away)
  t.deepEqual([again.status, again.location], [503, null])
  t.regex(alertIn(again) ?? '', /^This way to log in cannot be reached/)
  t.is(titleOf((await logIn(on, again)).text), 'Allow access?')
})
