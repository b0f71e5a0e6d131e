import { answerIn, formOf } from '../support/cookie-jar.ts'
import { sharedLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { approve, ask, logIn, scene } from './authorizing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()

const PAYLOADS = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onfocus='alert(1)' autofocus='",
  '</title><svg/onload=alert(1)>',
  '&lt;b&gt; &amp;quot; &#60;script&#62;',
  '{client} {user} ${1+1}',
  'javascript:alert(1)',
  '\u202Egnp.exe <b>',
]

/** No page here has such an element. What got out of an attribute would begin one: see the payloads with `"`. */
const HOSTILE = /<(script|img|svg|b)\b/i

test('names of clients, scopes and people, and what a request says, are shown as they are and never as markup', async (t) => {
  const { ledger } = await scene(await ledgerOfAll())
  for (const [at, payload] of PAYLOADS.entries()) {
    const scope = `s${at}<script>'&`
    const { runtime } = ledger
    const fact = { revision: 1, scope: { name: scope, description: payload, includes: [payload, '*'] } }
    await runtime.commit({ type: 'ScopePut', data: fact }, { actor: 'system/test' }, { next: 0 })
    const redirect_uri = `com.example.app:/cb?'${at}&x=(1)`
    const on = await scene(ledger, { client_name: payload, scope, redirect_uris: [redirect_uri] })
    const login = await ask(on, { redirect_uri, state: payload, nonce: payload })
    const wrong = await on.browser.send(login, { username: payload, password: payload })
    const consent = await logIn(on, wrong)
    const pages = [login, wrong, consent, await approve(on, consent), await ask(on, { redirect_uri: payload })]
    for (const page of pages) {
      t.notRegex(page.text.replace(/<style[^]*?<\/style>/, ''), HOSTILE, payload)
      t.regex(page.headers.get('content-security-policy') ?? '', /^default-src 'none';/)
    }
    const shown = payload.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
    t.true(consent.text.includes(shown), payload)
    t.true(formOf(consent).fields['scope_0'] === scope)
  }
})

test('a user name of any kind is shown as text', async (t) => {
  const on = await scene(await ledgerOfAll())
  const sub = on.username.replace('.name', '')
  const username = `<script>alert("${sub}")</script>`
  await on.ledger.user({ sub, personal: { username, name: null, email: null } })
  const consent = await logIn({ ...on, username }, await ask(on))
  t.true(consent.text.includes(`&lt;script>alert(&quot;${sub}&quot;)`), consent.text)
  t.notRegex(consent.text, HOSTILE)
  t.truthy(answerIn(await approve(on, consent)).get('code'))
})
