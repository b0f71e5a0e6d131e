import { realTest } from '../../support/real-parts.ts'
import { startLedger, type Ledger } from '../ledger.ts'

const test = realTest('postgres')

const ANY = { 'if-match': '*' }

/** Every kind that PUT writes: what stands there, what each member is set to, and what it is once it is removed. */
const KINDS: [
  path: string,
  whole: Record<string, unknown>,
  changed: Record<string, unknown>,
  removed: Record<string, unknown>,
][] = [
  [
    '/admin/scopes/orders.read',
    { description: 'Read orders.', includes: ['orders'] },
    { description: 'Read.', includes: ['orders', 'bills'] },
    { description: '', includes: [] },
  ],
  ['/admin/groups/Clerks', { description: 'Enter orders.' }, { description: 'x' }, { description: '' }],
  [
    '/admin/acls/Orders',
    { allowed_groups: ['Staff'], denied_groups: ['Developers'] },
    { allowed_groups: ['Staff', 'Everybody'], denied_groups: [] },
    { allowed_groups: [], denied_groups: [] },
  ],
  [
    '/admin/resources/orders',
    { execute_acl: 'Default', templates: [{ method: 'GET', path: '/orders' }] },
    { execute_acl: 'Internal', templates: [] },
    { execute_acl: null, templates: [] },
  ],
  [
    '/admin/users/u1',
    { username: 'ada', name: 'Ada L.', email: 'ada@example.org', groups: ['Staff'], enabled: false },
    { username: 'Ada2', name: 'A.', email: 'a@example.org', groups: [], enabled: true },
    { name: null, email: null, groups: [], enabled: true },
  ],
]

async function withKinds(t: Parameters<typeof startLedger>[0]): Promise<Ledger> {
  const ledger = await startLedger(t)
  await ledger.make('/admin/groups/Staff', {})
  for (const [path, whole] of KINDS) await ledger.make(path, whole)
  return ledger
}

test('traps-running 2: what a PATCH does not name stays, for each member of each kind', async (t) => {
  const { send, root: token } = await withKinds(t)
  for (const [path, , changed] of KINDS)
    for (const [member, value] of Object.entries(changed)) {
      const { body: before } = await send('GET', path, { token })
      const answer = await send('PATCH', path, { token, body: { [member]: value }, headers: ANY })
      const after = { ...before, [member]: value, revision: Number(before['revision']) + 1 }
      t.deepEqual([answer.status, answer.body], [200, after], `${path} ${member}`)
      t.is(answer.headers.get('etag'), `"${after.revision}"`)
      t.deepEqual((await send('GET', path, { token })).body, after)
    }
})

test('traps-running 2: null removes a member, for each that can be left out; the others stay', async (t) => {
  const { send, root: token } = await withKinds(t)
  for (const [path, , , removed] of KINDS)
    for (const [member, value] of Object.entries(removed)) {
      const { body: before } = await send('GET', path, { token })
      const answer = await send('PATCH', path, { token, body: { [member]: null }, headers: ANY })
      t.deepEqual(
        answer.body,
        { ...before, [member]: value, revision: Number(before['revision']) + 1 },
        `${path} ${member}`,
      )
    }
  const { status, body } = await send('PATCH', '/admin/users/u1', { token, body: { username: null }, headers: ANY })
  t.is(status, 400)
  t.regex(String(body['error_description']), /username/)
})

test('traps-running 2: an unknown member is refused by name, also to be removed, and nothing is changed', async (t) => {
  const { send, root: token, events } = await withKinds(t)
  const before = (await events()).length
  for (const [path, whole] of KINDS)
    for (const [member, value] of [
      ['colour', 'red'],
      ['colour', null],
      ['secret', 'x'],
      ['personal_state', null],
      ['not_before', 1],
    ] as const) {
      const patch = { ...whole, [member]: value }
      for (const body of [patch, { [member]: value }]) {
        const answer = await send('PATCH', path, { token, body, headers: ANY })
        t.is(answer.status, 400, `${path} ${member}`)
        t.true(String(answer.body['error_description']).includes(member), String(answer.body['error_description']))
      }
    }
  t.is((await events()).length, before)
})

test('a PATCH names the revision that it changes, and is of an object', async (t) => {
  const { send, root: token, events } = await withKinds(t)
  const before = (await events()).length
  const path = '/admin/groups/Staff'
  const patch = (body: unknown, headers: Record<string, string>) => send('PATCH', path, { token, body, headers })
  t.is((await patch({}, {})).status, 428)
  t.is((await patch({}, { 'if-none-match': '*' })).status, 400)
  t.is((await patch({ description: 'x' }, { 'if-match': '"2"' })).status, 412)
  t.is((await patch({ description: 'x', revision: 2 }, ANY)).status, 412)
  t.is((await patch({ name: 'Other' }, ANY)).status, 400, 'a name stays')
  t.is((await patch(['x'], ANY)).status, 400)
  t.is((await patch('null', ANY)).status, 400)
  const missing = await send('PATCH', '/admin/groups/Nobody', { token, body: {}, headers: ANY })
  t.is(missing.status, 404)
  const of = (type: string) => patch({ description: 'y' }, { ...ANY, 'content-type': type })
  t.is((await of('text/plain')).status, 400)
  t.is((await events()).length, before)
  t.is((await of('application/merge-patch+json')).status, 200)
})

test('of several patches of one revision one wins, and nobody undoes another', async (t) => {
  const { send, root: token } = await withKinds(t)
  const path = '/admin/users/u1'
  const patches = [{ name: 'A' }, { email: 'b@example.org' }, { groups: [] }, { enabled: true }]
  const answers = await Promise.all(
    patches.map((body) => send('PATCH', path, { token, body, headers: { 'if-match': '"1"' } })),
  )
  t.deepEqual(answers.map(({ status }) => status).sort(), [200, 412, 412, 412])
  t.like((await send('GET', path, { token })).body, { revision: 2, username: 'ada' })
})

test('a person whose name cannot be read is disabled, keeps what is sealed, and can be named again', async (t) => {
  const { send, root: token, runtime, events } = await withKinds(t)
  const path = '/admin/users/u1'
  const sealed = (await events()).findLast(({ type }) => type === 'UserPut')
  await runtime.knex.raw(
    `UPDATE ${runtime.schema}.users SET username = NULL, name = NULL, email = NULL, personal_state = 'unreadable' WHERE sub = 'u1'`,
  )
  const { body } = await send('PATCH', path, { token, body: { groups: [] }, headers: ANY })
  t.like(body, { groups: [], revision: 2 })
  const last = (await events()).findLast(({ type }) => type === 'UserPut')
  t.deepEqual(Object(last?.data).user.personal, Object(sealed?.data).user.personal)
  t.is((await send('PATCH', path, { token, body: { username: 'ada' }, headers: ANY })).status, 200)
})
