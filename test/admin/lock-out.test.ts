import { randomBytes } from 'node:crypto'
import { setTimeout as later } from 'node:timers/promises'
import { realTest } from '../support/real-parts.ts'
import { startLedger, type Ledger, ROOT } from './ledger.ts'

const test = realTest('postgres')

const ANY = { 'if-match': '*' }
const NOBODY = { error: 'conflict', error_description: 'nobody could administer the ledger any more' }

/** A client for people who administer, and what an administrator does with it. */
async function withConsole(ledger: Ledger, over: object = {}) {
  const { send, root, register, make } = ledger
  const { client_id } = await register({ client_name: 'console', scope: 'ledger.admin', ...over })
  const user = (sub: string) => make(`/admin/users/${sub}`, { username: sub, groups: ['Administrators'] })
  const grant = async (sub: string) => {
    const issued = async () =>
      (await ledger.events()).flatMap(({ type, subject }) => (type === 'TokenIssued' ? subject : []))
    const before = await issued()
    const { body } = await send('POST', '/admin/grants', { token: root, body: { client_id, sub } })
    const [grant_id = ''] = (await issued()).filter((id) => !before.includes(id))
    return { token: String(body['access_token']), grant_id }
  }
  // Its token lives on, but nobody can get another: it is no administrator that counts.
  const endRoot = () => ledger.changeClient({ ...ROOT, method: 'basic' }, { secret: null })
  return { client_id, user, grant, endRoot }
}

const disabled = (sub: string) => ({ username: sub, groups: ['Administrators'], enabled: false })

test('a user who cannot log in and has no grant is no administrator that is left', async (t) => {
  const ledger = await startLedger(t)
  const { send, root: token } = ledger
  const { user } = await withConsole(ledger)
  await user('ada')
  const before = (await ledger.events()).length
  const writes: [string, unknown][] = [
    ['/admin/scopes/ledger.admin', { includes: ['orders'] }],
    ['/admin/acls/Administrators', { allowed_groups: ['Auditors'] }],
    ['/admin/resources/ledger', { execute_acl: 'Replicators' }],
  ]
  for (const [path, body] of writes) {
    const answer = await send('PUT', path, { token, body, headers: ANY })
    t.deepEqual([answer.status, answer.body], [409, NOBODY], path)
  }
  await ledger.make('/admin/groups/People', {})
  await ledger.make('/admin/acls/People', { allowed_groups: ['People'] })
  await ledger.make('/admin/users/eve', { username: 'eve', groups: ['People'] })
  const opened = await send('PUT', '/admin/resources/ledger.admin', {
    token,
    body: { execute_acl: 'People' },
    headers: { 'if-none-match': '*' },
  })
  t.deepEqual([opened.status, opened.body], [409, NOBODY], 'there is somebody in the group who cannot act')
  t.is((await ledger.events()).length, before + 3)
})

test('what opens the rest again cannot be closed for everybody, everything else can', async (t) => {
  const ledger = await startLedger(t)
  const { send, root: token } = ledger
  const put = (right: string) =>
    send('PUT', `/admin/resources/ledger.admin:${right}`, {
      token,
      body: { execute_acl: 'Replicators' },
      headers: { 'if-none-match': '*' },
    })
  t.is((await put('users')).status, 201)
  t.deepEqual((await put('resources')).body, NOBODY)
  t.deepEqual((await put('guard')).body, NOBODY)
})

test('the grants of the last user who can act are not ended: not one by one, of the user or of the client', async (t) => {
  const ledger = await startLedger(t)
  const { send } = ledger
  const { client_id, user, grant, endRoot } = await withConsole(ledger)
  await user('ada')
  await user('bob')
  const ada = await grant('ada')
  const second = await grant('ada')
  await endRoot()
  const reason = { reason: 'x' }
  const revoke = (grant_id: string) =>
    send('POST', `/admin/grants/${grant_id}/revoke`, { token: ada.token, body: reason })
  t.is((await revoke(second.grant_id)).status, 200, 'another one is left')
  const attempts: [string, string, unknown, Record<string, string>?][] = [
    ['POST', `/admin/grants/${ada.grant_id}/revoke`, reason],
    ['POST', '/admin/users/ada/revoke-all', reason],
    ['POST', `/admin/clients/${client_id}/revoke-all`, reason],
    ['PUT', '/admin/users/ada', disabled('ada'), ANY],
    ['PUT', '/admin/users/ada', { username: 'ada' }, ANY],
  ]
  for (const [method, path, body, headers = {}] of attempts) {
    const answer = await send(method, path, { token: ada.token, body, headers })
    t.deepEqual([answer.status, answer.body], [409, NOBODY], path)
  }
  t.is((await send('GET', '/admin/users/ada', { token: ada.token })).status, 200, 'it lives')
  t.is((await send('PUT', '/admin/users/bob', { token: ada.token, body: disabled('bob'), headers: ANY })).status, 200)
})

