import { v7 as uuidv7 } from 'uuid'
import { formatToken } from '../../shared/tokens/token-string.ts'
import { realTest } from '../support/real-parts.ts'
import { sharedLedger, startLedger } from '../support/ledger.ts'
import { refresh, refreshExpiry, untilOlder, untilPast } from '../support/refreshing.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()

test('the last refresh that the limit allows gives no refresh token, also to its retry, and the access token lives on', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ refresh_token_limit: 2 })
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const { body: first } = await refresh(ledger, app, refresh_token)
  const { body: last } = await refresh(ledger, app, first['refresh_token'])
  t.deepEqual(Object.keys(last), ['access_token', 'token_type', 'expires_in', 'scope'])
  const { body: again } = await refresh(ledger, app, first['refresh_token'])
  t.deepEqual({ ...again, expires_in: last['expires_in'] }, last)
  const { body: early } = await refresh(ledger, app, refresh_token)
  t.is(early['refresh_token'], first['refresh_token'], 'a retry of the refresh before it is answered as it was')
  const made = formatToken(ledger.keys, 'rt', { kid: 1, grant_id, generation: 3 })
  const { status, body } = await refresh(ledger, app, made)
  t.deepEqual([status, body['error']], [400, 'invalid_grant'])
  t.true(await ledger.isActive(String(last['access_token'])))
  t.is((await ledger.eventsOf(grant_id)).length, 3)
})

test('with a refresh limit of 0 there is no refresh token, and one that is made up is refused', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ refresh_token_limit: 0 })
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  t.is((await refresh(ledger, app, refresh_token)).body['error'], 'invalid_grant')
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})

test('a refresh token that was not used in its lifetime is dead, and each refresh begins that lifetime anew', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ refresh_token_lifetime: 8 })
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const first = await refreshExpiry(ledger, grant_id)
  await untilOlder(ledger, grant_id, 1, 1)
  const { status, body } = await refresh(ledger, app, refresh_token)
  t.is(status, 200)
  t.true((await refreshExpiry(ledger, grant_id)) > first)
  await untilPast(ledger, grant_id, 'refresh_exp')
  t.is((await refresh(ledger, app, body['refresh_token'])).body['error'], 'invalid_grant')
  t.is((await ledger.eventsOf(grant_id)).length, 2)
})

test('no refresh prolongs a grant past its absolute lifetime', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ refresh_token_absolute_lifetime: 8, refresh_token_lifetime: 60 })
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const { status, body } = await refresh(ledger, app, refresh_token)
  t.is(status, 200)
  await untilPast(ledger, grant_id, 'absolute_exp')
  t.is((await refresh(ledger, app, body['refresh_token'])).body['error'], 'invalid_grant')
  t.is((await ledger.eventsOf(grant_id)).length, 2)
})

test('an access token that never expires has no expires_in, and ends at the next refresh', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client({ access_token_lifetime: null })
  const first = await ledger.grant({ to: app })
  const introspected = await ledger.introspect(first.access_token)
  t.true(introspected['active'])
  t.false('exp' in introspected)
  const { body } = await refresh(ledger, app, first.refresh_token)
  t.false('expires_in' in body)
  t.false(await ledger.isActive(first.access_token))
  t.true(await ledger.isActive(String(body['access_token'])))
})

test('while the user is disabled nothing refreshes, and afterwards the same token does', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, sub] = [await ledger.client(), await ledger.user()]
  const { grant_id, refresh_token } = await ledger.grant({ to: app, sub })
  await ledger.user({ sub, enabled: false })
  const { status, body } = await refresh(ledger, app, refresh_token)
  t.is(status, 400)
  t.is(body['error'], 'invalid_grant')
  t.is((await ledger.eventsOf(grant_id)).length, 1)
  await ledger.user({ sub, enabled: true })
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
})

test('a deleted user ends the grants made before, also for a later user of the same name', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, sub] = [await ledger.client(), await ledger.user()]
  const before = await ledger.grant({ to: app, sub })
  await ledger.deleteUser(sub)
  t.is((await refresh(ledger, app, before.refresh_token)).body['error'], 'invalid_grant')
  await ledger.user({ sub })
  t.is((await refresh(ledger, app, before.refresh_token)).body['error'], 'invalid_grant')
  t.false(await ledger.isActive(before.access_token))
  const after = await ledger.grant({ to: app, sub })
  t.is((await refresh(ledger, app, after.refresh_token)).status, 200)
})

