// What nobody sends by mistake, to a process like in production; the bytes go over raw sockets.
import { once } from 'node:events'
import { gzipSync } from 'node:zlib'
import { replay } from '../../services/audit/replay/replay.ts'
import { sharedLedger, type TestLedger } from '../support/ledger.ts'
import { type LedgerProcess, startProcess } from '../support/ledger-process.ts'
import { openSocket } from '../support/raw-requests.ts'
import { realTest } from '../support/real-parts.ts'
import { basic } from '../support/requests.ts'
import { arrival, until } from '../support/waiting.ts'
import testOfAll, { type ExecutionContext } from 'ava'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
const METADATA = '/.well-known/oauth-authorization-server'
const FORM = 'application/x-www-form-urlencoded'

const envOf = ({ settings }: TestLedger) =>
  Object.fromEntries(Object.entries(settings).map(([name, value]) => [`LEDGER_${name}`, value ?? '']))

const closing: (() => unknown)[] = []
testOfAll.after.always('the processes end', async () => {
  for (const close of closing) await close()
})

/** A process beside the ledger of this file, with these settings. */
async function started(env: Record<string, string> = {}) {
  const ledger = await ledgerOfAll()
  const options = {
    services: ['token-endpoint', 'token-check', 'admin', 'audit'] as const,
    env: { ...envOf(ledger), ...env },
  }
  const child = await startProcess({ teardown: (close) => void closing.push(close) }, options)
  return { ledger, child, port: portOf(child.url) }
}

let theProcess: ReturnType<typeof started> | undefined
const processOfAll = () => (theProcess ??= started())
const portOf = (url: string) => Number(new URL(url).port)

const head = (line: string, ...headers: string[]) => [line, ...headers, '', ''].join('\r\n')
const get = (target: string, ...headers: string[]) =>
  head(`GET ${target} HTTP/1.1`, 'Host: a', ...headers, 'Connection: close')

/** A POST of this form to the token endpoint, as bytes. */
const post = (body: string, ...headers: string[]) =>
  head(
    'POST /oauth2/token HTTP/1.1',
    'Host: a',
    `Content-Type: ${FORM}`,
    `Content-Length: ${Buffer.byteLength(body, 'latin1')}`,
    ...headers,
    'Connection: close',
  ) + body

/** Everything that comes back after these bytes, which are sent as they are. */
async function sent(port: number, bytes: string | Buffer): Promise<string> {
  const socket = openSocket(port)
  let answer = ''
  socket.on('data', (data: string) => (answer += data)).on('error', () => undefined)
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  await arrival(once(socket, 'close'), 'the end of the answer')
  return answer
}

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1])

/** A refusal in JSON that is not cached, like any other. */
function refused(t: ExecutionContext, answer: string, [status, error]: [number, string], what: string) {
  const [, body = ''] = answer.split('\r\n\r\n')
  t.is(statusOf(answer), status, `${what}: ${answer.slice(0, 300)}`)
  t.regex(answer, /\r\ncontent-type: application\/json; charset=utf-8\r\n/i, what)
  t.regex(answer, /\r\ncache-control: no-store\r\n/i, what)
  t.is((JSON.parse(body) as { error: string }).error, error, what)
}

/** It still answers. */
async function alive(t: ExecutionContext, { url }: LedgerProcess) {
  t.is((await fetch(`${url}/health/alive`)).status, 200)
}

