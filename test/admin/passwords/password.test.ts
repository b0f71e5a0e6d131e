import { readPassword } from '../../../shared/accounts/passwords/passwords.ts'
import { passwordSettingOf, requirePasswords } from '../../../shared/process/runtime.ts'
import { finishPassword, type PasswordSetting, setPassword } from '../../../shared/read-model/passwords/set-password.ts'
import { everythingIn } from '../people/everything.ts'
import { startLedger, type Ledger } from '../ledger.ts'
import { refuses } from '../../support/asserting.ts'
import { startLedger as startBeside } from '../../support/ledger.ts'
import { GOOD, login, LOGS_IN, mustSet, person, setPassword as put, WRONG } from '../../support/passwords.ts'
import { realTest } from '../../support/real-parts.ts'
import { onceForFile } from '../../system/once-for-file.ts'

const test = realTest('postgres')
const ledgerOfAll = onceForFile((t) => {
  return startLedger(t, { services: ['token-endpoint', 'projector', 'token-check', 'admin'] })
})
const FORBIDDEN = { status: 403, body: { error: 'insufficient_scope' } }
const NEXT = 'the next one, which is longer'

/** A change of a password by a process that dies where `commit` says. */
async function dyingChange(ledger: Ledger, sub: string, password: string, commit: PasswordSetting['commit']) {
  const setting = { ...passwordSettingOf(ledger.runtime), commit }
  const hashed = await requirePasswords(ledger.runtime).hash(password)
  const asked = { sub, hashed, context: { actor: 'client/root' } }
  return setPassword(setting, asked, () => Promise.resolve())
}

const DIED = { message: 'killed' }
const diesBefore = () => Promise.reject(new Error('killed'))
const diesBehind =
  ({ commit }: Ledger['runtime']): PasswordSetting['commit'] =>
  async (...args) => {
    await commit(...args)
    throw new Error('killed')
  }

async function lastSet(ledger: Ledger, sub: string) {
  const set = (await ledger.events()).filter(({ type, subject }) => {
    return type === 'UserPasswordSet' && subject === `user/${sub}`
  })
  return { count: set.length, last: set.at(-1) }
}

test('a process that is killed once the password is committed leaves it to the next login, which ends all of before', async (t) => {
  const ledger = await ledgerOfAll()
  const other = await startBeside(t, { beside: ledger, services: ['token-endpoint'] })
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { password: GOOD })
  const before = await login(ledger, as, username, GOOD)
  await t.throwsAsync(dyingChange(ledger, sub, NEXT, diesBefore), DIED)
  t.like(await readPassword(ledger.runtime.knex, sub), { epoch: 2, pending: true })
  t.deepEqual((await login(other, as, username, GOOD)).body, WRONG, 'the one of before')
  t.true(await ledger.isActive(String(before.body['access_token'])), 'a wrong password finishes nothing')
  const answer = await login(other, as, username, NEXT)
  t.is(answer.status, 200)
  t.true(await ledger.isActive(String(answer.body['access_token'])))
  t.false(await ledger.isActive(String(before.body['access_token'])))
  t.like(await readPassword(ledger.runtime.knex, sub), { epoch: 2, pending: false })
  t.like(await lastSet(ledger, sub), { count: 2, last: { actor: 'client/root', data: { password_epoch: 2 } } })
})

test('a process that is killed once the event is appended has changed the password', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { password: GOOD })
  const before = await login(ledger, as, username, GOOD)
  await t.throwsAsync(dyingChange(ledger, sub, NEXT, diesBehind(ledger.runtime)), DIED)
  t.like(await readPassword(ledger.runtime.knex, sub), { epoch: 2, pending: true })
  t.false(await ledger.isActive(String(before.body['access_token'])))
  t.deepEqual((await login(ledger, as, username, GOOD)).body, WRONG)
  t.is((await login(ledger, as, username, NEXT)).status, 200)
  t.like(await readPassword(ledger.runtime.knex, sub), { epoch: 2, pending: false })
  t.is((await lastSet(ledger, sub)).count, 2)
})

test('a change that was cut short is finished by the next change, and only the last password counts', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { password: GOOD })
  await t.throwsAsync(dyingChange(ledger, sub, 'cut short, and never told', diesBefore), DIED)
  await mustSet(ledger, sub, NEXT)
  for (const old of [GOOD, 'cut short, and never told'])
    t.deepEqual((await login(ledger, as, username, old)).body, WRONG)
  t.is((await login(ledger, as, username, NEXT)).status, 200)
  t.like(await readPassword(ledger.runtime.knex, sub), { epoch: 3, pending: false })
})

