import { realTest } from '../support/real-parts.ts'
import { startLedger, type Ledger } from './ledger.ts'

const test = realTest('postgres')

const EXISTING = { 'if-match': '"1"' }
const NEW = { 'if-none-match': '*' }

/** An administrator of everything but the ledger itself: `Ops` may use ledger.admin, but not ledger.admin:guard. */
async function withOperator(ledger: Ledger) {
  const { make, register, tokenOf } = ledger
  await make('/admin/groups/Ops', {})
  await make('/admin/acls/LedgerOps', { allowed_groups: ['Ops', 'Administrators'] })
  await make('/admin/resources/ledger.admin:guard', { execute_acl: 'Administrators' })
  await make('/admin/resources/ledger.admin', { execute_acl: 'LedgerOps' })
  await make('/admin/scopes/orders', { includes: ['orders'] })
  await make('/admin/groups/Staff', {})
  const base = { grant_types: ['client_credentials'] }
  const operator = await register({ ...base, client_name: 'operator', groups: ['Ops'], scope: 'ledger.admin orders' })
  return { token: await tokenOf(operator) }
}

test('an administrator without the guard right writes what does not touch the ledger', async (t) => {
  const ledger = await startLedger(t)
  const { token } = await withOperator(ledger)
  const { send } = ledger
  const put = (path: string, body: unknown) => send('PUT', path, { token, body, headers: NEW })
  t.is((await put('/admin/users/eve', { username: 'eve', groups: ['Staff'] })).status, 201)
  t.is((await put('/admin/scopes/mine', { includes: ['orders', 'ledgers'] })).status, 201)
  t.is((await put('/admin/acls/Mine', { allowed_groups: ['Administrators', 'Staff'] })).status, 201)
  t.is((await put('/admin/resources/orders', { execute_acl: 'Administrators' })).status, 201)
  const client = await send('POST', '/admin/clients', { token, body: { client_name: 'c', scope: 'orders mine' } })
  t.is(client.status, 201)
  const grant = { client_id: client.body['client_id'], sub: 'eve', scope: 'orders' }
  t.is((await send('POST', '/admin/grants', { token, body: grant })).status, 200)
})

test('no way leads an administrator without the guard right into ledger.*', async (t) => {
  const ledger = await startLedger(t)
  const { token } = await withOperator(ledger)
  const { send, make, register, events } = ledger
  await make('/admin/users/boss', { username: 'boss', groups: ['Administrators'] })
  await make('/admin/users/eve', { username: 'eve' })
  const { client_id: console_id } = await register({ client_name: 'console', scope: 'ledger.admin orders' })
  const { client_id: app } = await register({ client_name: 'app', scope: 'orders' })
  const before = (await events()).length

  const client = { client_name: 'x', grant_types: ['client_credentials'] }
  const attempts: [string, string, string, unknown, Record<string, string>][] = [
    [
      'add itself to Administrators',
      'PUT',
      '/admin/users/eve',
      { username: 'eve', groups: ['Administrators'] },
      EXISTING,
    ],
    ['make a new administrator', 'PUT', '/admin/users/mallory', { username: 'm', groups: ['Administrators'] }, NEW],
    ['join a group of a lesser ledger ACL', 'PUT', '/admin/users/eve', { username: 'eve', groups: ['Ops'] }, EXISTING],
    ['disable an administrator', 'PUT', '/admin/users/boss', { username: 'boss', enabled: false }, EXISTING],
    ['rename an administrator', 'PUT', '/admin/users/boss', { username: 'b', groups: ['Administrators'] }, EXISTING],
    ['make a scope of the ledger', 'PUT', '/admin/scopes/innocent', { includes: ['orders', 'ledger'] }, NEW],
    ['make a scope of a part of it', 'PUT', '/admin/scopes/innocent', { includes: ['ledger.admin:guard'] }, NEW],
    ['widen a scope', 'PUT', '/admin/scopes/orders', { includes: ['orders', 'ledger.admin'] }, EXISTING],
    ['empty the scope', 'PUT', '/admin/scopes/ledger.admin', { includes: ['orders'] }, EXISTING],
    ['open the ACL', 'PUT', '/admin/acls/Administrators', { allowed_groups: ['Administrators', 'Staff'] }, EXISTING],
    ['open its own ACL', 'PUT', '/admin/acls/LedgerOps', { allowed_groups: ['Everybody'] }, EXISTING],
    ['open the resource', 'PUT', '/admin/resources/ledger.admin', { execute_acl: 'Default' }, EXISTING],
    ['open the guard', 'PUT', '/admin/resources/ledger.admin:guard', { execute_acl: 'LedgerOps' }, EXISTING],
    ['let the guard inherit', 'PUT', '/admin/resources/ledger.admin:guard', {}, EXISTING],
    ['open the folder above', 'PUT', '/admin/resources/ledger', { execute_acl: 'Default' }, EXISTING],
    ['open a new part', 'PUT', '/admin/resources/ledger.admin:users', { execute_acl: 'Default' }, NEW],
    ['write the group', 'PUT', '/admin/groups/Administrators', { description: 'x' }, EXISTING],
    ['register an administrator', 'POST', '/admin/clients', { ...client, groups: ['Administrators'] }, {}],
    ['register a client that may ask for it', 'POST', '/admin/clients', { ...client, scope: 'ledger.admin' }, {}],
    ['guard the ledger', 'POST', '/admin/clients', { ...client, resource_server_folders: ['ledger.admin'] }, {}],
    ['guard the folder', 'POST', '/admin/clients', { ...client, resource_server_folders: ['ledger'] }, {}],
    ['grant its scope', 'POST', '/admin/grants', { client_id: console_id, sub: 'eve', scope: 'ledger.admin' }, {}],
    ['grant it unsaid', 'POST', '/admin/grants', { client_id: console_id, sub: 'eve' }, {}],
    ['speak for an administrator', 'POST', '/admin/grants', { client_id: app, sub: 'boss', scope: 'orders' }, {}],
    ['end all of root', 'POST', '/admin/clients/root/revoke-all', { reason: 'x' }, {}],
    ['end all of boss', 'POST', '/admin/users/boss/revoke-all', { reason: 'x' }, {}],
  ]
  for (const [title, method, path, body, headers] of attempts) {
    const answer = await send(method, path, { token, body, headers })
    t.is(answer.status, 403, title)
    t.is(answer.body['error'], 'insufficient_scope', title)
    t.true(String(answer.body['error_description']).includes('ledger.admin:guard'), title)
    t.regex(answer.headers.get('www-authenticate') ?? '', /^Bearer .*error="insufficient_scope", scope="ledger.admin"$/)
  }
  t.is((await events()).length, before, 'nothing was appended')
})