test.serial(
  'nothing that is sent begins a line of the log, steers a terminal or stands there as it was sent',
  async (t) => {
    const { ledger, child, port } = await processOfAll()
    const before = await ledger.length()
    const forged = '{"level":30,"msg":"forged"}'
    const evil = ['%0d%0a', '%0D%0A%1b[2J', '\u009b31m', '%E2%80%A8', '%00'].map((text) => `x${text}${forged}`)
    for (const text of evil) {
      t.is(statusOf(await sent(port, get(`/nothing/${text}`))), text.includes('\u009b') ? 400 : 404, text)
      const encoded = Buffer.from(`${decodeURIComponent(text.replace('\u009b', '%C2%9B'))}:x`).toString('base64')
      const form = `grant_type=client_credentials&client_id=${text.replaceAll(' ', '+')}`
      const answers = [
        await sent(port, post(form)),
        await sent(port, post('grant_type=client_credentials', `Authorization: Basic ${encoded}`)),
        await sent(port, post(`grant_type=${text}`, `Authorization: ${basic('nobody:x')}`)),
        await sent(port, get('/nothing', `User-Agent: ${text}`, `X-Request-Id: ${text}`, `X-Forwarded-For: ${text}`)),
      ]
      for (const answer of answers) {
        t.true([400, 401, 404].includes(statusOf(answer)), answer.slice(0, 200))
        t.false(answer.includes('\u001b') || answer.includes('\u009b'), text)
      }
    }
    await until(() => child.logs.filter(({ msg }) => msg === 'request').length >= evil.length * 5 - 1, 'the lines')
    t.false(child.logs.some(({ msg }) => msg === 'forged'))
    for (const line of child.logs) t.regex(JSON.stringify(line), /^[\x20-\x7e]+$/)
    t.is(await ledger.length(), before, 'nothing is appended')
  },
)

test.serial(
  'a request that says one thing twice, or two things, is refused: a proxy may have read the other one',
  async (t) => {
    const { child, port } = await processOfAll()
    const form = 'grant_type=client_credentials'
    const length = (count: number) => `Content-Length: ${count}`
    const twice: [string, string, string][] = [
      ['two Authorization', post(form, 'Authorization: Basic eDp5', 'authorization: Basic eDp5'), 'invalid_request'],
      [
        'two Authorization, one far behind',
        post(
          form,
          'Authorization: Basic eDp5',
          ...Array.from({ length: 2_100 }, () => 'a:'),
          'Authorization: Basic eDp5',
        ),
        'invalid_request',
      ],
      ['two Content-Length', post(form, length(form.length)), 'invalid_request'],
      ['two other Content-Length', post(form, length(3)), 'invalid_request'],
      ['length and chunks', post(form, 'Transfer-Encoding: chunked'), 'invalid_request'],
      [
        'chunks not last',
        head(
          'POST /oauth2/token HTTP/1.1',
          'Host: a',
          `Content-Type: ${FORM}`,
          'Transfer-Encoding: chunked, gzip',
          'Connection: close',
        ) + '0\r\n\r\n',
        'invalid_request',
      ],
      ['two Host', head('GET /version HTTP/1.1', 'Host: a', 'Host: b', 'Connection: close'), 'invalid_request'],
      [
        'a folded header',
        head('GET /version HTTP/1.1', 'Host: a', 'X: a', ' b', 'Connection: close'),
        'invalid_request',
      ],
      ['a blank before the colon', head('GET /version HTTP/1.1', 'Host : a', 'Connection: close'), 'invalid_request'],
      ['a NUL in a header', get('/version', 'X: a\0b'), 'invalid_request'],
      ['a NUL in the path', get('/ver\0sion'), 'invalid_request'],
      ['a bare CR', get('/version', 'X: a\rY: b'), 'invalid_request'],
    ]
    for (const [what, bytes, error] of twice) refused(t, await sent(port, bytes), [400, error], what)
    await alive(t, child)
  },
)

test.serial('two Content-Type are refused, whichever is the right one', async (t) => {
  const { port } = await processOfAll()
  const form = 'grant_type=client_credentials'
  const bytes = (...types: string[]) =>
    head(
      'POST /oauth2/token HTTP/1.1',
      'Host: a',
      ...types.map((type) => `Content-Type: ${type}`),
      `Content-Length: ${form.length}`,
      'Connection: close',
    ) + form
  refused(t, await sent(port, bytes('application/json', FORM)), [400, 'invalid_request'], 'JSON first')
  refused(t, await sent(port, bytes(FORM, 'application/json')), [400, 'invalid_request'], 'JSON last')
})

