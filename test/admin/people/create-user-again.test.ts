import { createHash, randomUUID } from 'node:crypto'
import { holdForgetting } from '../../../shared/process/soundness/hold-forgetting.ts'
import { seeded } from '../../support/kept-logs.ts'
import { realTest } from '../../support/real-parts.ts'
import * as support from '../../support/ledger.ts'
import { type Ledger, startLedger } from '../ledger.ts'

const test = realTest('postgres')

const ADA = { username: 'Ada.Lovelace', name: 'Ada Augusta King', email: 'ada@people.example' }

async function withUsers(t: Parameters<typeof startLedger>[0]) {
  seeded(ADA.username, ADA.name, ADA.email)
  const ledger = await startLedger(t)
  const create = (key: string | null, body: object, token = ledger.root) =>
    ledger.send('POST', '/admin/users', { token, body, headers: key === null ? {} : { 'idempotency-key': `"${key}"` } })
  const change = (method: string, path: string, body?: unknown) =>
    ledger.send(method, path, { token: ledger.root, body, headers: { 'if-match': '*' } })
  const rows = async () => {
    const { rows } = await ledger.runtime.knex.raw<{ rows: Record<string, unknown>[] }>(
      'SELECT *, body_mac IS NULL AS blank FROM ledger.idempotent_requests',
    )
    return rows
  }
  return { ...ledger, create, change, rows }
}

const puts = async ({ events }: Pick<Ledger, 'events'>) =>
  (await events()).filter(({ type }) => type === 'UserPut').length

test('traps-running 7: a lost answer to "create user" is given again: the same user, under the same sub', async (t) => {
  const ledger = await withUsers(t)
  const { create, change } = ledger
  const first = await create('k', ADA)
  t.is(first.status, 201)
  const path = String(first.headers.get('location'))
  for (let n = 0; n < 2; n++) {
    const again = await create('k', ADA)
    t.deepEqual([again.status, again.body], [201, first.body])
    t.deepEqual(
      ['location', 'etag'].map((name) => again.headers.get(name)),
      [path, '"1"'],
    )
  }
  t.is(await puts(ledger), 1, 'nothing was appended')
  t.is((await create('k', { ...ADA, name: 'Ada' })).status, 422)
  t.is((await create('l', ADA)).status, 409, 'another key is another request, and the name is taken')
  await change('PATCH', path, { name: 'Ada' })
  const later = await create('k', ADA)
  t.deepEqual([later.status, later.body], [201, { ...first.body, name: 'Ada', revision: 2 }], 'as it stands')
  await change('DELETE', path)
  t.is((await create('k', ADA)).status, 409)
  t.is(await puts(ledger), 2)
})

test('traps-running 7: ten equal requests at once on two processes make one user', async (t) => {
  const ledger = await withUsers(t)
  const beside = await support.startLedger(t, { beside: ledger, services: ['admin'] })
  const send = (body: object, key: string) =>
    Array.from({ length: 10 }, (_, n) =>
      (n % 2 === 0 ? ledger : beside).admin.send('/admin/users', {
        method: 'POST',
        headers: {
          authorization: `Bearer ${ledger.root}`,
          'content-type': 'application/json',
          'idempotency-key': `"${key}"`,
        },
        body: JSON.stringify(body),
      }),
    )
  for (const body of [ADA, { ...ADA, sub: 'grace', username: 'grace' }]) {
    const answers = await Promise.all(send(body, randomUUID()))
    t.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]))
    t.is(new Set(answers.map((answer) => JSON.stringify(answer.body))).size, 1)
  }
  const living = await ledger.send('GET', '/admin/users', { token: ledger.root })
  t.is((living.body['users'] as unknown[]).length, 2)
})

