import type { ExecutionContext } from 'ava'
import { replay } from '../../services/audit/replay/replay.ts'
import { refuses } from '../support/asserting.ts'
import { ISSUER, startLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { sendRaw } from '../support/raw-requests.ts'
import { refresh } from '../support/refreshing.ts'

const test = realTest('postgres')
const WELL_KNOWN = '/.well-known/oauth-authorization-server'

const issuers = [
  { issuer: ISSUER, path: '', others: ['/', '//', '/x', '/%2e'] },
  {
    issuer: `${ISSUER}/tenants/one`,
    path: '/tenants/one',
    others: ['', '/', '/tenants', '/tenants/one/', '/tenants/two'],
  },
]

for (const { issuer, path, others } of issuers)
  test(`traps-people 8: the issuer has one spelling wherever it is told, ${path ? 'with' : 'without'} a path`, async (t) => {
    const ledger = await startLedger(t, { settings: { ISSUER: issuer } })
    const { send, post } = ledger
    const { status, headers, body } = await send(WELL_KNOWN + path)
    t.deepEqual([status, headers.get('content-type')], [200, 'application/json; charset=utf-8'])
    t.is(body['issuer'], issuer)

    const app = await ledger.client()
    const { grant_id, access_token, refresh_token } = await ledger.grant({ to: app })
    const at = (name: string) => {
      t.true(String(body[name]).startsWith(`${issuer}/oauth2/`), String(body[name]))
      return new URL(String(body[name])).pathname
    }
    const renewed = await post(at('token_endpoint'), { grant_type: 'refresh_token', refresh_token }, { as: app })
    t.is(renewed.status, 200)
    await ledger.isActive(access_token)
    const server = await ledger.resourceServer('orders')
    const told = await post(
      at('introspection_endpoint'),
      { token: String(renewed.body['access_token']) },
      { as: server },
    )
    t.deepEqual([told.body['active'], told.body['iss']], [true, issuer])
    t.is((await post(at('revocation_endpoint'), { token: refresh_token }, { as: app })).status, 200)
    for await (const { event } of replay(ledger.runtime, { grant_id })) t.is(event?.source, issuer)

    const links = (await send('/')).body['links'] as Record<string, string>
    t.is(links['metadata'], `${ISSUER}${WELL_KNOWN}${path}`)
    const { servers, paths } = (await send('/openapi.json')).body as Document
    t.deepEqual(servers, [{ url: issuer }])
    t.deepEqual(paths[WELL_KNOWN + path]?.['get']?.servers, [{ url: ISSUER }])

    for (const other of others) refuses(t, await send(WELL_KNOWN + other), [404, 'not_found'], other)
    if (path) for (const end of ['', path]) refuses(t, await send(path + WELL_KNOWN + end), [404, 'not_found'], end)
    for (const base of ['', path])
      refuses(t, await send(`${base}/.well-known/openid-configuration`), [404, 'not_found'])
    await refuseOtherHosts(t, ledger.url, WELL_KNOWN + path, issuer)
  })

type Document = { servers?: unknown; paths: Record<string, Record<string, { servers?: unknown }>> }

/** Whatever a request says of where it was sent, the metadata says the same. */
async function refuseOtherHosts(t: ExecutionContext, url: string, path: string, issuer: string) {
  const spoofed = [
    'Host: evil.example',
    'Host: evil.example:444',
    'Host: evil.example\r\nX-Forwarded-Host: evil.example',
  ]
  for (const headers of [
    ...spoofed,
    'Host: a\r\nForwarded: host=evil.example;proto=http\r\nX-Original-Host: evil.example',
  ])
    for (const target of [path, `http://evil.example${path}`]) {
      const answer = await sendRaw(
        Number(new URL(url).port),
        `GET ${target} HTTP/1.1\r\n${headers}\r\nConnection: close\r\n\r\n`,
      )
      t.true(answer.startsWith('HTTP/1.1 200 ') && answer.includes(`"issuer":"${issuer}"`), headers)
      t.false(answer.includes('evil'), headers)
    }
}

test('where the issuer has a path, its endpoints are there without it too, for a proxy that takes it off', async (t) => {
  const ledger = await startLedger(t, { settings: { ISSUER: `${ISSUER}/tenants/one` } })
  const app = await ledger.client()
  const { refresh_token } = await ledger.grant({ to: app })
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
  for (const path of [
    '/tenants',
    '/tenants/two',
    '/TENANTS/one',
    '/tenants%2fone',
    '/tenants/one/tenants/one',
    '/tenants//one',
  ])
    refuses(t, await ledger.post(`${path}/oauth2/token`, {}, { as: app }), [404, 'not_found'], path)
  t.is((await ledger.send('/tenants/one/health/alive')).status, 200)
  refuses(t, await ledger.admin.send('/tenants/one/health/alive'), [404, 'not_found'])
})
