import { createBrowser, answerIn, titleOf } from '../support/cookie-jar.ts'
import { CALLBACK } from '../support/codes.ts'
import { ISSUER, sharedLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { approve, ask, authorizeIn, exchangeOf, logIn, queryOf, scene } from './authorizing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()

/** Every printable character of ASCII, and some that are more than one byte. */
const STATE = `${Array.from({ length: 95 }, (_, at) => String.fromCharCode(32 + at)).join('')}äß€😀`

const WITH_QUERY = 'https://app.example/callback?keep=a%20b&x'

test('traps-people 1, 2, 4: state comes back to the byte, a registered query stays and iss is there: after a login, remembered, denied, refused', async (t) => {
  const on = await scene(await ledgerOfAll(), { redirect_uris: [WITH_QUERY] })
  const over = { redirect_uri: WITH_QUERY, state: STATE }
  const first = await authorizeIn(on, over)
  const { status } = await exchangeOf(on, answerIn(first).get('code'), WITH_QUERY)
  t.is(status, 200)
  const answers = {
    approved: first,
    remembered: await ask(on, over),
    silent: await ask(on, { ...over, prompt: 'none' }),
    denied: await on.browser.send(await ask(on, { ...over, prompt: 'consent' }), { decision: 'deny' }),
    refused: await ask(on, { ...over, scope: 'more' }),
    unsupported: await ask(on, { ...over, response_type: 'token' }),
    loggedOut: await createBrowser(on.ledger.url).open(`/oauth2/auth?${queryOf(on, { ...over, prompt: 'none' })}`),
  }
  const errors = [null, null, null, 'access_denied', 'invalid_scope', 'unsupported_response_type', 'login_required']
  for (const [at, [what, page]] of Object.entries(answers).entries()) {
    t.is(page.status, 303, what)
    t.true(page.location?.startsWith(`${WITH_QUERY}&`), `${what}: ${page.location}`)
    const sent = answerIn(page)
    t.is(sent.get('state'), STATE, what)
    t.is(sent.get('iss'), ISSUER, what)
    t.is(sent.get('error'), errors[at] ?? null, what)
    t.is(sent.has('code'), errors[at] === null, what)
    t.deepEqual(sent.getAll('keep'), ['a b'], what)
    // A blank is a blank to whoever decodes a plus sign as one, and to whoever does not.
    t.false(page.location?.includes('+'), what)
  }
})

test('traps-people 4: iss is on the answers of each alias as well, by GET and by POST', async (t) => {
  const on = await scene(await ledgerOfAll())
  for (const path of ['/oauth2/auth', ...['/', ':', '%3A', '%3a'].map((one) => `/invoke/pub.oauth${one}authorize`)])
    for (const method of ['GET', 'POST']) {
      const query = queryOf(on, { prompt: 'none' })
      const { ask: get, post, follow } = on.browser
      const page = await (method === 'GET' ? get(`${path}?${query}`) : post(path, query).then(follow))
      t.deepEqual([page.status, answerIn(page).get('iss')], [303, ISSUER], `${method} ${path}`)
      t.is(answerIn(page).get('error'), 'login_required')
    }
})

test('traps-people 3: once client and redirect_uri are proven every other error goes to the client, with state and iss', async (t) => {
  const on = await scene(await ledgerOfAll(), { client_type: 'public', token_endpoint_auth_method: 'none' })
  const cannot = await scene(on.ledger, { grant_types: ['client_credentials'] })
  const expected: [Record<string, string | undefined>, string][] = [
    [{ response_type: undefined }, 'invalid_request'],
    [{ response_type: 'token' }, 'unsupported_response_type'],
    [{ response_type: 'code token' }, 'unsupported_response_type'],
    [{ scope: 'read admin' }, 'invalid_scope'],
    [{ scope: 'a"b' }, 'invalid_scope'],
    [{ code_challenge: undefined, code_challenge_method: undefined }, 'invalid_request'],
    [{ code_challenge_method: 'plain' }, 'invalid_request'],
    [{ code_challenge_method: undefined }, 'invalid_request'],
    [{ code_challenge: 'short' }, 'invalid_request'],
    [{ request: 'e30.e30.' }, 'request_not_supported'],
    [{ request_uri: 'https://app.example/request' }, 'request_uri_not_supported'],
    [{ registration: '{}' }, 'registration_not_supported'],
    [{ response_mode: 'fragment' }, 'invalid_request'],
    [{ prompt: 'create' }, 'invalid_request'],
    [{ prompt: 'none login' }, 'invalid_request'],
    [{ max_age: '-1' }, 'invalid_request'],
    [{ max_age: 'soon' }, 'invalid_request'],
    [{ nonce: 'x'.repeat(5000) }, 'invalid_request'],
    [{ unknown: 'x'.repeat(5000) }, 'invalid_request'],
    [{ client_id: cannot.as.client_id }, 'unauthorized_client'],
  ]
  for (const [over, error] of expected) {
    const page = await ask(on, over)
    t.is(page.status, 303, `${JSON.stringify(over)} ${titleOf(page.text)}`)
    t.true(page.location?.startsWith(`${CALLBACK}?`))
    const sent = answerIn(page)
    t.deepEqual([sent.get('error'), sent.get('state'), sent.get('iss')], [error, 'the state', ISSUER])
    t.regex(sent.get('error_description') ?? '', /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
    t.deepEqual([...on.browser.cookies], [], 'nobody was shown anything')
  }
})

test('traps-people 5: a repeated parameter is told the client, a repeated client_id or redirect_uri on a page', async (t) => {
  const on = await scene(await ledgerOfAll())
  const send = (more: string) => on.browser.open(`/oauth2/auth?${queryOf(on)}${more}`)
  for (const more of ['&scope=read&scope=read', '&response_type=code', '&prompt=&prompt=login', '&foo=1&foo=2']) {
    const page = await send(more)
    t.deepEqual([page.status, answerIn(page).get('error')], [303, 'invalid_request'], more)
    t.is(answerIn(page).get('state'), 'the state')
  }
  const twice = await send('&state=b')
  t.deepEqual([answerIn(twice).get('error'), answerIn(twice).has('state')], ['invalid_request', false])
  for (const name of ['client_id', 'redirect_uri'])
    for (const value of [CALLBACK, on.as.client_id, '', '%FF']) {
      const page = await send(`&${name}=${value}`)
      t.deepEqual([page.status, page.location], [400, null], `${name}=${value}`)
    }
  const broken = await send('&foo=%FF')
  t.is(answerIn(broken).get('error'), 'invalid_request')
})

test('traps-people 6: resource, also more than once, and unknown parameters have no effect', async (t) => {
  const on = await scene(await ledgerOfAll())
  const more = '&resource=https%3A%2F%2Fa.example&resource=https%3A%2F%2Fb.example&foo=bar&foo%5Bbar%5D=1&scope='
  const login = await on.browser.open(`/oauth2/auth?${queryOf(on)}${more}`)
  const answer = await approve(on, await logIn(on, login))
  t.is(answerIn(answer).get('error'), null)
  t.is((await exchangeOf(on, answerIn(answer).get('code'))).body['scope'], 'read write')
})

/** Each looks like one of REGISTERED to somebody. */
const REGISTERED = [CALLBACK, 'http://127.0.0.1/cb', 'http://localhost/cb', 'com.example.app:/cb']
const TRICKS = [
  ...['https://evil.example/callback', 'https://app.example/callback/', 'https://app.example/callback?x=1'],
  ...['https://app.example/Callback', 'https://APP.example/callback', 'http://app.example/callback'],
  ...['https://app.example:443/callback', 'https://app.example/./callback', 'https://app.example/x/../callback'],
  ...[
    'https://app.example.evil/callback',
    'https://app.example@evil.example/callback',
    'https://app.example%40evil/cb',
  ],
  ...['https://app.example\\@evil.example/callback', '//app.example/callback', 'https:app.example/callback'],
  ...['https://app.example/callback#', 'https://app.example/callback#x', 'https://app.example/callback%00'],
  ...['https://app.example/callback\n', '\thttps://app.example/callback', 'https://app.example/callback '],
  ...['http://127.0.0.1:1@evil.example/cb', 'http://a@b@evil.example/cb', 'http://127.0.0.1@evil.example/cb'],
  ...['http://localhost.evil.example/cb', 'http://localhost:1%40evil.example/cb', 'http://127.0.0.1.evil.example/cb'],
  ...['http://127.0.0.1:99999/cb', 'http://127.0.0.1:/cb', 'http://127.0.0.1:80:80/cb', 'http://127.1/cb'],
  ...['http://[::1]/cb', 'http://2130706433/cb', 'https://127.0.0.1/cb', 'http://127.0.0.1/cb/../x'],
  ...['com.example.app:/cb2', 'com.example.app://evil.example/cb', 'javascript:alert(1)', 'data:text/html,x'],
  ...['https://app.example/callback,https://evil.example', '*', 'https://*.example/callback'],
]

test('traps-people 10: no trick with redirect_uri, and no client that is none, leads anywhere but to a page of ours', async (t) => {
  const on = await scene(await ledgerOfAll(), { redirect_uris: REGISTERED })
  const off = await scene(on.ledger)
  await on.ledger.changeClient(off.as, { enabled: false })
  const bad: Record<string, string | undefined>[] = [
    ...TRICKS.map((redirect_uri) => ({ redirect_uri })),
    ...[undefined, '', 'nobody', "' OR 1=1 --", '\u0000', '😀'].map((client_id) => ({ client_id })),
    { redirect_uri: undefined },
    { client_id: off.as.client_id },
  ]
  for (const over of bad)
    for (const more of [{}, { prompt: 'none' }, { response_type: 'token' }]) {
      const page = await ask(on, { ...over, ...more })
      t.deepEqual([page.status, page.location], [400, null], JSON.stringify(over))
      t.is(titleOf(page.text), 'This request cannot be answered')
      t.regex(page.text, /Request id: <code>[\w-]+<\/code>/)
      t.notRegex(page.text, /evil|<a /)
    }
  t.deepEqual([...on.browser.cookies], [])
})

test('traps-people 9: an application on the own machine is answered at whatever port it listens on', async (t) => {
  const on = await scene(await ledgerOfAll(), { redirect_uris: ['http://127.0.0.1/cb', 'http://[::1]/cb'] })
  await logIn(on, await ask(on, { redirect_uri: 'http://127.0.0.1:51004/cb' }))
  for (const redirect_uri of ['http://127.0.0.1:51004/cb', 'http://[::1]:8/cb']) {
    const answer = await approve(on, await ask(on, { redirect_uri, prompt: 'consent' }))
    t.true(answer.location?.startsWith(`${redirect_uri}?code=`), answer.location ?? answer.text)
    t.is((await exchangeOf(on, answerIn(answer).get('code'), redirect_uri)).status, 200)
  }
})

test('traps-people 14: what goes to an app is a page with a link as well, and prompt=none never is one', async (t) => {
  const redirect_uri = 'com.example.app:/cb'
  const on = await scene(await ledgerOfAll(), { redirect_uris: [redirect_uri] })
  const page = await authorizeIn(on, { redirect_uri })
  t.is(page.status, 200)
  const [, link = ''] = /<a class="button main" href="([^"]+)"/.exec(page.text) ?? []
  t.regex(link, /^com\.example\.app:\/cb\?code=tl_ac_[\w-]+&amp;state=the%20state&amp;iss=/)
  t.true(page.text.includes(`<meta http-equiv="refresh" content="0;url=${link}"`))
  t.is(page.headers.get('cache-control'), 'no-store')
  const silent = await ask(on, { redirect_uri, prompt: 'none' })
  t.is(silent.status, 303)
  t.is(answerIn(silent).get('error'), 'consent_required')
})

test('no other method is answered, no other origin may read, and nothing of a request is logged', async (t) => {
  const on = await scene(await ledgerOfAll())
  const path = `/oauth2/auth?${queryOf(on, { state: 'state-of-mine' })}`
  for (const method of ['HEAD', 'PUT', 'DELETE', 'PATCH']) t.is((await on.browser.ask(path, { method })).status, 405)
  for (const headers of [{ origin: 'https://app.example' }, { origin: 'null' }]) {
    const page = await on.browser.ask(path, { headers })
    t.is(page.headers.get('access-control-allow-origin'), null)
  }
  t.is((await on.browser.post('/oauth2/auth', `x=${'x'.repeat(70_000)}`)).status, 413)
  const json = await on.browser.ask('/oauth2/auth', { method: 'POST', headers: { 'content-type': 'application/json' } })
  t.is(json.status, 400)
  const answer = await authorizeIn(on, { state: 'state-of-mine' })
  t.truthy(answerIn(answer).get('code'))
  const lines = on.ledger.lines.map((line) => JSON.stringify(line)).join('\n')
  t.true(lines.includes('"path":"/oauth2/auth"'))
  t.notRegex(lines, /state-of-mine|tl_ac_|code_challenge|onward/)
})