test('of a user who is deleted while a password is set no password stays behind', async (t) => {
  const ledger = await ledgerOfAll()
  const { sub } = await person(ledger, { password: GOOD })
  const hashed = await requirePasswords(ledger.runtime).hash(NEXT)
  const asked = { sub, hashed, context: { actor: 'client/root' } }
  let isDeleted = false
  const decide = async () => {
    if (!isDeleted) await ledger.deleteUser(sub)
    isDeleted = true
  }
  t.is(await setPassword(passwordSettingOf(ledger.runtime), asked, decide), null)
  t.is(await readPassword(ledger.runtime.knex, sub), null)
})

test('of many changes at once each is answered, one password counts, and it is the last that was committed', async (t) => {
  const ledger = await ledgerOfAll()
  const other = await startBeside(t, { beside: ledger, services: ['admin'] })
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger)
  const all = Array.from({ length: 6 }, (_, n) => `one of several at once ${n}`)
  const answers = await Promise.all(
    all.map((password, n) => put(n % 2 === 0 ? ledger : { ...ledger, send: sendTo(other) }, sub, password)),
  )
  t.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  const logins = await Promise.all(all.map((password) => login(ledger, as, username, password)))
  t.is(logins.filter(({ status }) => status === 200).length, 1)
  const { count, last } = await lastSet(ledger, sub)
  t.true(count >= 6)
  t.like(await readPassword(ledger.runtime.knex, sub), { pending: false })
  t.is((await readPassword(ledger.runtime.knex, sub))?.epoch, last?.type === 'UserPasswordSet' ? 6 : -1)
})

function sendTo({ admin }: Pick<Ledger, 'admin'>): Ledger['send'] {
  return (method, path, { token = '', body } = {}) =>
    admin.send(path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
}

test('a row of before, as a failover or a backup brings it back, lets nobody in until the password is set anew', async (t) => {
  const ledger = await ledgerOfAll()
  const { knex } = ledger.runtime
  const as = await ledger.client(LOGS_IN)
  const changed = await person(ledger, { password: GOOD })
  const deleted = await person(ledger, { password: GOOD })
  const pending = await person(ledger, { password: GOOD })
  await t.throwsAsync(dyingChange(ledger, pending.sub, 'pending in the backup', diesBefore), DIED)
  const { rows } = await knex.raw<{ rows: Record<string, unknown>[] }>('SELECT * FROM ledger.passwords')
  await mustSet(ledger, changed.sub, NEXT)
  await ledger.deleteUser(deleted.sub)
  await ledger.user({ sub: deleted.sub, personal: { username: deleted.username, name: null, email: null } })
  await mustSet(ledger, pending.sub, NEXT)
  const mine = rows.filter(({ sub }) => [changed, deleted, pending].some((one) => one.sub === sub))
  t.is(mine.length, 3)
  for (const row of mine)
    await knex
      .withSchema('ledger')
      .table('passwords')
      .insert({ ...row, cost: JSON.stringify(row['cost']) })
      .onConflict('sub')
      .merge()
  for (const { username } of [changed, deleted])
    for (const password of [GOOD, NEXT]) t.deepEqual((await login(ledger, as, username, password)).body, WRONG)
  for (const password of [GOOD, NEXT, 'pending in the backup'])
    t.deepEqual((await login(ledger, as, pending.username, password)).body, WRONG, password)
  await mustSet(ledger, changed.sub, 'set anew after the restore')
  t.is((await login(ledger, as, changed.username, 'set anew after the restore')).status, 200)
})

test('a password whose row is ahead of the log lets nobody in, and is no obstacle to the next', async (t) => {
  const ledger = await ledgerOfAll()
  const { knex } = ledger.runtime
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { password: GOOD })
  for (const pending of [true, false]) {
    await knex.raw('UPDATE ledger.passwords SET epoch = epoch + 2, pending = ? WHERE sub = ?', [pending, sub])
    t.deepEqual((await login(ledger, as, username, GOOD)).body, WRONG)
    await finishPassword(passwordSettingOf(ledger.runtime), sub)
    await mustSet(ledger, sub, GOOD)
    t.is((await login(ledger, as, username, GOOD)).status, 200)
  }
})

test('whoever logs in while the password is changed gets no tokens that live', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { password: GOOD })
  const logins = Array.from({ length: 8 }, () => login(ledger, as, username, GOOD))
  await mustSet(ledger, sub, NEXT)
  for (const { status, body } of await Promise.all(logins))
    if (status === 200) t.false(await ledger.isActive(String(body['access_token'])))
    else t.deepEqual(body, WRONG)
})

