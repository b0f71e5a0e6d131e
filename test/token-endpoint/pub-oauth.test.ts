import { refuses } from '../support/asserting.ts'
import { sharedLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { refresh } from '../support/refreshing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
const PATHS = [
  '/invoke/pub.oauth/refreshAccessToken',
  '/invoke/pub.oauth:refreshAccessToken',
  '/invoke/pub.oauth%3ArefreshAccessToken',
  '/invoke/pub.oauth%3arefreshAccessToken',
]

test('refreshAccessToken refreshes like the token endpoint, by each of its names', async (t) => {
  const ledger = await ledgerOfAll()
  for (const path of PATHS) {
    const app = await ledger.client()
    const { grant_id, refresh_token } = await ledger.grant({ to: app })
    const form = { grant_type: 'refresh_token', refresh_token, scope: 'read' }
    const { status, headers, body } = await ledger.post(path, form, { as: app })
    t.is(status, 200, path)
    t.is(headers.get('cache-control'), 'no-store')
    t.deepEqual(Object.keys(body), ['access_token', 'token_type', 'expires_in', 'refresh_token', 'scope'])
    t.is(body['scope'], 'read')
    t.is(
      (await refresh(ledger, app, refresh_token)).body['access_token'],
      body['access_token'],
      'a retry at /oauth2/token',
    )
    t.is((await ledger.eventsOf(grant_id)).length, 2)
  }
})

test('equal refreshes at once by all names are one refresh', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const form = { grant_type: 'refresh_token', refresh_token }
  const answers = await Promise.all(
    ['/oauth2/token', ...PATHS, ...PATHS].map((path) => ledger.post(path, form, { as: app })),
  )
  t.is(new Set(answers.map(({ body }) => body['access_token'])).size, 1)
  const events = (await ledger.eventsOf(grant_id)).filter(({ verdict }) => verdict === 'valid')
  t.deepEqual(
    events.map(({ type }) => type),
    ['TokenIssued', 'TokenRefreshed'],
  )
})

test('refreshAccessToken refreshes only, and refuses like the token endpoint', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, other] = [await ledger.client(), await ledger.client()]
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  for (const path of PATHS) {
    const ask = (form: Record<string, string>, as = app) => ledger.post(path, form, { as })
    refuses(t, await ask({ grant_type: 'client_credentials' }), [400, 'unsupported_grant_type'])
    refuses(t, await ask({ refresh_token }), [400, 'invalid_request'])
    refuses(t, await ask({ grant_type: 'refresh_token' }), [400, 'invalid_request'])
    refuses(t, await ask({ grant_type: 'refresh_token', refresh_token }, other), [400, 'invalid_grant'])
    refuses(t, await ask({ grant_type: 'refresh_token', refresh_token, scope: 'x' }), [400, 'invalid_scope'])
    refuses(t, await ledger.post(path, { grant_type: 'refresh_token', refresh_token }), [401, 'invalid_client'])
    refuses(t, await ledger.send(path), [405, 'invalid_request'])
  }
  for (const path of ['/invoke/pub.oauth/unknownService', '/invoke/pub.oauth', '/invoke/pub.oauth.refreshAccessToken'])
    refuses(t, await ledger.post(path, {}, { as: app }), [404, 'not_found'], path)
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})

test('a path is one path: another case, a slash at its end or another encoding is nothing', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const form = { grant_type: 'refresh_token', refresh_token }
  for (const path of [
    '/OAuth2/Token',
    '/oauth2/TOKEN',
    '/oauth2/token/',
    '/oauth2//token',
    '//oauth2/token',
    '/oauth2/./token;x',
    '/oauth2/%74oken',
    '/oauth2%2Ftoken',
    '/oauth2/Revoke',
    '/oauth2/introspect/',
    '/check/',
    '/Check',
    ...PATHS.flatMap((alias) => [
      `${alias}/`,
      alias.replace('invoke', 'Invoke'),
      alias.replace('refreshA', 'refresha'),
    ]),
  ])
    refuses(t, await ledger.post(path, form, { as: app }), [404, 'not_found'], path)
  refuses(t, await ledger.send('/.well-known/oauth-authorization-server/'), [404, 'not_found'])
  refuses(t, await ledger.admin.send('/Admin/scopes/read'), [404, 'not_found'])
  refuses(t, await ledger.admin.send('/admin/scopes/read/'), [404, 'not_found'])
  refuses(t, await ledger.admin.send('/audit/events/'), [404, 'not_found'])
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})