test('traps-running 7: a sub that the body names is answered again to whoever made it, and to nobody else', async (t) => {
  const ledger = await withUsers(t)
  const { create, change } = ledger
  const grace = { sub: 'grace', username: 'grace' }
  t.is((await create(null, grace)).status, 201)
  for (let n = 0; n < 2; n++) t.is((await create('k', grace)).status, 409, 'another request made it')
  t.is((await change('DELETE', '/admin/users/grace')).status, 200)
  const mine = await create('l', grace)
  t.deepEqual([mine.status, mine.body['revision']], [201, 3])
  t.deepEqual((await create('l', grace)).body, mine.body)
  t.is((await create('k', grace)).status, 409)
  t.is((await create('l', { ...grace, enabled: false })).status, 422)
  await change('PATCH', '/admin/users/grace', { enabled: false })
  t.is((await create('l', grace)).status, 409, 'nothing proves any more that this request made it')
  await change('DELETE', '/admin/users/grace')
  t.is((await create('l', grace)).status, 409, 'it is not made anew')
})

test('traps-running 6: the key of another caller is another key, and whoever lost the guard right is not told again', async (t) => {
  const ledger = await withUsers(t)
  const { create, change, make, register, tokenOf } = ledger
  await make('/admin/groups/Ops', {})
  await make('/admin/acls/Ops', { allowed_groups: ['Ops', 'Administrators'] })
  await make('/admin/resources/ledger.admin:users', { execute_acl: 'Ops' })
  const metadata = { client_name: 'ops', grant_types: ['client_credentials'], scope: 'ledger.admin' }
  const ops = await register({ ...metadata, groups: ['Ops', 'Administrators'] })
  const token = await tokenOf(ops)
  const [mine, theirs] = [await create('k', ADA), await create('k', { username: 'eve' }, token)]
  t.deepEqual([mine.status, theirs.status], [201, 201])
  t.not(mine.body['sub'], theirs.body['sub'])
  const administrator = { username: 'root', groups: ['Administrators'] }
  t.is((await create('l', administrator, token)).status, 201)
  t.is((await change('PATCH', `/admin/clients/${ops.client_id}`, { groups: ['Ops'] })).status, 200)
  const again = await create('l', administrator, token)
  t.is(again.status, 403)
  t.false('sub' in again.body)
  t.is((await create('k', { username: 'eve' }, token)).status, 201)
})

test('traps-running 18: of a person nothing is left in what is kept of a request, and no repeat makes the person again', async (t) => {
  const ledger = await withUsers(t)
  const { create, change, rows, runtime } = ledger
  const first = await create('k', ADA)
  const named = { ...ADA, sub: 'named', username: 'named' }
  t.is((await create('l', named)).status, 201)
  const guessable = [ADA, named].flatMap((body) => {
    const sha256 = createHash('sha256').update(JSON.stringify(body))
    return [sha256.copy().digest('hex'), sha256.digest('base64')]
  })
  const kept = JSON.stringify(await rows(), (_, value: unknown) =>
    Buffer.isBuffer(value) ? value.toString('hex') : value,
  )
  for (const text of [ADA.username, ADA.name, ADA.email, ...guessable]) t.false(kept.includes(text))
  t.deepEqual(
    (await rows()).map(({ blank }) => blank),
    [false, false],
  )

  for (const sub of [String(first.body['sub']), 'named'])
    t.is((await change('POST', `/admin/users/${sub}/forget`, { reason: 'asked for it' })).status, 200)
  t.deepEqual(
    (await rows()).map(({ blank }) => blank),
    [true, true],
  )
  const before = (await ledger.events()).length
  for (const [key, body] of [
    ['k', ADA],
    ['l', named],
  ] as const) {
    const { status, body: answer } = await create(key, body)
    t.is(status, 409)
    t.regex(String(answer['error_description']), /forgotten/)
  }
  t.is((await create('m', named)).status, 409)
  t.deepEqual([(await ledger.events()).length, (await rows()).length], [before, 2])

  // As a backup of before may bring it back.
  await runtime.knex.raw("UPDATE ledger.idempotent_requests SET body_mac = 'x'")
  await holdForgetting(runtime.knex, runtime.logger)
  t.deepEqual(
    (await rows()).map(({ blank }) => blank),
    [true, true],
  )
})