test.serial(
  'a path is one path: what is spelled otherwise is not found, and an absolute one counts by its path',
  async (t) => {
    const { port } = await processOfAll()
    for (const target of [
      '//oauth2/token',
      '/oauth2//token',
      '/oauth2/token/',
      '/oauth2/./token',
      '/x/../oauth2/token',
      '/oauth2%2ftoken',
      '/%6fauth2/token',
      '/OAUTH2/token',
      '/oauth2/token;a=b',
      '/oauth2/token%00',
      '/oauth2/token%20',
      '/oauth2\\token',
      '/%',
      '/%zz',
      '/%ff%fe',
      '//evil.example/oauth2/token',
      '/admin/clients',
      '/audit/events',
      `${METADATA}/`,
      '/__proto__',
      '/constructor/prototype',
    ])
      refused(t, await sent(port, get(target)), [404, 'not_found'], target)
    for (const target of [
      'http://a/oauth2/token',
      'http://evil.example/oauth2/token',
      'https://evil.example:1/oauth2/token?x=1',
    ])
      refused(t, await sent(port, get(target)), [405, 'invalid_request'], target)
    for (const line of ['CONNECT a:1 HTTP/1.1', 'GET oauth2/token HTTP/1.1', 'GET /version HTTP/9.9', 'GET  HTTP/1.1'])
      t.true([NaN, 400, 404].includes(statusOf(await sent(port, head(line, 'Host: a', 'Connection: close')))), line)
    t.is(statusOf(await sent(port, head('OPTIONS * HTTP/1.1', 'Host: a', 'Connection: close'))), 404)
  },
)

test.serial('a form is its parameters, whatever else is sent as one', async (t) => {
  const { ledger, child, port } = await processOfAll()
  const app = await ledger.client()
  const authorization = `Authorization: ${basic(`${app.client_id}:${app.client_secret}`)}`
  const form = 'grant_type=client_credentials'
  const many = Array.from({ length: 8_000 }, (_, index) => `p${index}=`).join('&')
  const taken = [
    form,
    `${form}&__proto__=x&constructor=x&prototype=x&toString=x&hasOwnProperty=x`,
    `__proto__.grant_type=password&${form}`,
    `${form}&${many}`,
    `${'n'.repeat(60_000)}=1&${form}`,
    `&&&=&${form}`,
  ]
  for (const body of taken) t.is(statusOf(await sent(port, post(body, authorization))), 200, body.slice(0, 60))
  for (const type of [`${FORM};charset=utf-16`, `${FORM}; charset=x`, `${FORM};charset="utf-8";a=b`])
    t.is(statusOf(await sent(port, post(form, authorization).replace(FORM, type))), 200, type)
  const refusals: [string, number][] = [
    [`${form}&scope=%ff`, 400],
    [`${form}&scope=\xff\xfe`, 400],
    [`${form}&scope=%C0%AF`, 400],
    [`${form}&scope=a%00`, 400],
    [`${form}&scope=a\0`, 400],
    [`${form}&__proto__[grant_type]=x`, 400],
    [`${form}&constructor[prototype][x]=1`, 400],
    [`${form}&${form}`, 400],
    [`${form}&=x&=y`, 400],
    [`${form}&${'n'.repeat(70_000)}=1`, 413],
    [`${form}&${many}&${many.replaceAll('p', 'q')}`, 413],
  ]
  for (const [body, status] of refusals)
    refused(t, await sent(port, post(body, authorization)), [status, 'invalid_request'], body.slice(0, 60))
  const bomb = gzipSync(Buffer.alloc(50_000_000, 'a=1&'))
  const packed = head(
    'POST /oauth2/token HTTP/1.1',
    'Host: a',
    `Content-Type: ${FORM}`,
    'Content-Encoding: gzip',
    `Content-Length: ${bomb.length}`,
    'Connection: close',
  )
  refused(t, await sent(port, Buffer.concat([Buffer.from(packed), bomb])), [413, 'invalid_request'], 'a bomb')
  refused(t, await sent(port, post(form, 'Expect: 200-ok')), [417, 'invalid_request'], 'an expectation')
  refused(
    t,
    await sent(port, get('/version', ...Array.from({ length: 3_000 }, (_, index) => `X${index}: 1`))),
    [431, 'invalid_request'],
    'headers',
  )
  await alive(t, child)
})