test('a grant that has run out is none, whatever its row says', async (t) => {
  const ledger = await startLedger(t)
  const { send } = ledger
  const { user, grant, endRoot } = await withConsole(ledger, { access_token_lifetime: 2, refresh_token_limit: 0 })
  const lasting = await withConsole(ledger, { client_name: 'lasting' })
  await user('ada')
  await user('bob')
  const bob = await lasting.grant('bob')
  const ada = await grant('ada')
  await endRoot()
  const disable = () => send('PUT', '/admin/users/bob', { token: bob.token, body: disabled('bob'), headers: ANY })
  while ((await send('GET', '/admin/users/ada', { token: ada.token })).status === 200) await later(100)
  t.deepEqual((await disable()).body, NOBODY, 'ada is an administrator that cannot act any more')
  const { body } = await send('POST', '/admin/grants', {
    token: bob.token,
    body: { client_id: lasting.client_id, sub: 'ada' },
  })
  t.is(typeof body['refresh_token'], 'string')
  t.is((await disable()).status, 200, 'now she can')
})

test('a key that leaked is revoked also where that ends all that users administer with', async (t) => {
  const keys = [2, 1].map((kid) => `${kid}:${randomBytes(32).toString('base64')}`).join(',')
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: keys } })
  const { send, root } = ledger
  const { user, client_id, endRoot } = await withConsole(ledger)
  await user('ada')
  const { access_token } = await ledger.grant({ to: { client_id, client_secret: null }, sub: 'ada', kid: 1 })
  await endRoot()
  t.is((await send('POST', '/admin/users/ada/revoke-all', { token: root, body: { reason: 'x' } })).status, 409)
  const revoked = await send('POST', '/admin/keys/1/revoke', { token: root, body: {} })
  t.deepEqual([revoked.status, revoked.body], [200, { revoked: 1, next: null }])
  t.is((await send('GET', '/admin/users/ada', { token: access_token })).status, 401)
})

/** Many more of whoever is in this group, with what each can use, as the read model would show them. */
async function multiply({ runtime: { knex, schema } }: Ledger, group: string, times: number): Promise<void> {
  const row = (table: string, members: string) =>
    `INSERT INTO ${schema}.${table} SELECT (jsonb_populate_record(t, jsonb_build_object(${members}))).*
       FROM ${schema}.${table} t, generate_series(1, ${times}) AS n WHERE`
  const grantOf = "'grant_id', overlay(t.grant_id::text PLACING lpad(n::text, 12, '0') FROM 25)"
  const own = `(SELECT sub FROM ${schema}.users WHERE groups = ARRAY[?])`
  await knex.raw(
    `${row('bearer_tokens', grantOf)} grant_id IN (SELECT grant_id FROM ${schema}.grants WHERE principal_id IN ${own})`,
    [group],
  )
  await knex.raw(`${row('grants', `${grantOf}, 'principal_id', 'n' || n`)} principal_id IN ${own}`, [group])
  await knex.raw(`${row('users', "'sub', 'n' || n, 'username', 'n' || n")} groups = ARRAY[?]`, [group])
  await knex.raw(`${row('clients', "'client_id', 'n' || n, 'client_name', 'n' || n")} groups = ARRAY[?]`, [group])
}

test('the last administrator is not overlooked among the many whom an ACL of the ledger names', async (t) => {
  const ledger = await startLedger(t)
  const { send, root, register, make } = ledger
  await make('/admin/groups/Customers', {})
  await make('/admin/scopes/read', { includes: ['orders'] })
  const acl = (allowed_groups: string[]) => ({ allowed_groups, denied_groups: ['Customers'] })
  const put = (body: unknown, token = root) => send('PUT', '/admin/acls/Administrators', { token, body, headers: ANY })
  t.is((await put(acl(['Administrators']))).status, 200)
  const grant_types = ['client_credentials', 'refresh_token']
  const shop = await register({ client_name: 'shop', scope: 'read', groups: ['Customers'], grant_types })
  await make('/admin/users/eve', { username: 'eve', groups: ['Customers'] })
  await send('POST', '/admin/grants', { token: root, body: { client_id: shop.client_id, sub: 'eve' } })
  await multiply(ledger, 'Customers', 5_000)
  const { user, grant, endRoot } = await withConsole(ledger)
  const second = { grant_types: ['client_credentials'], scope: 'ledger.admin', groups: ['Administrators'] }
  const { client_id } = await register({ client_name: 'second', ...second })
  await endRoot()
  t.deepEqual((await put(acl([]))).body, NOBODY, 'a client')
  await user('zoe')
  const { token } = await grant('zoe')
  await ledger.changeClient({ client_id, client_secret: '', method: 'basic' }, { secret: null })
  t.deepEqual((await put(acl([]), token)).body, NOBODY, 'a user')
})
