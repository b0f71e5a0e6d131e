import { verify } from '../../../services/audit/verify/verify.ts'
import { networkOf } from '../../../shared/callers/event-context.ts'
import { seeded } from '../../support/kept-logs.ts'
import { putPlainUser } from '../../support/plain-users.ts'
import { realTest } from '../../support/real-parts.ts'
import { rebuiltBeside } from '../../support/written-ledger.ts'
import { type Ledger, startLedger } from '../ledger.ts'
import { everythingIn } from './everything.ts'

const test = realTest('postgres')

const ADA = { username: 'Ada.Lovelace', name: 'Ada Augusta King', email: 'ada@people.example' }
const NAMES = /lovelace|augusta|ada@people/i
const SUB = '0198c0de-aaaa-7000-8000-000000000001'
const REASON = { reason: 'asked for it' }

function names() {
  seeded(ADA.username, ADA.name, ADA.email)
}

const createUser = (ledger: Ledger, body: object, sub = SUB) =>
  ledger.send('PUT', `/admin/users/${sub}`, { token: ledger.root, body, headers: { 'if-none-match': '*' } })
const forget = (ledger: Ledger, sub = SUB) =>
  ledger.send('POST', `/admin/users/${sub}/forget`, { token: ledger.root, body: REASON })

test('names are shown where they are needed, and stand in no byte of the log', async (t) => {
  names()
  const ledger = await startLedger(t)
  t.is((await createUser(ledger, ADA)).status, 201)
  const { status, body } = await ledger.send('GET', `/admin/users/${SUB}`, { token: ledger.root })
  t.is(status, 200)
  t.deepEqual(body, { sub: SUB, ...ADA, groups: [], enabled: true, revision: 1 })
  const { knex, schema } = ledger.runtime
  const to = await ledger.client()
  await ledger.grant({ to, sub: SUB })
  const { rows } = await knex.raw<{ rows: unknown[] }>(
    `SELECT username, name, email FROM ${schema}.live_bearer_tokens WHERE principal_id = ?`,
    [SUB],
  )
  t.deepEqual(rows, [ADA])
  t.notRegex(JSON.stringify(await ledger.events()), NAMES)
  t.is((await verify(ledger.runtime)).difference, null)
})

test('a name is taken in any letter case, also one that stands in clear in an old record', async (t) => {
  names()
  const ledger = await startLedger(t)
  await createUser(ledger, ADA)
  const other = SUB.replace('1', '2')
  t.is((await createUser(ledger, { username: 'ADA.LOVELACE' }, other)).status, 409)
  await putPlainUser(ledger.runtime, {
    sub: 'old',
    groups: [],
    enabled: true,
    personal: { username: 'Grace', name: null, email: null },
  })
  t.is((await createUser(ledger, { username: 'gRACE' }, other)).status, 409)
  t.is((await createUser(ledger, { username: 'gRACE' }, 'old')).status, 412, 'there is such a user')
  t.is((await createUser(ledger, { username: 'Hopper' }, other)).status, 201)
})

test('of two that take one name at once one gets it', async (t) => {
  const ledger = await startLedger(t)
  const subs = Array.from({ length: 6 }, (_, n) => `person-${n}`)
  const answers = await Promise.all(
    subs.map((sub, n) => createUser(ledger, { username: n % 2 ? 'twin' : 'TWIN' }, sub)),
  )
  t.deepEqual(answers.map(({ status }) => status).sort(), [201, 409, 409, 409, 409, 409])
})

test('what an old record has in clear is shown, and sealed with the next write, also where that only ends grants', async (t) => {
  const ledger = await startLedger(t)
  const { send, root: token, events } = ledger
  const personal = { username: 'Grace', name: null, email: null }
  await putPlainUser(ledger.runtime, { sub: 'old', groups: [], enabled: true, personal })
  t.like((await send('GET', '/admin/users/old', { token })).body, { username: 'Grace' })
  t.is((await send('POST', '/admin/users/old/revoke-all', { token, body: { reason: 'lost' } })).status, 200)
  const last = (await events()).findLast(({ type }) => type === 'UserGrantsRevoked')
  t.notRegex(JSON.stringify(last), /Grace/)
  t.like((await send('GET', '/admin/users/old', { token })).body, { username: 'Grace' })
  t.is((await verify(ledger.runtime)).difference, null)
})

test('traps-running 18: a forgotten sub is 409 for ever, its grants have ended, and its name is free', async (t) => {
  names()
  const ledger = await startLedger(t, { services: ['token-endpoint', 'token-check', 'projector', 'admin'] })
  await createUser(ledger, ADA)
  const to = await ledger.client()
  const { access_token } = await ledger.grant({ to, sub: SUB })
  t.true(await ledger.isActive(access_token))
  t.is((await forget(ledger, 'nobody')).status, 404)
  t.deepEqual((await forget(ledger)).body, { sub: SUB, forgotten: true })
  t.false(await ledger.isActive(access_token))
  t.is((await ledger.send('GET', `/admin/users/${SUB}`, { token: ledger.root })).status, 404)
  t.is((await createUser(ledger, ADA)).status, 409)
  t.is((await forget(ledger)).status, 200, 'repeated')
  t.is((await createUser(ledger, ADA, 'another')).status, 201)
})