test.serial(
  'HEAD, OPTIONS and other methods are answered at every route, and never by what the route does',
  async (t) => {
    const { ledger, child } = await processOfAll()
    const before = await ledger.length()
    for (const base of [child.url, child.adminUrl]) {
      const { paths } = (await (await fetch(`${base}/openapi.json`)).json()) as { paths: Record<string, object> }
      for (const [template, methods] of Object.entries(paths)) {
        const url = base + template.replaceAll(/\{\w+\}/g, 'x')
        const known = Object.keys(methods).map((method) => method.toUpperCase())
        const options = await fetch(url, { method: 'OPTIONS' })
        t.deepEqual([options.status, await options.text()], [200, ''], url)
        const allowed = (options.headers.get('allow') ?? '').split(', ')
        t.deepEqual(
          known.filter((method) => !allowed.includes(method)),
          [],
          url,
        )
        const head = await fetch(url, { method: 'HEAD' })
        t.is(await head.text(), '')
        t.is(head.status === 405, !allowed.includes('GET'), url)
        for (const method of ['PROPFIND', 'QUERY']) {
          const other = await fetch(url, { method })
          t.deepEqual([other.status, ((await other.json()) as { error: string }).error], [405, 'invalid_request'], url)
        }
      }
    }
    t.is(await ledger.length(), before)
  },
)

test.serial(
  'what a stranger says of himself, of the connection and of the host changes nothing: not the log, not an event, not the answer',
  async (t) => {
    const { ledger, child, port } = await started({ LEDGER_REQUIRE_HTTPS: 'true', LEDGER_TRUSTED_PROXIES: '192.0.2.1' })
    const trusting = await started({ LEDGER_REQUIRE_HTTPS: 'true', LEDGER_TRUSTED_PROXIES: 'loopback' })
    const spoofed = [
      'X-Forwarded-Proto: https',
      'X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https',
      'Forwarded: for=203.0.113.9;proto=https;host=evil.example',
      'X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https',
      'X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https',
      'X-Real-IP: 203.0.113.9\r\nX-Forwarded-Ssl: on\r\nFront-End-Https: on\r\nX-Url-Scheme: https',
      'X-Forwarded-Host: evil.example\r\nX-Forwarded-Port: 443\r\nX-Forwarded-Scheme: https',
      'True-Client-IP: 203.0.113.9\r\nCF-Connecting-IP: 203.0.113.9\r\nX-Client-IP: 203.0.113.9\r\nVia: 1.1 192.0.2.1',
    ]
    for (const headers of spoofed) {
      refused(t, await sent(port, get(METADATA, headers)), [400, 'invalid_request'], headers)
      refused(t, await sent(port, post('grant_type=client_credentials', headers)), [400, 'invalid_request'], headers)
    }
    const requests = () => child.logs.filter(({ msg }) => msg === 'request')
    await until(() => requests().length >= spoofed.length * 2, 'the lines')
    t.deepEqual([...new Set(requests().map(({ address }) => address))], ['127.0.0.1'])

    // The same headers beside the word of a trusted proxy: only its two count.
    const app = await ledger.client()
    const authorization = `Authorization: ${basic(`${app.client_id}:${app.client_secret}`)}`
    const rest = spoofed.filter((headers) => !/X-Forwarded-(For|Proto)/.test(headers))
    const proxied = ['X-Forwarded-Proto: https', 'X-Forwarded-For: 6.6.6.6, 198.51.100.7']
    const before = await ledger.length()
    for (const headers of rest) {
      const answer = await sent(
        trusting.port,
        post('grant_type=client_credentials', authorization, headers, ...proxied),
      )
      t.is(statusOf(answer), 200, headers)
      const metadata = await sent(trusting.port, get(METADATA, headers, ...proxied))
      t.true(metadata.includes(`"issuer":"${ledger.settings.ISSUER}"`) && !metadata.includes('evil'), headers)
    }
    const addresses = []
    for await (const { event } of replay(ledger.runtime, { client_id: app.client_id }))
      if (event && 'clientaddress' in event) addresses.push(event.clientaddress)
    t.true((await ledger.length()) > before && addresses.length >= rest.length)
    for (const address of addresses.slice(-rest.length)) t.regex(String(address), /^198\.51\.100\./)
  },
)
