import test from 'ava'
import { nextData, openSocket, sendRaw } from '../../support/raw-requests.ts'
import { form, json, serve } from '../serve-app.ts'

test('every answer is no-store, has a request id and security headers', async (t) => {
  const { url } = await serve(t)
  for (const path of ['/address', '/nothing', '/fail/bug', '/fail/append']) {
    const { headers } = await fetch(url + path)
    t.is(headers.get('cache-control'), 'no-store')
    t.is(headers.get('pragma'), 'no-cache')
    t.regex(headers.get('x-request-id') ?? '', /^[\da-f-]{36}$/)
    t.is(headers.get('x-content-type-options'), 'nosniff')
    t.regex(headers.get('content-security-policy') ?? '', /default-src 'none'/)
    t.regex(headers.get('content-type') ?? '', /^application\/json/)
  }
})

test('a harmless request id is kept, another replaced; a trace context is kept when well-formed', async (t) => {
  const { url } = await serve(t)
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`
  const kept = await fetch(`${url}/address`, { headers: { 'x-request-id': 'abc-1.2:3', traceparent } })
  t.is(kept.headers.get('x-request-id'), 'abc-1.2:3')
  t.is((await json(kept))['traceparent'], traceparent)
  for (const id of ['a b', 'x'.repeat(65), '<script>']) {
    const replaced = await fetch(`${url}/address`, { headers: { 'x-request-id': id, traceparent: '00-x' } })
    t.regex(replaced.headers.get('x-request-id') ?? '', /^[\da-f-]{36}$/)
    t.is((await json(replaced))['traceparent'], null)
  }
})

test('an unknown path is a JSON 404, a wrong method a JSON 405 with Allow', async (t) => {
  const { url } = await serve(t)
  const missing = await fetch(`${url}/nothing`)
  t.deepEqual([missing.status, (await json(missing)).error], [404, 'not_found'])
  for (const method of ['GET', 'PUT', 'DELETE', 'PROPFIND']) {
    const response = await fetch(`${url}/oauth2/token`, { method })
    t.deepEqual([response.status, response.headers.get('allow')], [405, 'POST'], method)
    t.is((await json(response)).error, 'invalid_request')
  }
  t.is((await fetch(`${url}/oauth2/token`, { method: 'HEAD' })).status, 405)
})

test('an error description holds only the characters that RFC 6749 allows', async (t) => {
  const { url } = await serve(t)
  const response = await fetch(`${url}/fail/refused`)
  t.is(response.status, 400)
  t.deepEqual(await json(response), {
    error: 'invalid_grant',
    error_description: "quote ' backslash ? newline ? ? and tab ?",
  })
  const named = await json(await fetch(`${url}/oauth2/token`, form('%22%5C%C3%A9[]=1')))
  t.regex(named.error_description ?? '', /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
})

test('outages of log and database are a 503 with Retry-After, whatever form they come in', async (t) => {
  const { url, lines } = await serve(t)
  for (const how of [
    'unavailable',
    'append',
    'unsettled',
    'log',
    'refusedConnection',
    'wrapped',
    'terminated',
    'midQuery',
    'hanging',
    'pool',
  ]) {
    const response = await fetch(`${url}/fail/${how}`)
    t.is(response.status, 503, how)
    t.is(response.headers.get('retry-after'), '1')
    t.deepEqual(await json(response), {
      error: 'temporarily_unavailable',
      error_description: 'the service cannot answer now; try again',
    })
  }
  t.true(lines.some(({ msg, reason }) => msg === 'unavailable' && reason === 'the projector is behind'))
  t.true(lines.some(({ msg, reason }) => msg === 'unavailable' && reason === 'partition stopped'))
  t.true(lines.some(({ msg, reason }) => msg === 'unavailable' && reason === 'AppendError: no answer'))
})

test("what can never be stored is the request's fault: a 400", async (t) => {
  const { url } = await serve(t)
  for (const how of ['large', 'badText']) {
    const response = await fetch(`${url}/fail/${how}`)
    t.deepEqual([response.status, (await json(response)).error], [400, 'invalid_request'], how)
  }
})

test('a bug is a 500 that tells nothing; the log has its stack and no request data', async (t) => {
  const { url, lines } = await serve(t)
  const response = await fetch(`${url}/fail/bug`)
  t.is(response.status, 500)
  t.deepEqual(await json(response), {
    error: 'server_error',
    error_description: 'the service has a problem of its own',
  })
  const bug = lines.find(({ msg }) => msg === 'bug')
  t.regex(String(bug?.['stack']), /secret detail[^]*caused by Error: deeper/)
  t.is(bug?.['request_id'], response.headers.get('x-request-id'))
  t.false(JSON.stringify(lines).includes('client_secret'))
})

test('the access log has one line a request, without query, header or body', async (t) => {
  const { url, lines } = await serve(t)
  await fetch(`${url}/address?token=hidden`, { headers: { authorization: 'Bearer hidden' } })
  await fetch(`${url}/oauth2/token`, form('client_secret=hidden&client_secret=hidden'))
  await fetch(`${url}/tl_rt_hidden`)
  await fetch(`${url}/tl%5Fat%5fhidden%2D1`)
  const access = lines.filter(({ msg }) => msg === 'request')
  t.deepEqual(
    access.map(({ method, path, status, client_id, error }) => [method, path, status, client_id, error]),
    [
      ['GET', '/address', 200, 'web', undefined],
      ['POST', '/oauth2/token', 400, undefined, 'invalid_request'],
      ['GET', '/tl_rt_...', 404, undefined, 'not_found'],
      ['GET', '/tl_at_...', 404, undefined, 'not_found'],
    ],
  )
  t.true(access.every(({ ms, request_id }) => typeof ms === 'number' && typeof request_id === 'string'))
  t.false(JSON.stringify(lines).includes('hidden'))
})

test('a plain request is refused when HTTPS is required, and logged; probes are answered', async (t) => {
  const { url, lines } = await serve(t, { requireHttps: true })
  const response = await fetch(`${url}/address`)
  t.is(response.status, 400)
  t.deepEqual(await json(response), { error: 'invalid_request', error_description: 'HTTPS is required' })
  t.true(lines.some(({ msg }) => msg === 'plain HTTP request refused'))
  t.is((await fetch(`${url}/health/alive`)).status, 200)
})

test('only a trusted proxy is believed that a request came over HTTPS, and from where', async (t) => {
  const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '6.6.6.6, 203.0.113.9' }
  const stranger = await serve(t, { requireHttps: true })
  t.is((await fetch(`${stranger.url}/address`, { headers })).status, 400)
  const trusting = await serve(t, { requireHttps: true, trustedProxies: ['127.0.0.1'] })
  const believed = await fetch(`${trusting.url}/address`, { headers })
  t.is(believed.status, 200)
  t.is((await json(believed))['address'], '203.0.113.9')
  for (const proto of ['http', 'https, http', ''])
    t.is((await fetch(`${trusting.url}/address`, { headers: { 'x-forwarded-proto': proto } })).status, 400, proto)
  const direct = await serve(t)
  t.is((await json(await fetch(`${direct.url}/address`, { headers })))['address'], '127.0.0.1')
})

test('two Authorization headers are an invalid_request', async (t) => {
  const { port } = await serve(t)
  const request = (headers: string) => `GET /address HTTP/1.1\r\nHost: a\r\n${headers}Connection: close\r\n\r\n`
  t.regex(
    await sendRaw(port, request('Authorization: Basic a\r\nauthorization: Basic b\r\n')),
    /^HTTP\/1.1 400 [^]*more than one/,
  )
  t.regex(await sendRaw(port, request('Authorization: Basic a\r\n')), /^HTTP\/1.1 200 /)
})

test('a wish to upgrade to HTTP/2 is ignored: the form is answered, and the next request too', async (t) => {
  const { port } = await serve(t)
  const upgrade = 'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA'
  const type = 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 3'
  const socket = openSocket(port)
  socket.write(`POST /oauth2/token HTTP/1.1\r\nHost: a\r\n${type}\r\n${upgrade}\r\n\r\na=1`)
  const first = await nextData(socket)
  t.regex(first, /^HTTP\/1\.1 200 [^]*{"a":"1"}/)
  socket.write('GET /address HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
  const second = await nextData(socket)
  t.regex(second, /^HTTP\/1\.1 200 /)
})

test('what is not HTTP, or no request that can be served, is refused in JSON like any other bad input', async (t) => {
  const { port } = await serve(t)
  const post = 'POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n'
  const refused: [string, string][] = [
    ['nonsense\r\n\r\n', '400 Bad Request'],
    ['GET /address HTTP/1.1\r\n\r\n', '400 Bad Request'],
    [`${post}Content-Length: x\r\n\r\n`, '400 Bad Request'],
    [`${post}Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, '400 Bad Request'],
    [`GET /address HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, '431 Request Header Fields Too Large'],
    [`${post}Expect: wonders\r\nContent-Length: 3\r\n\r\na=1`, '417 Expectation Failed'],
  ]
  for (const [bytes, status] of refused) {
    const answer = await sendRaw(port, bytes)
    t.true(answer.startsWith(`HTTP/1.1 ${status}\r\n`), answer)
    t.regex(answer, /no-store[^]*no-cache[^]*\r\n\r\n.*"error":"invalid_request"/)
  }
  t.regex(await sendRaw(port, 'GET /address HTTP/1.0\r\n\r\n'), /^HTTP\/1.1 200 /)
})
