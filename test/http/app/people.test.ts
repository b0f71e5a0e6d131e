import test from 'ava'
import pino from 'pino'
import { createHttpApp } from '../../../shared/http/app/create-app.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { json, serve } from '../serve-app.ts'

const BROWSER = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8' }

const HOSTILE = `<script>alert("1")</script> & ' </p>`

const people = { for: 'people' } as const

const MACHINES = { for: 'machines', known: () => null, requireHttps: false, trustedProxies: [] } as const

test('every answer of an app for people has the security headers of a page', async (t) => {
  const { url } = await serve(t, people)
  for (const path of ['/address', '/nothing', '/fail/bug']) {
    const { headers } = await fetch(url + path, { headers: BROWSER })
    t.is(
      headers.get('content-security-policy'),
      "default-src 'none';style-src 'self';img-src 'self';base-uri 'none';frame-ancestors 'none'",
    )
    t.is(headers.get('referrer-policy'), 'no-referrer')
    t.is(headers.get('x-content-type-options'), 'nosniff')
    t.is(headers.get('x-frame-options'), 'DENY')
    t.is(headers.get('cache-control'), 'no-store')
    t.is(headers.get('strict-transport-security'), null)
    t.is(headers.get('cross-origin-opener-policy'), null)
  }
})

test('browsers are told to come over HTTPS only where it is required, whoever the app is for', async (t) => {
  for (const audience of ['machines', 'people'] as const) {
    const { url } = await serve(t, { for: audience, requireHttps: true })
    const { headers } = await fetch(`${url}/health/alive`)
    t.regex(headers.get('strict-transport-security') ?? '', /^max-age=31536000/, audience)
  }
})

test('an error is a small page for a browser, with its status, its headers and the request id', async (t) => {
  const { url } = await serve(t, people)
  const expected: [string, number, RegExp][] = [
    ['/nothing', 404, /<p>There is nothing at this path\.<\/p>/],
    ['/fail/refused', 400, /<p>Quote &quot; backslash /],
    ['/fail/append', 503, /<p>The service cannot answer now; try again\.<\/p>/],
    ['/fail/unsettled', 503, /<p>The service cannot answer now; try again\.<\/p>/],
    ['/fail/bug', 500, /<p>The service has a problem of its own\.<\/p>/],
  ]
  for (const [path, status, sentence] of expected) {
    const response = await fetch(url + path, { headers: { ...BROWSER, 'x-request-id': 'abc-1' } })
    const page = await response.text()
    t.is(response.status, status, path)
    t.is(response.headers.get('content-type'), 'text/html; charset=utf-8')
    t.is(response.headers.get('retry-after'), status === 503 ? '1' : null)
    t.regex(page, sentence)
    t.regex(page, /<title>[A-Z][^<]+<\/title>[^]*<code>abc-1<\/code>/)
    t.notRegex(page, /secret detail|<script|style=|src=|href="(?!\/pages\/)/)
  }
})

test('what is another application beside it is told by its status and Allow, in words for a person', async (t) => {
  const beside = createHttpApp({ ...MACHINES, logger: pino({ level: 'silent' }) }).router
  beside.post('/token', () => undefined)
  beside.delete('/token', () => undefined)
  const { url } = await serve(t, { ...people, beside })
  const response = await fetch(`${url}/token`, { headers: BROWSER })
  t.deepEqual([response.status, response.headers.get('allow')], [405, 'POST, DELETE'])
  const page = await response.text()
  t.regex(page, /<h1>This address shows no page<\/h1><p>It is for programs, or for a form\. Go back to the page /)
  const json = await fetch(`${url}/token`, { headers: { accept: 'application/json' } })
  t.like(await json.json(), { error: 'invalid_request', error_description: 'GET is not allowed here' })
  t.is((await fetch(`${url}/elsewhere`, { headers: BROWSER })).status, 404)
})

test('hostile text in an error is shown as text', async (t) => {
  const known = () => new OAuthError('invalid_request', HOSTILE)
  const { url } = await serve(t, { ...people, known })
  const page = await (await fetch(`${url}/fail/bug`, { headers: BROWSER })).text()
  t.true(page.includes("&lt;script>alert(&quot;1&quot;)&lt;/script> &amp; ' &lt;/p>."), page)
  t.notRegex(page, /<script/)
})

test('a program that calls an address of people gets its errors in JSON, and both stand in the access log', async (t) => {
  const { url, lines } = await serve(t, people)
  const response = await fetch(`${url}/fail/refused`, { headers: { accept: 'application/json' } })
  t.deepEqual([response.status, (await json(response)).error], [400, 'invalid_grant'])
  await fetch(`${url}/fail/refused`, { headers: BROWSER })
  const access = lines.filter(({ msg }) => msg === 'request')
  t.deepEqual(
    access.map(({ error }) => error),
    ['invalid_grant', 'invalid_grant'],
  )
})

test('machines get JSON whatever they say they accept', async (t) => {
  const { url } = await serve(t)
  const response = await fetch(`${url}/nothing`, { headers: BROWSER })
  t.deepEqual([response.status, (await json(response)).error], [404, 'not_found'])
})
