import { realTest } from '../../support/real-parts.ts'
import { startLedger } from '../ledger.ts'

const test = realTest('postgres')

async function withGrants(t: Parameters<typeof startLedger>[0]) {
  const ledger = await startLedger(t)
  const { make, register, send, root } = ledger
  await make('/admin/users/ada', { username: 'ada' })
  await make('/admin/scopes/orders', {})
  const shop = await register({ client_name: 'Shop', scope: 'orders' })
  const issue = (key: string, more: object = {}) =>
    send('POST', '/admin/grants', {
      token: root,
      body: { client_id: shop.client_id, sub: 'ada', ...more },
      headers: { 'idempotency-key': `"${key}"` },
    })
  /** How many events issue tokens, and of how many grants. */
  const issued = async () => {
    const subjects = (await ledger.events()).flatMap(({ type, subject }) => (type === 'TokenIssued' ? [subject] : []))
    return { events: subjects.length, grants: new Set(subjects).size }
  }
  return { ...ledger, shop, issue, issued }
}

const pair = ({ body }: { body: Record<string, unknown> }) => [body['access_token'], body['refresh_token']]

test('traps-running 7: equal requests for first tokens, at once or later, make one grant and get its tokens', async (t) => {
  const { issue, issued, shop, post } = await withGrants(t)
  const before = await issued()
  const answers = await Promise.all(Array.from({ length: 6 }, () => issue('k')))
  t.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  t.is(new Set(answers.map((answer) => JSON.stringify(pair(answer)))).size, 1)
  const [first] = answers
  if (!first) return t.fail()
  const { events, grants } = await issued()
  t.is(grants, before.grants + 1)
  t.deepEqual(pair(await issue('k')), pair(first))
  t.is((await issued()).events, events, 'nothing is appended')
  t.is((await issue('k', { scope: 'orders' })).status, 422)
  t.notDeepEqual(pair(await issue('l')), pair(first))

  const form = { grant_type: 'refresh_token', refresh_token: String(first.body['refresh_token']) }
  t.is((await post('/oauth2/token', form, { as: shop })).status, 200)
  const spent = await issue('k')
  t.is(spent.status, 409, 'its refresh token is spent: whoever used it would be taken for a thief')
  t.false('refresh_token' in spent.body)
})

test('a grant that was ended is not given again', async (t) => {
  const { issue, shop, send, root: token } = await withGrants(t)
  t.is((await issue('k')).status, 200)
  const path = `/admin/clients/${shop.client_id}/revoke-all`
  t.is((await send('POST', path, { token, body: { reason: 'x' } })).status, 200)
  const again = await issue('k')
  t.is(again.status, 409)
  t.false('access_token' in again.body)
})
