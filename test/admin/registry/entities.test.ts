import { realTest } from '../../support/real-parts.ts'
import { startLedger } from '../ledger.ts'

const test = realTest('postgres')

test('an entity is created, read with its ETag, and changed by whoever knows its revision', async (t) => {
  const { send, root: token } = await startLedger(t)
  const path = '/admin/scopes/orders.read'
  const body = { description: 'Read orders.', includes: ['orders'] }

  const created = await send('PUT', path, { token, body, headers: { 'if-none-match': '*' } })
  t.is(created.status, 201)
  t.is(created.headers.get('etag'), '"1"')
  t.deepEqual(created.body, { name: 'orders.read', ...body, revision: 1 })
  t.is((await send('PUT', path, { token, body, headers: { 'if-none-match': '*' } })).status, 412)

  const changed = await send('PUT', path, { token, body: created.body, headers: { 'if-match': '"1"' } })
  t.is(changed.status, 200)
  t.is(changed.headers.get('etag'), '"2"')
  t.is((await send('PUT', path, { token, body, headers: { 'if-match': '"1"' } })).status, 412)
  t.is((await send('PUT', path, { token, body, headers: { 'if-match': '2' } })).status, 400)
  const read = await send('GET', path, { token })
  t.is(read.headers.get('etag'), '"2"')
  t.deepEqual(read.body, changed.body)
})

test('a PUT without a precondition is refused, also with both, and one of nothing is no change', async (t) => {
  const { send, root: token, events } = await startLedger(t)
  const body = { description: 'x' }
  const before = (await events()).length
  const without = await send('PUT', '/admin/groups/Staff', { token, body })
  t.is(without.status, 428)
  t.is(without.body['error'], 'precondition_required')
  const both = { 'if-match': '"1"', 'if-none-match': '*' }
  t.is((await send('PUT', '/admin/groups/Staff', { token, body, headers: both })).status, 400)
  t.is((await send('PUT', '/admin/groups/Staff', { token, body, headers: { 'if-match': '*' } })).status, 412)
  t.is((await send('GET', '/admin/groups/Staff', { token })).status, 404)
  t.is((await events()).length, before, 'nothing was appended')
})

test('of several writers of one revision one wins, and the others are told', async (t) => {
  const { send, root: token, make } = await startLedger(t)
  await make('/admin/groups/Staff', {})
  const write = (n: number) =>
    send('PUT', '/admin/groups/Staff', { token, body: { description: `${n}` }, headers: { 'if-match': '"1"' } })
  const answers = await Promise.all([1, 2, 3, 4, 5].map(write))
  t.deepEqual(answers.map(({ status }) => status).sort(), [200, 412, 412, 412, 412])
  const winner = answers.find(({ status }) => status === 200)
  t.deepEqual((await send('GET', '/admin/groups/Staff', { token })).body, winner?.body)
})

test('usernames are unique, also among writers at once', async (t) => {
  const { send, root: token, events } = await startLedger(t)
  const put = (sub: string) =>
    send('PUT', `/admin/users/${sub}`, { token, body: { username: 'ada' }, headers: { 'if-none-match': '*' } })
  const answers = await Promise.all(['u1', 'u2', 'u3'].map(put))
  t.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409])
  const before = (await events()).length
  const later = await put('u4')
  t.is(later.status, 409)
  t.is(later.body['error'], 'conflict')
  t.is((await events()).length, before, 'what is known to be void is not appended')
})

test('every kind is written with what it may name, and shown as it was written', async (t) => {
  const { make, send, root: token } = await startLedger(t)
  const bodies: [string, Record<string, unknown>][] = [
    ['/admin/groups/Clerks', { name: 'Clerks', description: 'May enter orders.' }],
    ['/admin/acls/Orders', { name: 'Orders', allowed_groups: ['Clerks', 'Everybody'], denied_groups: ['Anonymous'] }],
    [
      '/admin/resources/orders:approve',
      { name: 'orders:approve', execute_acl: 'Orders', templates: [{ method: 'POST', path: '/orders/{id}/approval' }] },
    ],
    ['/admin/scopes/a%2Fb', { name: 'a/b', description: '', includes: ['orders', 'orders:approve'] }],
    [
      '/admin/users/ada',
      { sub: 'ada', groups: ['Clerks'], enabled: true, username: 'Ada', name: 'Ada L.', email: 'ada@example.org' },
    ],
  ]
  for (const [path, body] of bodies) {
    t.deepEqual((await make(path, body)).body, { ...body, revision: 1 })
    t.deepEqual((await send('GET', path, { token })).body, { ...body, revision: 1 })
  }
})

test('every event says who acted, in which request and from where', async (t) => {
  const { make, events, send, root: token } = await startLedger(t)
  await make('/admin/groups/First', {})
  await send('PUT', '/admin/groups/Second', {
    token,
    body: {},
    headers: { 'if-none-match': '*', 'x-request-id': 'req-7' },
  })
  const event = (await events()).find(({ subject }) => subject === 'group/Second')
  t.is(event?.actor, 'client/root')
  t.is(event?.requestid, 'req-7')
  t.truthy(event?.clientaddress)
})