test('revoking all of a user ends the grants made before and none made after', async (t) => {
  const ledger = await ledgerOfAll()
  const [app, sub] = [await ledger.client(), await ledger.user()]
  const before = await ledger.grant({ to: app, sub })
  await ledger.revokeAllOfUser(sub)
  t.is((await refresh(ledger, app, before.refresh_token)).body['error'], 'invalid_grant')
  const after = await ledger.grant({ to: app, sub })
  t.is((await refresh(ledger, app, after.refresh_token)).status, 200)
})

test('a disabled client is told that its authentication failed, and its grants wait for it', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token, access_token } = await ledger.grant({ to: app })
  await ledger.changeClient(app, { enabled: false })
  const { status, headers, body } = await refresh(ledger, app, refresh_token)
  t.is(status, 401)
  t.is(body['error'], 'invalid_client')
  t.regex(headers.get('www-authenticate') ?? '', /^Basic /)
  t.false(await ledger.isActive(access_token))
  await ledger.changeClient(app, { enabled: true })
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
  t.is((await ledger.eventsOf(grant_id)).length, 2)
})

test('every changed character of a refresh token is refused, reads no grant unless it names another key, and writes nothing', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.client()
  const { refresh_token } = await ledger.grant({ to: app })
  const before = await ledger.length()
  let asked: unknown[] = []
  const listen = ({ sql, bindings }: { sql: string; bindings: unknown[] }) => {
    if (sql.includes('keys AS MATERIALIZED')) asked.push(bindings[0])
  }
  // The first character of the kid: nothing here can prove a token of that key, so the read model is asked who made it.
  const kidAt = 'tl_rt_'.length
  ledger.runtime.knex.on('query', listen)
  for (let at = 0; at < refresh_token.length; at++) {
    const changed = refresh_token.slice(0, at) + (refresh_token[at] === 'A' ? 'B' : 'A') + refresh_token.slice(at + 1)
    const { status, body } = await refresh(ledger, app, changed)
    t.deepEqual([status, body['error']], [400, 'invalid_grant'], `character ${at}`)
    if (at === kidAt) t.is(asked.length, 2, 'once more when the read model is settled')
    else t.deepEqual(asked, ['[]'], `character ${at}`)
    asked = []
  }
  ledger.runtime.knex.removeListener('query', listen)
  t.is(await ledger.length(), before)
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
})

test('an access token is no refresh token', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, access_token } = await ledger.grant({ to: app })
  t.is((await refresh(ledger, app, access_token)).body['error'], 'invalid_grant')
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})

test('a token of a grant that the log never held is refused once the read model is known to be fresh', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const unknown = formatToken(ledger.keys, 'rt', { kid: 1, grant_id: uuidv7(), generation: 1 })
  const { status, body } = await refresh(ledger, app, unknown)
  t.deepEqual([status, body['error']], [400, 'invalid_grant'])
})

test('a generation that was never made is refused, raises an alarm, and the grant lives', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  const { status, body } = await refresh(
    ledger,
    app,
    formatToken(ledger.keys, 'rt', { kid: 1, grant_id, generation: 5 }),
  )
  t.deepEqual([status, body['error']], [400, 'invalid_grant'])
  t.true(ledger.lines.some((line) => line['alarm'] === 'generation_ahead' && line['grant_id'] === grant_id))
  t.is((await ledger.eventsOf(grant_id)).length, 1)
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
})

test('a client that loses the right to refresh is unauthorized, and its tokens are not consumed', async (t) => {
  const ledger = await ledgerOfAll()
  const app = await ledger.client()
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  await ledger.changeClient(app, { grant_types: ['client_credentials'] })
  const { status, body } = await refresh(ledger, app, refresh_token)
  t.deepEqual([status, body['error']], [400, 'unauthorized_client'])
  t.is((await ledger.eventsOf(grant_id)).length, 1)
})

test('the log of requests says why a refresh was refused, which the client is not told', async (t) => {
  const ledger = await ledgerOfAll()
  const [owner, other] = [await ledger.client(), await ledger.client()]
  const { refresh_token } = await ledger.grant({ to: owner })
  const { headers, body } = await refresh(ledger, other, refresh_token)
  t.false(JSON.stringify(body).includes('client_mismatch'))
  const line = ledger.lines.find(({ request_id }) => request_id === headers.get('x-request-id'))
  t.like(line, { client_id: other.client_id, error: 'invalid_grant', reason: 'client_mismatch', address: '127.0.0.1' })
})
