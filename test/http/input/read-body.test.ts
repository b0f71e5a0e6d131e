import { gzipSync } from 'node:zlib'
import test from 'ava'
import { sendRaw } from '../../support/raw-requests.ts'
import { form, json, serve } from '../serve-app.ts'

test('a form arrives as its parameters', async (t) => {
  const { url } = await serve(t)
  const response = await fetch(`${url}/oauth2/token`, form('grant_type=refresh_token&scope=&foo=a+b'))
  t.is(response.status, 200)
  t.deepEqual(await json(response), { grant_type: 'refresh_token', foo: 'a b' })
})

test('the wrong content type, JSON included, is an invalid_request', async (t) => {
  const { url } = await serve(t)
  for (const type of ['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'garbage', '']) {
    const response = await fetch(`${url}/oauth2/token`, form('{"a":1}', { 'content-type': type }))
    t.is(response.status, 400)
    t.deepEqual(await json(response), {
      error: 'invalid_request',
      error_description: 'the content type must be application/x-www-form-urlencoded',
    })
  }
})

test('a charset beside the content type changes nothing', async (t) => {
  const { url } = await serve(t)
  const type = 'application/x-www-form-urlencoded;charset=UTF-8'
  t.is((await fetch(`${url}/oauth2/token`, form('a=1', { 'content-type': type }))).status, 200)
})

test('a request without a body is an invalid_request', async (t) => {
  const { url } = await serve(t)
  const response = await fetch(`${url}/oauth2/token`, { method: 'POST' })
  t.deepEqual([response.status, (await json(response)).error], [400, 'invalid_request'])
})

test('a request of the right type without any body is told which parameter is missing', async (t) => {
  const { port } = await serve(t)
  for (const type of ['application/x-www-form-urlencoded', 'Application/X-WWW-form-urlencoded ; charset=UTF-8']) {
    const head = `POST /needs-token HTTP/1.1\r\nHost: a\r\nContent-Type: ${type}\r\nConnection: close\r\n`
    for (const length of ['', 'Content-Length: 0\r\n', 'Transfer-Encoding: chunked\r\n']) {
      const end = length.startsWith('T') ? '0\r\n\r\n' : ''
      t.regex(await sendRaw(port, `${head}${length}\r\n${end}`), /^HTTP\/1\.1 400 [^]*missing parameter: token/, length)
    }
  }
})

test('a repeated or nested parameter and a secret in the query are refused', async (t) => {
  const { url } = await serve(t)
  for (const body of ['scope=a&scope=b', 'x[y]=1', 'a.b=1&a=%']) {
    const response = await fetch(`${url}/oauth2/token`, form(body))
    t.deepEqual([response.status, (await json(response)).error], [400, 'invalid_request'])
  }
  const query = await fetch(`${url}/oauth2/token?client_secret=x`, form('a=1'))
  t.deepEqual([query.status, (await json(query)).error], [400, 'invalid_request'])
})

test('a body over the limit is a 413 in JSON, announced or not, compressed or not, and the connection goes on', async (t) => {
  const { url } = await serve(t)
  const large = `a=${'x'.repeat(64 * 1024)}`
  const chunks = new Blob(['a=', 'x'.repeat(200_000)]).stream()
  const requests: (RequestInit & { duplex?: 'half' })[] = [
    form(large),
    { ...form(''), body: gzipSync(large), headers: { ...form('').headers, 'content-encoding': 'gzip' } },
    { ...form(''), body: chunks, duplex: 'half' },
  ]
  for (const request of requests) {
    const response = await fetch(`${url}/oauth2/token`, request)
    t.deepEqual([response.status, (await json(response)).error], [413, 'invalid_request'])
    t.is((await fetch(`${url}/oauth2/token`, form('a=1'))).status, 200)
  }
})

test('compression that is broken or unknown is an invalid_request', async (t) => {
  const { url } = await serve(t)
  for (const encoding of ['gzip', 'deflate', 'zstd', 'x'])
    for (const body of ['a=1', gzipSync('a=1').subarray(0, 15)]) {
      const response = await fetch(`${url}/oauth2/token`, {
        ...form(''),
        body,
        headers: { ...form('').headers, 'content-encoding': encoding },
      })
      t.is(response.status, 400, encoding)
      t.is((await json(response)).error, 'invalid_request')
    }
})

test('JSON bodies: the shape is checked, and the type, and the limit', async (t) => {
  const { url } = await serve(t)
  const post = (body: string, type = 'application/json') =>
    fetch(`${url}/json`, { method: 'POST', body, headers: { 'content-type': type } })
  t.deepEqual(await json(await post('{"resource":"a"}')), { resource: 'a' })
  t.regex((await json(await post('{"resource":1}'))).error_description ?? '', /^resource: /)
  for (const response of [
    await post('{'),
    await post('resource=a', 'application/x-www-form-urlencoded'),
    await post(''),
  ])
    t.deepEqual([response.status, (await json(response)).error], [400, 'invalid_request'])
  t.is((await post(`{"resource":"${'x'.repeat(70_000)}"}`)).status, 413)
})
