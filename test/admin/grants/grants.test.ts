import { realTest } from '../../support/real-parts.ts'
import { LIVES_S, startPastLedger } from '../../support/past-grants.ts'
import { refresh, typesOf } from '../../support/refreshing.ts'
import { ROOT, startLedger, type Ledger } from '../ledger.ts'

const test = realTest('postgres')

async function withShop({ make, register }: Ledger, over: Record<string, unknown> = {}) {
  await make('/admin/scopes/orders', { includes: ['orders'] })
  await make('/admin/scopes/stock', { includes: ['stock'] })
  await make('/admin/users/ada', { username: 'ada' })
  return register({ client_name: 'Shop', scope: 'orders stock', ...over })
}

async function administratorGrant({ events }: Ledger) {
  return (await events()).find((event) => event.type === 'TokenIssued' && event.data.grant_type === 'administrator')
}

test('an administrator gives a client the first pair of a grant, and the client refreshes it', async (t) => {
  const ledger = await startLedger(t)
  const shop = await withShop(ledger)
  const body = { client_id: shop.client_id, sub: 'ada', scope: 'orders' }
  const answer = await ledger.send('POST', '/admin/grants', { token: ledger.root, body })
  t.is(answer.status, 200)
  const { access_token, refresh_token, expires_in, ...rest } = answer.body
  t.deepEqual(rest, { token_type: 'Bearer', scope: 'orders' })
  t.regex(String(access_token), /^tl_at_/)
  t.true(Number(expires_in) > 3590 && Number(expires_in) <= 3600)
  t.is((await refresh(ledger, shop, refresh_token)).status, 200)
  const event = await administratorGrant(ledger)
  t.is(event?.actor, 'client/root')
  t.like(event?.data, { grant_type: 'administrator', principal: { type: 'user', id: 'ada' } })
})

test('a grant without a scope gets all of its client, and none more than that', async (t) => {
  const ledger = await startLedger(t)
  const { client_id } = await withShop(ledger, { refresh_token_limit: 0, access_token_lifetime: null })
  const issue = (over: object) =>
    ledger.send('POST', '/admin/grants', { token: ledger.root, body: { client_id, sub: 'ada', ...over } })
  const { access_token, ...whole } = (await issue({})).body
  t.truthy(access_token)
  t.deepEqual(whole, { token_type: 'Bearer', scope: 'orders stock' }, 'no end and no refresh token, as registered')
  const wider = await issue({ scope: 'orders ledger.admin' })
  t.is(wider.status, 400)
  t.is(wider.body['error'], 'invalid_scope')
  for (const over of [{ sub: 'nobody' }, { client_id: 'nobody' }, { password: 'x' }, { sub: 7 }]) {
    const answer = await issue(over)
    t.is(answer.status, 400)
    t.is(answer.body['error'], 'invalid_request')
  }
})

test('nothing is granted for a user or a client that is disabled', async (t) => {
  const ledger = await startLedger(t)
  const { client_id } = await withShop(ledger)
  const off = await ledger.register({ client_name: 'Off', scope: 'orders', enabled: false })
  await ledger.make('/admin/users/gone', { username: 'gone', enabled: false })
  const issue = (body: object) => ledger.send('POST', '/admin/grants', { token: ledger.root, body })
  t.is((await issue({ client_id, sub: 'gone' })).status, 400)
  t.is((await issue({ client_id: off.client_id, sub: 'ada' })).status, 400)
  t.is((await issue({ client_id, sub: 'ada' })).status, 200)
})

test('an administrator ends a grant, with a reason; again is the same answer and no second event', async (t) => {
  const ledger = await startLedger(t)
  const shop = await withShop(ledger)
  const { send, root: token, events } = ledger
  const { body } = await send('POST', '/admin/grants', { token, body: { client_id: shop.client_id, sub: 'ada' } })
  const grant_id = (await administratorGrant(ledger))?.subject
  const revoke = (reason: string) => send('POST', `/admin/grants/${grant_id}/revoke`, { token, body: { reason } })
  const first = await revoke('lost laptop')
  t.is(first.status, 200)
  t.deepEqual(first.body, { grant_id, status: 'revoked', reason: 'lost laptop' })
  t.is((await refresh(ledger, shop, body['refresh_token'])).status, 400)
  t.deepEqual((await revoke('again')).body, first.body)
  const revocations = (await events()).filter(({ type }) => type === 'TokenRevoked')
  t.is(revocations.length, 1)
  t.like(revocations[0]?.data, { reason: 'lost laptop', revoked_by: { type: 'client', id: 'root' } })
})

test('a grant that has been dead for half an hour is answered as expired, and nothing is recorded', async (t) => {
  const past = await startPastLedger(t, {
    settings: { BOOTSTRAP_CLIENT_ID: ROOT.client_id, BOOTSTRAP_CLIENT_SECRET: ROOT.client_secret },
  })
  const { body } = await past.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: ROOT })
  const revoke = (grant_id: string) =>
    past.admin.send(`/admin/grants/${grant_id}/revoke`, {
      method: 'POST',
      headers: { authorization: `Bearer ${String(body['access_token'])}`, 'content-type': 'application/json' },
      body: JSON.stringify({ reason: 'too late' }),
    })
  const app = await past.client()
  const closed = await past.issuedAgo(app, (LIVES_S + 1_801) * 1000)
  const answer = await revoke(closed.grant_id)
  t.is(answer.status, 200)
  t.deepEqual(answer.body, { grant_id: closed.grant_id, status: 'expired', reason: null })
  t.deepEqual(await typesOf(past, closed.grant_id), ['TokenIssued valid'])
  const open = await past.issuedAgo(app, (LIVES_S + 1_780) * 1000)
  t.like((await revoke(open.grant_id)).body, { status: 'revoked', reason: 'too late' })
})

test('a grant that is unknown or no grant at all is not found', async (t) => {
  const { send, root: token } = await startLedger(t)
  for (const id of ['01890a5d-ac96-774b-bcce-b302099a8057', 'x', '01890A5D-AC96-774B-BCCE-B302099A8057']) {
    const answer = await send('POST', `/admin/grants/${id}/revoke`, { token, body: { reason: 'x' } })
    t.is(answer.status, 404, id)
  }
  t.is((await send('POST', '/admin/grants/x/revoke', { token, body: {} })).status, 400, 'a reason is needed')
})

test('revoking all of a user or a client ends what was granted before, and nothing later', async (t) => {
  const ledger = await startLedger(t)
  const shop = await withShop(ledger)
  const { send, root: token } = ledger
  for (const path of ['/admin/users/ada/revoke-all', `/admin/clients/${shop.client_id}/revoke-all`]) {
    const issue = () => send('POST', '/admin/grants', { token, body: { client_id: shop.client_id, sub: 'ada' } })
    const { body: before } = await issue()
    t.is((await send('POST', path, { token, body: { reason: 'left' } })).status, 200)
    const { body: after } = await issue()
    t.is((await refresh(ledger, shop, before['refresh_token'])).status, 400, path)
    t.is((await refresh(ledger, shop, after['refresh_token'])).status, 200, path)
  }
  t.is((await send('POST', '/admin/users/nobody/revoke-all', { token, body: { reason: 'x' } })).status, 404)
  t.is((await send('POST', '/admin/clients/nobody/revoke-all', { token, body: { reason: 'x' } })).status, 404)
})
