import test, { type ExecutionContext } from 'ava'
import { SignJWT } from 'jose'
import { boundedFetch } from '../../../services/authorize/upstream/bounded-fetch.ts'
import { createProvider, type Provider } from '../../../services/authorize/upstream/provider.ts'
import { UpstreamError, type UpstreamFault } from '../../../services/authorize/upstream/upstream-error.ts'
import type { ProviderSettings } from '../../../shared/config/groups/provider-settings.ts'
import { type FakeProvider, startFakeProvider } from './fake-provider.ts'

const REDIRECT_URI = 'https://tokens.example/login/example/callback'
const METADATA = '/.well-known/openid-configuration'
const HOUR = 3_600_000

type Given = { fake: FakeProvider; provider: Provider; clock: { ms: number } }

async function given(t: ExecutionContext, settings: Partial<ProviderSettings> = {}): Promise<Given> {
  const fake = await startFakeProvider()
  t.teardown(() => fake.close())
  const clock = { ms: 0 }
  const provider = createProvider({
    settings: {
      name: 'example',
      label: 'Example',
      issuer: fake.issuer,
      client_id: 'ledger',
      client_secret: 'the secret of the ledger',
      scope: 'openid email',
      creates_people: false,
      groups: [],
      ...settings,
    },
    redirect_uri: REDIRECT_URI,
    fetch: boundedFetch({ timeoutMs: 1000, mostBytes: 100_000 }),
    clock: () => clock.ms,
  })
  return { fake, provider, clock }
}

/** Somebody logs in there and comes back. */
async function arrive({ fake, provider }: Given) {
  const { url, attempt } = await provider.begin()
  return provider.finish(fake.comeBack(url), attempt)
}

async function fails(t: ExecutionContext, fault: UpstreamFault, promise: Promise<unknown>, message?: RegExp) {
  const error = await t.throwsAsync(promise, { instanceOf: UpstreamError, ...(message && { message }) })
  t.is(error.fault, fault, error.message)
  t.notRegex(error.message, /secret|somebody|eyJ/)
}

function answerJson(fake: FakeProvider, path: string, body: unknown, status = 200) {
  fake.answers.set(path, (response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(body))
  })
}

test('a login asks for a code with PKCE, state and nonce, and tells who came by issuer and sub', async (t) => {
  const { fake, provider } = await given(t)
  const { url, attempt } = await provider.begin()
  const asked = Object.fromEntries(new URL(url).searchParams)
  t.like(asked, { client_id: 'ledger', response_type: 'code', scope: 'openid email', redirect_uri: REDIRECT_URI })
  t.like(asked, { code_challenge_method: 'S256', state: attempt.state, nonce: attempt.nonce })
  t.false(url.includes(attempt.code_verifier))
  const arrived = await provider.finish(fake.comeBack(url, { sub: 'anna' }), attempt)
  t.is(arrived.issuer, fake.issuer)
  t.is(arrived.sub, 'anna')
  const { form, authorization } = fake.lastTokenRequest()
  t.is(form.get('code_verifier'), attempt.code_verifier)
  t.regex(authorization ?? '', /^Basic /)
  t.like((await arrived.withProfile()).claims, { sub: 'anna', picture: 'of them' })
})

test('who must log in again is asked there for that, too', async (t) => {
  const { provider } = await given(t)
  t.is(new URL((await provider.begin()).url).searchParams.get('prompt'), null)
  t.is(new URL((await provider.begin({ again: true })).url).searchParams.get('prompt'), 'login')
})

test('no callback counts with another state, code, nonce or iss, or without iss where it is promised', async (t) => {
  const { fake, provider } = await given(t)
  const { url, attempt } = await provider.begin()
  const changed = (name: string, value: string | null) => {
    const parameters = new URLSearchParams(fake.comeBack(url))
    if (value === null) parameters.delete(name)
    else parameters.set(name, value)
    return parameters.toString()
  }
  await fails(t, 'strange', provider.finish(fake.comeBack(url), { ...attempt, state: 'another' }))
  await fails(t, 'strange', provider.finish(changed('state', null), attempt))
  await fails(t, 'strange', provider.finish(`${fake.comeBack(url)}&state=${attempt.state}`, attempt))
  await fails(t, 'strange', provider.finish(changed('iss', 'https://evil.example'), attempt))
  await fails(t, 'strange', provider.finish(changed('iss', null), attempt))
  await fails(t, 'strange', provider.finish(changed('code', 'unknown'), attempt))
  await fails(t, 'strange', provider.finish(fake.comeBack(url), { ...attempt, nonce: 'another' }))
  t.is((await provider.finish(fake.comeBack(url), attempt)).sub, 'somebody')
})

