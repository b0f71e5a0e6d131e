import { v7 as uuidv7 } from 'uuid'
import { envelop, outgoing } from '../../../shared/event-log/event-codec.ts'
import { placeOf } from '../../../shared/event-log/places.ts'
import type { Principal } from '../../../shared/ledger/events.ts'
import { formatToken } from '../../../shared/tokens/token-string.ts'
import { issued } from '../../ledger/given.ts'
import { ISSUER, startLedger, type TestLedger } from '../../support/ledger.ts'
import type { Pair } from '../../support/ledger-seeds.ts'
import { realTest } from '../../support/real-parts.ts'
import { refresh } from '../../support/refreshing.ts'
import type { Answer } from '../../support/requests.ts'

const test = realTest('postgres')

type Terms = { client_id: string; principal: Principal; scope: string }

/**
 * A projected grant that was decided on a registry with one event more than there is: as after a failover that lost it.
 */
async function grantAhead({ runtime, keys }: TestLedger, terms: Terms): Promise<Pair> {
  const { log, topics, waiter } = runtime
  const grant_id = uuidv7()
  const [registry] = await log.bounds([topics.registry])
  const fact = issued({ ...terms, grant_id, registry_position: (registry?.end ?? 0) + 1 })
  const { offset } = await log.append(outgoing(envelop(fact, ISSUER, { actor: 'system/test' }, Date.now()), topics))
  await waiter.past({ ...placeOf(topics, grant_id), offset }, 20_000)
  const content = { kid: keys.current, grant_id, generation: 1 }
  return { grant_id, access_token: formatToken(keys, 'at', content), refresh_token: formatToken(keys, 'rt', content) }
}

type Asking = (pair: Pair) => Promise<Answer>

/** What is answered before the registry shows what the grant was decided on, and after. */
async function answers(ledger: TestLedger, terms: Terms, asking: Asking, catchUp: () => Promise<unknown>) {
  const pair = await grantAhead(ledger, terms)
  const before = await asking(pair)
  await catchUp()
  return { before, after: await asking(pair) }
}

const adaOf = (sub: string): Principal => ({ type: 'user', id: sub })

test('a refresh is 503 while the registry is older than its grant, and then answered', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const principal = adaOf(await ledger.user())
  const terms = { client_id: app.client_id, principal, scope: 'read' }
  const asking: Asking = ({ refresh_token }) => refresh(ledger, app, refresh_token)
  const { before, after } = await answers(ledger, terms, asking, () => ledger.client())
  t.is(before.status, 503)
  t.is(after.status, 200)
})

test('introspection is 503 while the registry is older than the grant, and then answered', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const server = await ledger.resourceServer('orders')
  const sub = await ledger.user()
  const principal = adaOf(sub)
  // Without the scope no token is usable at the resource server.
  await ledger.scope('read', 'orders')
  const asking: Asking = ({ access_token: token }) => ledger.post('/oauth2/introspect', { token }, { as: server })
  const terms = { client_id: app.client_id, principal, scope: 'read' }
  const { before, after } = await answers(ledger, terms, asking, () => ledger.client())
  t.is(before.status, 503)
  t.is(after.body['active'], true)
})

test('a revocation does not wait for the registry', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const { refresh_token: token } = await grantAhead(ledger, {
    client_id: app.client_id,
    principal: adaOf(await ledger.user()),
    scope: 'read',
  })
  t.is((await ledger.post('/oauth2/revoke', { token }, { as: app })).status, 200)
})

test('a bearer of the admin API whose client is not known yet is 503, never 401, and then let in', async (t) => {
  const ledger = await startLedger(t)
  const client_id = uuidv7()
  const terms = { client_id, principal: { type: 'client', id: client_id }, scope: 'ledger.admin' } as const
  const asking: Asking = ({ access_token }) =>
    ledger.admin.send('/admin/groups/Administrators', { headers: { authorization: `Bearer ${access_token}` } })
  const { before, after } = await answers(ledger, terms, asking, () =>
    ledger.client({ client_id, groups: ['Administrators'], scope: 'ledger.admin' }),
  )
  t.is(before.status, 503)
  t.is(after.status, 200)
})