test('the forgotten are listed, in pages', async (t) => {
  const ledger = await startLedger(t)
  const subs = ['B', 'a', 'b']
  for (const [n, sub] of [...subs, 'kept'].entries()) await createUser(ledger, { username: `name-${n}` }, sub)
  for (const sub of subs) t.is((await forget(ledger, sub)).status, 200)
  const first = await ledger.send('GET', '/admin/forgotten-users?limit=2', { token: ledger.root })
  t.deepEqual(first.body['forgotten'], ['B', 'a'])
  const next = /<(.+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? ''
  const second = await ledger.send('GET', next, { token: ledger.root })
  t.deepEqual([second.body['forgotten'], second.headers.get('link')], [['b'], null])
  t.is((await ledger.send('GET', '/admin/forgotten-users?limit=0', { token: ledger.root })).status, 400)
  t.is((await ledger.send('GET', '/admin/forgotten-users', {})).status, 401)
})

test('traps-running 20: rebuild and verify run with forgotten users, and show no name', async (t) => {
  names()
  const ledger = await startLedger(t)
  await createUser(ledger, ADA)
  await createUser(ledger, { username: 'Grace' }, 'other')
  await forget(ledger)
  const beside = await rebuiltBeside(ledger.runtime)
  t.is((await verify(ledger.runtime)).difference, null)
  t.is((await verify(beside)).difference, null)
  const { rows } = await ledger.runtime.knex.raw<{ rows: unknown[] }>(
    `SELECT sub, username, personal_state FROM ${beside.schema}.users ORDER BY sub`,
  )
  t.deepEqual(rows, [
    { sub: SUB, username: null, personal_state: 'forgotten' },
    { sub: 'other', username: 'Grace', personal_state: null },
  ])
})

test('traps-running 21: a name is found in no table, log or error text once its person is forgotten', async (t) => {
  names()
  const ledger = await startLedger(t)
  const { send, root: token, runtime } = ledger
  await createUser(ledger, ADA)
  t.regex(await everythingIn(runtime.knex), NAMES, 'it is looked for where it is')
  const errors = [
    await createUser(ledger, { ...ADA, email: 'ada@people.example is wrong' }, 'b'),
    await createUser(ledger, ADA, 'b'),
    await createUser(ledger, { ...ADA, groups: ['Nobody'] }, 'b'),
    await createUser(ledger, ADA),
    await send('POST', `/admin/users/${SUB}/revoke-all`, { token, body: {} }),
  ]
  t.true(errors.every(({ status }) => status >= 400))
  t.notRegex(JSON.stringify(errors.map(({ body }) => body)), NAMES)
  t.is((await forget(ledger)).status, 200)
  const beside = await rebuiltBeside(runtime)
  t.notRegex(await everythingIn(runtime.knex), NAMES)
  t.is((await verify(beside)).difference, null)
  t.notRegex(JSON.stringify(ledger.lines), NAMES)
  const again = await startLedger(t, { settings: ledger.settings })
  t.notRegex(await everythingIn(again.runtime.knex), NAMES)
})

test('a lost key costs the name until the person is put again, and never the partition', async (t) => {
  names()
  const ledger = await startLedger(t)
  const { send, root: token, runtime } = ledger
  await createUser(ledger, ADA)
  await runtime.knex.raw('DELETE FROM ledger.persons')
  const beside = await rebuiltBeside(runtime)
  t.is((await verify(beside)).difference, null)
  t.like((await verify(runtime)).difference, { table: 'users', column: 'name' })
  const put = await send('PUT', `/admin/users/${SUB}`, { token, body: ADA, headers: { 'if-match': '"1"' } })
  t.is(put.status, 200)
  t.like(put.body, ADA)
  t.is((await verify(runtime)).difference, null)
})

test('traps-running 22: a sub is no mail address, and an event has the network of its caller alone', async (t) => {
  const ledger = await startLedger(t)
  t.is((await createUser(ledger, { username: 'x' }, 'x@sub.example')).status, 400)
  await createUser(ledger, { username: 'x' })
  t.is((await ledger.events()).findLast(({ type }) => type === 'UserPut')?.clientaddress, '127.0.0.0/24')
  for (const [address, network] of [
    ['192.0.2.7', '192.0.2.0/24'],
    ['::ffff:192.0.2.7', '192.0.2.0/24'],
    ['2001:db8:12:3456::7', '2001:db8:12::/48'],
    ['2001:DB8::7', '2001:db8:0::/48'],
    ['fe80::1%eth0', 'fe80:0:0::/48'],
    ['::1', '0:0:0::/48'],
    ['', undefined],
    ['nonsense', undefined],
  ] as const)
    t.is(networkOf(address), network, address)
})

test('a ledger that has mail addresses as sub already goes on with a setting', async (t) => {
  const ledger = await startLedger(t, { settings: { SUB_MAY_BE_ADDRESS: 'true' } })
  t.is((await createUser(ledger, { username: 'x' }, 'x@sub.example')).status, 201)
})