test('without the guard right, nobody ends a grant of an administrator', async (t) => {
  const ledger = await startLedger(t)
  const { token } = await withOperator(ledger)
  const { send, root, events } = ledger
  const issued = (await events()).find(({ type }) => type === 'TokenIssued')
  const path = `/admin/grants/${issued?.subject}/revoke`
  t.is((await send('POST', path, { token, body: { reason: 'x' } })).status, 403)
  t.is((await send('GET', '/admin/groups/Ops', { token: root })).status, 200, 'it lives')
})

test('each right opens its own entities only', async (t) => {
  const { make, register, tokenOf, send } = await startLedger(t)
  await make('/admin/groups/Clerks', {})
  await make('/admin/acls/UserClerks', { allowed_groups: ['Clerks'] })
  await make('/admin/resources/ledger.admin:users', { execute_acl: 'UserClerks' })
  await make('/admin/scopes/users', { includes: ['ledger.admin:users'] })
  const base = { grant_types: ['client_credentials'], groups: ['Clerks'] }
  const token = await tokenOf(await register({ ...base, client_name: 'clerk', scope: 'users' }))
  t.is((await send('PUT', '/admin/users/u', { token, body: { username: 'u' }, headers: NEW })).status, 201)
  t.is((await send('GET', '/admin/users/u', { token })).status, 200)
  const paths = ['/admin/groups/Clerks', '/admin/acls/Default', '/admin/scopes/users', '/admin/resources/ledger']
  for (const path of [...paths, '/admin/clients/root']) {
    const read = await send('GET', path, { token })
    t.is(read.status, 403, path)
    t.true(read.headers.get('www-authenticate')?.includes('scope="ledger.admin"'), path)
  }
  t.is((await send('POST', '/admin/grants', { token, body: {} })).status, 403)
  const wide = await register({ ...base, client_name: 'wide', scope: 'ledger.admin' })
  const answer = await send('GET', '/admin/groups/Clerks', { token: await tokenOf(wide) })
  t.is(answer.status, 403, 'a scope without the group of the ACL is not enough')
})