test('an ID token of another issuer, for another client, too old or without a sub is refused', async (t) => {
  const one = await given(t)
  const now = Math.floor(Date.now() / 1000)
  const wrong = [
    { iss: 'https://evil.example' },
    { aud: 'another' },
    { aud: ['ledger', 'another'] },
    { azp: 'another' },
    { aud: ['ledger', 'another'], azp: 'another' },
    { exp: now - 130 },
    { nbf: now + 130 },
    { exp: undefined },
    { nonce: undefined },
    { sub: undefined },
    { sub: '' },
    { sub: 7 },
    { sub: 's'.repeat(256) },
  ]
  for (const claims of wrong) {
    one.fake.claims = claims
    await fails(t, 'strange', arrive(one))
  }
  one.fake.claims = { aud: ['ledger', 'another'], azp: 'ledger' }
  t.is((await arrive(one)).sub, 'somebody')
})

test('a clock that is two minutes off, either way, keeps nobody out', async (t) => {
  const one = await given(t)
  // Its tokens live for a minute.
  for (const clockAhead of [115, -60 - 115]) {
    one.fake.clockAhead = clockAhead
    t.is((await arrive(one)).sub, 'somebody')
  }
})

test('an ID token is taken with the signature of a published key alone: no HMAC, and never without one', async (t) => {
  const one = await given(t)
  one.fake.hiddenKey = true
  await fails(t, 'strange', arrive(one))
  one.fake.header = { kid: 'hidden' }
  await fails(t, 'strange', arrive(one))
  one.fake.behave()
  for (const forge of [byClientSecret, unsigned]) {
    const { url, attempt } = await one.provider.begin()
    const id_token = await forge(forged(one.fake.issuer, attempt.nonce))
    answerJson(one.fake, '/token', { access_token: 'a', token_type: 'Bearer', id_token })
    await fails(t, 'strange', one.provider.finish(one.fake.comeBack(url), attempt))
  }
})

function forged(iss: string, nonce: string) {
  const now = Math.floor(Date.now() / 1000)
  return { iss, nonce, aud: 'ledger', sub: 'somebody', iat: now, exp: now + 60 }
}

async function byClientSecret(claims: ReturnType<typeof forged>) {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from('the secret of the ledger'))
}

