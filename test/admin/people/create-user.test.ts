import { seeded } from '../../support/kept-logs.ts'
import { putPlainUser } from '../../support/plain-users.ts'
import { realTest } from '../../support/real-parts.ts'
import { type Ledger, startLedger } from '../ledger.ts'

const test = realTest('postgres')

const ADA = { username: 'Ada.Lovelace', name: 'Ada Augusta King', email: 'ada@people.example' }
const UUID_4 = /^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/

const create = (ledger: Ledger, body: object, token = ledger.root) =>
  ledger.send('POST', '/admin/users', { token, body })

test('traps-running 22: a user is created under a sub that says nothing, not even when', async (t) => {
  seeded(ADA.username, ADA.name, ADA.email)
  const ledger = await startLedger(t)
  const { status, headers, body } = await create(ledger, ADA)
  t.is(status, 201)
  const { sub, ...rest } = body
  t.regex(String(sub), UUID_4)
  t.deepEqual(rest, { ...ADA, groups: [], enabled: true, revision: 1 })
  t.is(headers.get('location'), `/admin/users/${String(sub)}`)
  t.is(headers.get('etag'), '"1"')
  const read = await ledger.send('GET', String(headers.get('location')), { token: ledger.root })
  t.deepEqual([read.status, read.body], [200, body])
  t.notRegex(JSON.stringify(await ledger.events()), /lovelace|augusta|ada@people/i)
})

test('a sub that the body names is taken, unless somebody has it or had it', async (t) => {
  const ledger = await startLedger(t)
  const named = await create(ledger, { sub: '4f/2c', username: 'grace' })
  t.deepEqual([named.status, named.headers.get('location')], [201, '/admin/users/4f%2F2c'])
  t.is((await create(ledger, { sub: '4f/2c', username: 'hopper' })).status, 409)
  t.is((await create(ledger, { username: 'GRACE' })).status, 409, 'the name is taken')
  const body = { reason: 'asked for it' }
  await ledger.send('POST', '/admin/users/4f%2F2c/forget', { token: ledger.root, body })
  t.is((await create(ledger, { sub: '4f/2c', username: 'hopper' })).status, 409, 'forgotten')
})

test('long names of the log that begin alike are two users', async (t) => {
  const ledger = await startLedger(t)
  for (const sub of ['b', 'c']) {
    const personal = { username: `${'a'.repeat(100)}${sub}`, name: null, email: null }
    await putPlainUser(ledger.runtime, { sub, groups: [], enabled: true, personal })
    t.is((await ledger.send('GET', `/admin/users/${sub}`, { token: ledger.root })).status, 200)
  }
})

test('what is wrong with a new user is named, and an administrator needs the guard right', async (t) => {
  const ledger = await startLedger(t)
  const wrong = await create(ledger, { nickname: 'x', groups: 'Staff' })
  t.is(wrong.status, 400)
  t.regex(String(wrong.body['error_description']), /username: .*groups: .*nickname/)
  t.is((await create(ledger, { username: 'x', groups: ['Nobody'] })).status, 400)
  await ledger.make('/admin/groups/Ops', {})
  await ledger.make('/admin/acls/Ops', { allowed_groups: ['Ops', 'Administrators'] })
  await ledger.make('/admin/resources/ledger.admin:users', { execute_acl: 'Ops' })
  const metadata = { client_name: 'ops', grant_types: ['client_credentials'], scope: 'ledger.admin', groups: ['Ops'] }
  const token = await ledger.tokenOf(await ledger.register(metadata))
  t.is((await create(ledger, { username: 'eve', groups: ['Administrators'] }, token)).status, 403)
  t.is((await create(ledger, { username: 'eve' }, token)).status, 201)
})

const ADDRESSES = [
  'ada@people.example',
  'ada%40people.example',
  'mailto:ada',
  'MAILTO:ada',
  'acct:ada',
  'tel:5550100',
  '+44.1632.960961',
  '+441632960961',
  'ada&#64;people.example',
]

test('traps-running 22: a sub that reads as an address comes in by no way', async (t) => {
  const ledger = await startLedger(t)
  const before = (await ledger.events()).length
  const headers = { 'if-none-match': '*' }
  for (const sub of [...ADDRESSES, 'ada\uFF20people.example']) {
    t.is((await create(ledger, { sub, username: 'x' })).status, 400, sub)
    const path = `/admin/users/${encodeURIComponent(sub)}`
    const put = { token: ledger.root, body: { username: 'x' }, headers }
    t.is((await ledger.send('PUT', path, put)).status, 400, sub)
    const body = { client_id: 'root', sub }
    t.is((await ledger.send('POST', '/admin/grants', { token: ledger.root, body })).status, 400, sub)
  }
  t.is((await ledger.events()).length, before)
  for (const sub of ['1000234', '4f2c', 'auth0|5f7c', 'urn:uuid:4f2c', '+12'])
    t.is((await create(ledger, { sub, username: sub })).status, 201, sub)
})

test('a ledger that has such ones already goes on with a setting', async (t) => {
  const ledger = await startLedger(t, { settings: { SUB_MAY_BE_ADDRESS: 'true' } })
  for (const [n, sub] of ADDRESSES.entries()) t.is((await create(ledger, { sub, username: `u${n}` })).status, 201, sub)
})
