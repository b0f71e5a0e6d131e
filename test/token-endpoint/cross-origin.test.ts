import type { ExecutionContext } from 'ava'
import { sharedLedger, startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { basic } from '../support/requests.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
const origin = 'https://app.example'
const METADATA = '/.well-known/oauth-authorization-server'
const OPEN = ['/oauth2/token', '/oauth2/revoke', METADATA]

const corsOf = ({ headers }: Response) =>
  Object.fromEntries([...headers].filter(([name]) => name.startsWith('access-control-')))

const READABLE = {
  'access-control-allow-origin': '*',
  'access-control-expose-headers': 'WWW-Authenticate,Retry-After,X-Request-Id',
}

const preflight = (url: string, method: string, from = origin) =>
  fetch(url, {
    method: 'OPTIONS',
    headers: {
      origin: from,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization,content-type',
    },
  })

test('a page of any origin may ask token, revoke and metadata, without credentials of the browser', async (t) => {
  const { url } = await ledgerOfAll()
  for (const path of OPEN)
    for (const from of [origin, 'null', 'http://localhost:3000']) {
      const answer = await preflight(url + path, path === METADATA ? 'GET' : 'POST', from)
      t.deepEqual([answer.status, await answer.text()], [204, ''], path)
      t.deepEqual(corsOf(answer), {
        'access-control-allow-origin': '*',
        'access-control-allow-methods': 'GET,POST',
        'access-control-allow-headers': 'Authorization,Content-Type,X-Request-Id,Traceparent',
        'access-control-max-age': '600',
      })
    }
  const metadata = await fetch(url + METADATA, { headers: { origin } })
  t.deepEqual([metadata.status, corsOf(metadata)], [200, READABLE])
})

test('a page can read what the token endpoint answers, errors and outages too', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.publicClient()
  const { refresh_token } = await ledger.grant({ to: app })
  const ask = (form: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(`${ledger.url}/oauth2/token`, {
      method: 'POST',
      body: new URLSearchParams(form),
      headers: { origin, ...headers },
    })
  const { client_id } = app
  const answers: [number, Response][] = [
    [200, await ask({ grant_type: 'refresh_token', refresh_token, client_id })],
    [400, await ask({ grant_type: 'refresh_token', refresh_token: 'x', client_id })],
    [401, await ask({ grant_type: 'refresh_token', refresh_token }, { authorization: basic('nobody:wrong') })],
    [413, await ask({ a: 'x'.repeat(70_000) })],
    [405, await fetch(`${ledger.url}/oauth2/token`, { headers: { origin } })],
  ]
  for (const [status, answer] of answers) {
    t.is(answer.status, status)
    t.deepEqual(corsOf(answer), READABLE, String(status))
    t.false(answer.headers.has('set-cookie'))
  }
  await refusedDuringOutage(t, ledger)
})

/** A process that is refused its time, and what came to it over plain HTTP. */
async function refusedDuringOutage(t: ExecutionContext, beside: TestLedger) {
  const settings = { APPEND_TIMEOUT: '1', REQUIRE_HTTPS: 'true', TRUSTED_PROXIES: 'loopback' }
  const { url, runtime } = await startLedger(t, { beside, settings, services: ['token-endpoint'] })
  const plain = await fetch(url + METADATA, { headers: { origin } })
  t.deepEqual([plain.status, corsOf(plain)], [400, READABLE], 'HTTPS is required')
  const app = await beside.publicClient()
  const { refresh_token } = await beside.grant({ to: app })
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token, client_id: app.client_id })
  const headers = { origin, 'x-forwarded-proto': 'https' }
  await runtime.knex.transaction(async (blocking) => {
    await blocking.raw(`LOCK ${runtime.schema}.bearer_tokens IN SHARE ROW EXCLUSIVE MODE`)
    const down = await fetch(`${url}/oauth2/token`, { method: 'POST', body, headers })
    t.deepEqual([down.status, corsOf(down)], [503, READABLE])
    t.true(down.headers.has('retry-after'))
  })
}

test('nothing that is for servers, administrators or auditors may be asked by a page of another origin', async (t) => {
  const { url, adminUrl } = await ledgerOfAll()
  const closed = [
    ...['/check', '/oauth2/introspect', '/', '/openapi.json', '/health/ready', '/nothing', '/oauth2/token/'].map(
      (path) => url + path,
    ),
    ...['/oauth2/Token', `${METADATA}/x`].map((path) => url + path),
    ...['/admin/clients', '/audit/events', '/oauth2/token', METADATA, '/health/ready'].map((path) => adminUrl + path),
  ]
  for (const address of closed) {
    for (const method of ['GET', 'POST']) {
      const asked = await preflight(address, method)
      await asked.text()
      t.deepEqual(corsOf(asked), {}, address)
    }
    for (const method of ['GET', 'POST']) {
      const answer = await fetch(address, { method, headers: { origin } })
      await answer.text()
      t.deepEqual(corsOf(answer), {}, address)
    }
  }
})