test('traps-running 10: the password of a user who reaches ledger.* is set and removed only with the right of the guard', async (t) => {
  const ledger = await ledgerOfAll()
  const { make, register, tokenOf, root: token, send } = ledger
  await make('/admin/groups/Support', { description: '' })
  await make('/admin/acls/Support', { allowed_groups: ['Support', 'Administrators'] })
  await make('/admin/resources/ledger.admin:users', { execute_acl: 'Support' })
  const support = await register({
    ...{ client_name: 'Support', grant_types: ['client_credentials'] },
    ...{ groups: ['Support'], scope: 'ledger.admin' },
  })
  const theirs = await tokenOf(support)
  const [ordinary, chief] = [await person(ledger, { password: GOOD }), await person(ledger, { password: GOOD })]
  await ledger.user({ sub: chief.sub, groups: ['Administrators'] })
  t.is((await put(ledger, ordinary.sub, NEXT, theirs)).status, 200)
  t.like(await put(ledger, chief.sub, NEXT, theirs), FORBIDDEN)
  const path = `/admin/users/${chief.sub}/password`
  t.like(await send('DELETE', path, { token: theirs }), FORBIDDEN)
  const as = await ledger.client(LOGS_IN)
  t.is((await login(ledger, as, chief.username, GOOD)).status, 200, 'nothing was changed')
  t.is((await put(ledger, chief.sub, NEXT, token)).status, 200)
  t.is((await login(ledger, as, chief.username, NEXT)).status, 200)
})

test('who may not administer users sets no password, and nobody sets one of a user who is not there', async (t) => {
  const ledger = await ledgerOfAll()
  const { sub } = await person(ledger)
  const other = await ledger.register({ client_name: 'Other', grant_types: ['client_credentials'], scope: '' })
  t.like(await put(ledger, sub, NEXT, await ledger.tokenOf(other)), FORBIDDEN)
  refuses(t, await put(ledger, 'nobody', NEXT), [404, 'not_found'])
  const { status } = await ledger.send('DELETE', '/admin/users/nobody/password', { token: ledger.root })
  t.is(status, 404)
  for (const body of [{}, { password: 7 }, { password: GOOD, more: 1 }, { password: null }]) {
    const answer = await ledger.send('PUT', `/admin/users/${sub}/password`, { token: ledger.root, body })
    refuses(t, answer, [400, 'invalid_request'])
  }
})

test('neither a password nor what is made of it stands in an event, in a table in clear, or in an answer', async (t) => {
  const ledger = await ledgerOfAll()
  const secret = 'nobody may ever read this sentence'
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { password: secret })
  await login(ledger, as, username, secret)
  const refused = [
    await login(ledger, as, `${username}x`, secret),
    await put(ledger, sub, secret.repeat(40)),
    await ledger.send('PUT', `/admin/users/${sub}/password`, { token: ledger.root, body: `{"password":"${secret}` }),
    await ledger.send('GET', `/admin/users/${sub}`, { token: ledger.root }),
  ]
  const { rows } = await ledger.runtime.knex.raw<{ rows: { hash: string }[] }>(
    "SELECT encode(hash, 'hex') AS hash FROM ledger.passwords WHERE sub = ?",
    [sub],
  )
  const everywhere = [...refused.map(({ body }) => JSON.stringify(body)), await everythingIn(ledger.runtime.knex)]
  for (const text of everywhere) t.false(text.includes(secret))
  const events = JSON.stringify(await ledger.events())
  t.is(rows.length, 1)
  for (const { hash } of rows)
    t.false(events.includes(hash) || events.includes(Buffer.from(hash, 'hex').toString('base64url')))
})

test('whoever is forgotten has no password left, also after a backup brought the row back', async (t) => {
  const ledger = await ledgerOfAll()
  const { knex } = ledger.runtime
  const { sub } = await person(ledger, { password: GOOD })
  const row = await knex.withSchema('ledger').table('passwords').where({ sub }).first<Record<string, unknown>>()
  await ledger.send('POST', `/admin/users/${sub}/forget`, { token: ledger.root, body: { reason: 'asked for it' } })
  t.is(await readPassword(knex, sub), null)
  await knex
    .withSchema('ledger')
    .table('passwords')
    .insert({ ...row, cost: JSON.stringify(row['cost']) })
  await startBeside(t, { beside: ledger, services: ['projector'] })
  t.is(await readPassword(knex, sub), null)
  refuses(t, await put(ledger, sub, NEXT), [404, 'not_found'])
})
