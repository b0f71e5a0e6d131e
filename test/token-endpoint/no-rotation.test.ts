import { startLedger as startAdministered } from '../admin/ledger.ts'
import { refuses } from '../support/asserting.ts'
import { sharedLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { refresh, refuseSpent, typesOf, untilOlder } from '../support/refreshing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()
const second = sharedLedger(async () => ({ beside: await ledgerOfAll(), services: ['token-endpoint', 'token-check'] }))
const FIXED = { refresh_rotation: false, refresh_grace_seconds: 0 }

test('without rotation each refresh gives a new access token and the same refresh token, and the old one lives on', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client(FIXED)
  const { grant_id, access_token, refresh_token } = await ledger.grant({ to: app })
  const given = new Set([access_token])
  for (let n = 0; n < 3; n++) {
    const { status, body } = await refresh(ledger, app, refresh_token)
    t.deepEqual([status, body['refresh_token']], [200, refresh_token])
    given.add(String(body['access_token']))
  }
  t.is(given.size, 4)
  for (const one of given) t.true(await ledger.isActive(one), 'calls in flight do not break')
  t.deepEqual(await typesOf(ledger, grant_id), ['TokenIssued valid', ...Array<string>(3).fill('TokenRefreshed valid')])
  t.is((await ledger.post('/oauth2/revoke', { token: refresh_token }, { as: app })).status, 200)
  for (const one of given) t.false(await ledger.isActive(one))
  refuses(t, await refresh(ledger, app, refresh_token), [400, 'invalid_grant'])
})

test('without rotation an equal request within the grace is a retry, at once and on any instance; another scope is none', async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const app = await ledger.client({ refresh_rotation: false, refresh_grace_seconds: 60 })
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const answers = await Promise.all([ledger, other, ledger, other].map((one) => refresh(one, app, refresh_token)))
  answers.push(await refresh(other, app, refresh_token))
  t.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  t.is(new Set(answers.map(({ body }) => body['access_token'])).size, 1)
  const events = await typesOf(ledger, grant_id)
  t.is(events.filter((told) => told === 'TokenRefreshed valid').length, 1)
  const narrow = await refresh(ledger, app, refresh_token, { scope: 'read' })
  t.deepEqual([narrow.body['scope'], narrow.body['refresh_token']], ['read', refresh_token])
  t.not(narrow.body['access_token'], answers[0]?.body['access_token'])
})

test('without rotation refreshes of several scopes at once lose nobody the refresh token: one that lost comes again', async (t) => {
  const [ledger, other] = [await ledgerOfAll(), await second()]
  const app = await ledger.client({ refresh_rotation: false, refresh_grace_seconds: 60 })
  const { refresh_token } = await ledger.grant({ to: app })
  const asks = ['read', 'write'].flatMap((scope) =>
    [ledger, other].map((one) => () => refresh(one, app, refresh_token, { scope })),
  )
  const answers = await Promise.all(asks.map((ask) => ask()))
  t.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 503]))
  for (const { status, headers } of answers) if (status === 503) t.truthy(headers.get('retry-after'))
  for (const ask of asks) t.is((await ask()).status, 200)
})

test('without rotation a stolen refresh token that is used later is no reuse: nothing can tell, and the grant lives', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ refresh_rotation: false, refresh_grace_seconds: 1 })
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const first = await refresh(ledger, app, refresh_token)
  await untilOlder(ledger, grant_id, 2, 1)
  const later = await refresh(ledger, app, refresh_token)
  t.is(later.status, 200)
  t.not(later.body['access_token'], first.body['access_token'])
  t.true((await typesOf(ledger, grant_id)).every((told) => !told.startsWith('TokenReuse')))
  const stranger = await ledger.client(FIXED)
  refuses(t, await refresh(ledger, stranger, refresh_token), [400, 'invalid_grant'], 'it is of one client')
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
})

test('without rotation the refresh limit counts each refresh, and the last one has no refresh token', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ ...FIXED, refresh_token_limit: 2 })
  const { refresh_token } = await ledger.grant({ to: app })
  t.is((await refresh(ledger, app, refresh_token)).body['refresh_token'], refresh_token)
  const last = await refresh(ledger, app, refresh_token)
  t.deepEqual([last.status, 'refresh_token' in last.body], [200, false])
  refuses(t, await refresh(ledger, app, refresh_token), [400, 'invalid_grant'])
})

test('what was decided when the grant was made stays: a client that is changed rotates from its next grant on', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client(FIXED)
  const before = await ledger.grant({ to: app })
  await ledger.changeClient(app, { refresh_rotation: true })
  const after = await ledger.grant({ to: app })
  t.is((await refresh(ledger, app, before.refresh_token)).body['refresh_token'], before.refresh_token)
  const { body } = await refresh(ledger, app, after.refresh_token)
  t.not(body['refresh_token'], after.refresh_token)
  refuses(t, await refuseSpent(ledger, app, after.refresh_token), [400, 'invalid_grant'])
})

test('an administrator says that a confidential client does not rotate; a public one always does', async (t) => {
  const { send, root: token, register, make, post, scope } = await startAdministered(t)
  await scope('read', 'orders')
  const shop = await register({ client_name: 'Shop', scope: 'read', refresh_rotation: false })
  t.is((shop as { refresh_rotation?: unknown }).refresh_rotation, false)
  const path = `/admin/clients/${shop.client_id}`
  const patch = async (at: string, body: object) => send('PATCH', at, { token, body, headers: { 'if-match': '*' } })
  await make('/admin/users/ada', { username: 'ada' })
  const { body: pair } = await send('POST', '/admin/grants', { token, body: { client_id: shop.client_id, sub: 'ada' } })
  const form = { grant_type: 'refresh_token', refresh_token: String(pair['refresh_token']) }
  t.is((await post('/oauth2/token', form, { as: shop })).body['refresh_token'], pair['refresh_token'])
  t.is((await patch(path, { client_type: 'public' })).status, 400)
  t.is((await patch(path, { refresh_rotation: null })).body['refresh_rotation'], true)
  t.is((await patch(path, { refresh_rotation: false })).body['refresh_rotation'], false)
  const phone = { client_name: 'Phone', client_type: 'public' }
  const barred = await send('POST', '/admin/clients', { token, body: { ...phone, refresh_rotation: false } })
  refuses(t, barred, [400, 'invalid_client_metadata'])
  t.regex(String(barred.body['error_description']), /refresh_rotation/)
  const { client_id } = await register(phone)
  refuses(t, await patch(`/admin/clients/${client_id}`, { refresh_rotation: false }), [400, 'invalid_client_metadata'])
})