test('the ledger is closed to whoever has no live access token of it', async (t) => {
  const { send, root, register, tokenOf } = await startLedger(t)
  const none = await send('GET', '/admin/groups/Administrators')
  t.is(none.status, 401)
  t.is(none.headers.get('www-authenticate'), 'Bearer realm="token-ledger"')
  const damaged = root.slice(0, -2) + (root.endsWith('AA') ? 'BB' : 'AA')
  const basic = { authorization: `Basic ${Buffer.from('root:x').toString('base64')}` }
  t.is((await send('GET', '/admin/groups/Administrators', { headers: basic })).status, 401)
  for (const token of ['x', damaged, root.replace('tl_at_', 'tl_rt_')]) {
    const answer = await send('PUT', '/admin/groups/G', { token, body: {}, headers: NEW })
    t.is(answer.status, 401)
    t.is(answer.body['error'], 'invalid_token')
  }
  const second = await register({
    client_name: 'second',
    grant_types: ['client_credentials'],
    groups: ['Administrators'],
    scope: 'ledger.admin',
  })
  const token = await tokenOf(second)
  t.is((await send('GET', '/admin/groups/Administrators', { token })).status, 200)
  const ended = await send('POST', `/admin/clients/${second.client_id}/revoke-all`, {
    token: root,
    body: { reason: 'x' },
  })
  t.is(ended.status, 200)
  t.is((await send('GET', '/admin/groups/Administrators', { token })).status, 401, 'its client was ended')
  t.is((await send('GET', '/admin/groups/Administrators', { token: await tokenOf(second) })).status, 200)
})

test('a refresh token is no access token, not even that of an administrator', async (t) => {
  const { send, root, make, register } = await startLedger(t)
  await make('/admin/users/ada', { username: 'ada', groups: ['Administrators'] })
  const { client_id } = await register({ client_name: 'console', scope: 'ledger.admin' })
  const { body } = await send('POST', '/admin/grants', { token: root, body: { client_id, sub: 'ada' } })
  const read = (token: unknown) => send('GET', '/admin/groups/Auditors', { token: String(token) })
  t.is((await read(body['access_token'])).status, 200)
  t.is((await read(body['refresh_token'])).status, 401)
})

test('the last administrator cannot be removed, one of several can', async (t) => {
  const { send, root: token, make, register } = await startLedger(t)
  const put = (path: string, body: unknown, match = '*') =>
    send('PUT', path, { token, body, headers: match === 'new' ? NEW : { 'if-match': match } })
  const writes: [string, unknown, string][] = [
    ['/admin/acls/Administrators', { allowed_groups: [] }, '*'],
    ['/admin/acls/Administrators', { allowed_groups: ['Administrators'], denied_groups: ['Administrators'] }, '*'],
    ['/admin/scopes/ledger.admin', { includes: ['orders'] }, '*'],
    ['/admin/resources/ledger', { execute_acl: null }, '*'],
    ['/admin/resources/ledger.admin:guard', { execute_acl: 'Developers' }, 'new'],
  ]
  for (const [path, body, match] of writes) {
    const answer = await put(path, body, match)
    t.is(answer.status, 409, path)
    t.is(answer.body['error'], 'conflict')
  }
  t.is((await send('GET', '/admin/scopes/ledger.admin', { token })).headers.get('etag'), '"1"', 'nothing changed')
  await make('/admin/users/ada', { username: 'ada', groups: ['Administrators'] })
  const second = { grant_types: ['client_credentials'], client_name: 'second', groups: ['Administrators'] }
  await register({ ...second, scope: 'ledger.admin' })
  t.is((await put('/admin/users/ada', { username: 'ada', enabled: false })).status, 200, 'one of several may go')
})

test('two administrators who disable each other at once: one of them stays', async (t) => {
  const { send, root, make, register, events } = await startLedger(t)
  await make('/admin/groups/People', {})
  await make('/admin/users/ada', { username: 'ada', groups: ['People'] })
  await make('/admin/users/bob', { username: 'bob', groups: ['People'] })
  await make('/admin/acls/People', { allowed_groups: ['People'] })
  const { client_id } = await register({ client_name: 'console', scope: 'ledger.admin' })
  const grant = async (sub: string) => {
    const { body } = await send('POST', '/admin/grants', { token: root, body: { client_id, sub } })
    return String(body['access_token'])
  }
  const [ada, bob] = await Promise.all([grant('ada'), grant('bob')])
  await make('/admin/resources/ledger.admin', { execute_acl: 'People' })
  t.is((await send('GET', '/admin/users/ada', { token: root })).status, 403, 'root is out')
  const disable = (token: string, sub: string) =>
    send('PUT', `/admin/users/${sub}`, {
      token,
      body: { username: sub, groups: ['People'], enabled: false },
      headers: EXISTING,
    })
  const answers = await Promise.all([disable(ada, 'bob'), disable(bob, 'ada')])
  const [won, lost] = answers.map(({ status }) => status).sort()
  t.is(won, 200)
  t.true(lost === 409 || lost === 401, 'refused as the last one, or disabled before it came to that')
  const event = (await events()).filter(({ type }) => type === 'UserPut').at(-1)
  t.is(event?.actor, answers[0]?.status === 200 ? 'user/ada' : 'user/bob')
})