function unsigned(claims: ReturnType<typeof forged>) {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ alg: 'none' })}.${part(claims)}.`
}

test('new keys are found by the first login after they came', async (t) => {
  const one = await given(t)
  await arrive(one)
  await one.fake.rotateKeys()
  t.is((await arrive(one)).sub, 'somebody')
  t.is(one.fake.asked.get('/jwks'), 2)
})

const WRONG: Record<string, { answer: Parameters<FakeProvider['answers']['set']>[1]; fault: UpstreamFault }> = {
  'no JSON': { answer: (response) => response.end('<html>'), fault: 'strange' },
  'a list': {
    answer: (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('[]'),
    fault: 'strange',
  },
  'a redirect': { answer: (response) => response.writeHead(302, { location: '/elsewhere' }).end(), fault: 'strange' },
  'a fault of its own': { answer: (response) => response.writeHead(500).end(), fault: 'away' },
  'an overload': { answer: (response) => response.writeHead(503).end(), fault: 'away' },
  'nothing ever': { answer: () => undefined, fault: 'away' },
  'a reset': { answer: (response) => response.socket?.destroy(), fault: 'away' },
  'a huge body': { answer: (response) => response.end('x'.repeat(200_000)), fault: 'strange' },
  'an endless body': {
    answer: (response) => {
      const timer = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(timer))
    },
    fault: 'away',
  },
}

for (const [what, { answer, fault }] of Object.entries(WRONG))
  test(`${what} in place of metadata, tokens or keys is told, within the time, and mended by itself`, async (t) => {
    const one = await given(t)
    for (const path of [METADATA, '/token', '/jwks']) {
      one.fake.answers.set(path, answer)
      const began = performance.now()
      await fails(t, fault, arrive(one))
      t.true(performance.now() - began < 5000)
      one.fake.behave()
      one.clock.ms += 5000
      t.is((await arrive(one)).sub, 'somebody')
      await one.fake.rotateKeys()
    }
    t.is(one.fake.asked.get('/elsewhere'), undefined)
  })

test('an answer that is larger than any of these is not read to its end', async (t) => {
  const { fake } = await given(t)
  fake.answers.set('/large', (response) => response.end('x'.repeat(100_001)))
  const fetch = boundedFetch({ timeoutMs: 1000, mostBytes: 100_000 })
  await fails(t, 'strange', fetch(`${fake.issuer}/large`, {}), /more than 100000 bytes/)
  fake.answers.set('/large', (response) => response.end('x'.repeat(100_000)))
  t.is((await (await fetch(`${fake.issuer}/large`, {})).text()).length, 100_000)
})

test('metadata of another issuer, or without what a login needs, is not used', async (t) => {
  const one = await given(t)
  const wrong = [
    { issuer: 'https://evil.example' },
    { jwks_uri: undefined },
    { jwks_uri: 'http://evil.example/jwks' },
    { token_endpoint: 'http://10.0.0.1/token' },
    { token_endpoint: undefined },
    { authorization_endpoint: undefined },
    { authorization_endpoint: 'http://evil.example/authorize' },
  ]
  for (const metadata of wrong) {
    one.fake.metadata = metadata
    await fails(t, 'strange', arrive(one))
    one.clock.ms += HOUR
  }
  const { settings } = one.provider
  one.fake.behave()
  const slash = createProvider({ settings: { ...settings, issuer: `${settings.issuer}/` }, redirect_uri: REDIRECT_URI })
  await fails(t, 'strange', slash.begin(), /spelled otherwise/)
})

test('a provider that was away at first is found later, and meanwhile asked now and then alone', async (t) => {
  const one = await given(t)
  await one.fake.close()
  await fails(t, 'away', one.provider.begin())
  await one.fake.listen()
  await fails(t, 'away', one.provider.begin())
  t.is(one.fake.asked.size, 0)
  one.clock.ms += 5000
  t.is((await arrive(one)).sub, 'somebody')
})

test('metadata serves ten seconds where somebody is sent there, and on where what comes then is nonsense', async (t) => {
  const one = await given(t)
  await Promise.all([one.provider.begin(), one.provider.begin()])
  await arrive(one)
  one.clock.ms += 9999
  await arrive(one)
  t.is(one.fake.asked.get(METADATA), 1)
  for (const wrong of [404, 200]) {
    one.clock.ms += 10_000
    answerJson(one.fake, METADATA, {}, wrong)
    t.is((await arrive(one)).sub, 'somebody')
    t.is((await arrive(one)).sub, 'somebody')
  }
  t.is(one.fake.asked.get(METADATA), 3, 'a failure stands for a while')
  t.is(one.fake.asked.get('/jwks'), 1, 'keys are fetched when there are new ones')
})

test('nobody is sent to a provider that died: that is noticed within ten seconds, and its coming back within five', async (t) => {
  const one = await given(t)
  const { url, attempt } = await one.provider.begin()
  await one.fake.close()
  one.clock.ms += 9999
  t.regex((await one.provider.begin()).url, /^http/)
  one.clock.ms += 1
  await fails(t, 'away', one.provider.begin())
  t.is(await one.provider.endSessionUrl('https://tokens.example/'), null, 'nor at logout')
  await one.fake.listen()
  t.is((await one.provider.finish(one.fake.comeBack(url), attempt)).sub, 'somebody', 'who was there comes back')
  await fails(t, 'away', one.provider.begin())
  one.clock.ms += 5000
  t.is((await arrive(one)).sub, 'somebody')
  for (const answer of [WRONG['an overload'], WRONG['nothing ever'], WRONG['an endless body']]) {
    one.clock.ms += 10_000
    one.fake.answers.set(METADATA, answer?.answer ?? (() => undefined))
    await fails(t, 'away', one.provider.begin())
  }
})

test('the provider is asked for a login that is young enough, and its own clock says how old it is', async (t) => {
  const { fake, provider } = await given(t)
  const { url, attempt } = await provider.begin({ max_age: 0 })
  t.is(new URL(url).searchParams.get('max_age'), '0')
  t.is(new URL((await provider.begin({ again: true })).url).searchParams.get('max_age'), null)
  t.is((await provider.finish(fake.comeBack(url), attempt)).age, null)
  for (const clockAhead of [0, 115, -115]) {
    fake.clockAhead = clockAhead
    for (const age of [0, 40, -5]) {
      const begun = await provider.begin()
      const auth_time = Math.floor(Date.now() / 1000) + clockAhead - age
      const arrived = await provider.finish(fake.comeBack(begun.url, { sub: 'anna', auth_time }), begun.attempt)
      t.true(Math.abs((arrived.age ?? NaN) - Math.max(0, age)) <= 1)
    }
  }
  fake.behave()
  for (const auth_time of ['1', null, true]) {
    const begun = await provider.begin()
    await fails(t, 'strange', provider.finish(fake.comeBack(begun.url, { sub: 'anna', auth_time }), begun.attempt))
  }
})

test('what the provider answers in place of a code is told apart: a no, an outage, all else', async (t) => {
  const { provider, fake } = await given(t)
  const answers = [
    ['access_denied', 'denied'],
    ['temporarily_unavailable', 'away'],
    ['server_error', 'away'],
    ['invalid_scope', 'strange'],
    ['<b>', 'strange'],
  ] as const
  for (const [error, fault] of answers) {
    const { attempt } = await provider.begin()
    const query = new URLSearchParams({ error, state: attempt.state, iss: fake.issuer, error_description: 'secret' })
    await fails(t, fault, provider.finish(query.toString(), attempt))
  }
})

test('a logout goes on to the provider where it has a place for that, and without an ID token', async (t) => {
  const { provider, fake, clock } = await given(t)
  const url = new URL((await provider.endSessionUrl('https://tokens.example/')) ?? '')
  t.is(url.origin + url.pathname, `${fake.issuer}/logout`)
  t.deepEqual(Object.fromEntries(url.searchParams), {
    client_id: 'ledger',
    post_logout_redirect_uri: 'https://tokens.example/',
  })
  for (const end_session_endpoint of [undefined, 'javascript:alert(1)', 'http://evil.example/logout']) {
    fake.metadata = { end_session_endpoint }
    clock.ms += HOUR
    t.is(await provider.endSessionUrl('https://tokens.example/'), null)
  }
})