const WRONG: [string, string, unknown, string][] = [
  ['an unknown member', '/admin/scopes/s', { colour: 'red' }, 'colour'],
  ['another name than the path', '/admin/scopes/s', { name: 't' }, 'name'],
  ['a member of the wrong type', '/admin/scopes/s', { includes: 'orders' }, 'includes'],
  ['a folder that is none', '/admin/scopes/s', { includes: ['orders', '.ledger'] }, 'includes.1'],
  ['an empty folder', '/admin/scopes/s', { includes: [''] }, 'includes.0'],
  ['a scope name with a comma', '/admin/scopes/a%2Cb', {}, 'name'],
  ['a scope name with a space', '/admin/scopes/a%20b', {}, 'name'],
  ['a scope name with a backslash', '/admin/scopes/a%5Cb', {}, 'name'],
  ['a scope name with a quote', '/admin/scopes/a%22b', {}, 'name'],
  ['a scope name outside ASCII', '/admin/scopes/%C3%A9', {}, 'name'],
  ['a scope name of 101 characters', `/admin/scopes/${'a'.repeat(101)}`, {}, 'name'],
  ['a group that does not exist', '/admin/acls/A', { allowed_groups: ['Nobody'] }, 'allowed_groups'],
  ['an ACL that does not exist', '/admin/resources/orders', { execute_acl: 'Nothing' }, 'execute_acl'],
  ['a resource that is none', '/admin/resources/orders:approve:x', {}, 'name'],
  ['a name in broken percent-encoding', '/admin/groups/%E0%A4', {}, 'percent-encoding'],
  ['a resource in another spelling of its name', '/admin/resources/cafe%CC%81', {}, 'normal form C'],
  ['a folder in another spelling', '/admin/scopes/s', { includes: ['cafe\u0301'] }, 'normal form C'],
  ['a username that looks like another', '/admin/users/ada', { username: 'ad\uff41' }, 'normal form KC'],
  ['a username in another spelling', '/admin/users/ada', { username: 'rene\u0301' }, 'normal form KC'],
  ['a username with a space before it', '/admin/users/ada', { username: ' ada' }, 'without spaces'],
  ['a user without a username', '/admin/users/ada', {}, 'username'],
  ['a password, which is not taken yet', '/admin/users/ada', { username: 'ada', password: 'x' }, 'password'],
  ['a user in Everybody', '/admin/users/ada', { username: 'ada', groups: ['Everybody'] }, 'Everybody'],
  ['JSON that is broken', '/admin/groups/G', '{', 'JSON'],
  ['JSON that is no object', '/admin/groups/G', '[]', 'body'],
  ['text that cannot be stored', '/admin/groups/G', '{"description":"\\u0000"}', 'U+0000'],
]

test('what is wrong with a body is named, and nothing is appended', async (t) => {
  const { send, root: token, events } = await startLedger(t)
  const before = (await events()).length
  for (const [title, path, body, named] of WRONG) {
    const answer = await send('PUT', path, { token, body, headers: { 'if-none-match': '*' } })
    t.is(answer.status, 400, title)
    t.is(answer.body['error'], 'invalid_request', title)
    t.true(
      String(answer.body['error_description']).includes(named),
      `${title}: ${String(answer.body['error_description'])}`,
    )
  }
  const form = await send('PUT', '/admin/groups/G', {
    token,
    body: 'description=x',
    headers: { 'if-none-match': '*', 'content-type': 'application/x-www-form-urlencoded' },
  })
  t.is(form.status, 400)
  t.is((await events()).length, before)
})

test('nothing is decided on a registry that is not being projected', async (t) => {
  const { send, root: token, runtime, events } = await startLedger(t)
  const { knex, schema, topics } = runtime
  await knex.raw(`UPDATE ${schema}.checkpoints SET status = 'stopped' WHERE topic = ?`, [topics.registry])
  const before = (await events()).length
  const write = await send('PUT', '/admin/groups/G', { token, body: {}, headers: { 'if-none-match': '*' } })
  for (const answer of [write, await send('GET', '/admin/groups/Auditors', { token })]) {
    t.is(answer.status, 503)
    t.is(answer.body['error'], 'temporarily_unavailable')
    t.truthy(answer.headers.get('retry-after'))
  }
  t.is((await events()).length, before)
})

test('a name with joiners is kept as it is; one with a forbidden character is refused, and told which', async (t) => {
  const { send, root: token, make, events } = await startLedger(t)
  const name = 'علی\u200cرضا'
  t.is((await make('/admin/users/u1', { username: name, name, groups: [] })).body['username'], name)
  const before = (await events()).length
  const headers = { 'if-none-match': '*' }
  const body = { username: 'ada', name: 'Ada \u202eecalevoL' }
  const refused = await send('PUT', '/admin/users/u2', { token, body, headers })
  t.is(refused.status, 400)
  t.is(refused.body['error_description'], 'name: must not have U+202E here')
  t.is((await events()).length, before)
})

test('a write that the log holds twice took effect, and is answered so', async (t) => {
  const { send, root: token, make, register, tokenOf } = await startLedger(t, { sentTwice: true })
  t.is((await make('/admin/groups/Staff', { description: 'first' })).headers.get('etag'), '"1"')
  const body = { description: 'second' }
  const change = () => send('PUT', '/admin/groups/Staff', { token, body, headers: { 'if-match': '"1"' } })
  const [one, other] = await Promise.all([change(), change()])
  t.deepEqual([one.status, other.status].sort(), [200, 412], 'one of two writers of one revision')
  const { client_id, client_secret } = await register({ client_name: 'Shop', grant_types: ['client_credentials'] })
  t.true((await tokenOf({ client_id, client_secret })).startsWith('tl_at_'))
  const revoked = await send('POST', `/admin/clients/${client_id}/revoke-all`, { token, body: { reason: 'left' } })
  t.is(revoked.status, 200)
})
