import { realTest } from '../support/real-parts.ts'
import { startLedger } from './ledger.ts'

const test = realTest('postgres')

const ANY = { 'if-match': '*' }
const NEW = { 'if-none-match': '*' }
const RIGHTS = ['users', 'groups', 'acls', 'scopes', 'resources', 'grants', 'clients'] as const

type Right = (typeof RIGHTS)[number]
type Attempt = [right: Right, method: string, path: string, body: unknown, headers?: Record<string, string>]

/**
 * A ledger in which each right is held by a client that has this one alone, and what an attacker would like to have:
 * an administrator `boss`, one who is disabled, a group and an ACL that open a part of the ledger.
 */
async function withHolders(t: Parameters<typeof startLedger>[0]) {
  const ledger = await startLedger(t)
  const { make, register, tokenOf } = ledger
  const tokens = new Map<Right, string>()
  for (const right of RIGHTS) {
    await make(`/admin/groups/${right}-only`, {})
    await make(`/admin/acls/${right}-only`, { allowed_groups: [`${right}-only`, 'Administrators'] })
    await make(`/admin/resources/ledger.admin:${right}`, { execute_acl: `${right}-only` })
    await make(`/admin/scopes/${right}-only`, { includes: [`ledger.admin:${right}`] })
    const body = {
      client_name: right,
      grant_types: ['client_credentials'],
      groups: [`${right}-only`],
      scope: `${right}-only`,
    }
    tokens.set(right, await tokenOf(await register(body)))
  }
  await make('/admin/groups/Staff', {})
  await make('/admin/users/boss', { username: 'boss', groups: ['Administrators'] })
  await make('/admin/users/former', { username: 'former', groups: ['Administrators'], enabled: false })
  await make('/admin/users/eve', { username: 'eve' })
  const console = await register({ client_name: 'console', scope: 'ledger.admin', grant_types: ['refresh_token'] })
  const { body } = await ledger.send('POST', '/admin/grants', {
    token: ledger.root,
    body: { client_id: console.client_id, sub: 'boss' },
  })
  return { ...ledger, tokens, console_id: console.client_id, boss: String(body['access_token']) }
}

const ADMINISTRATORS = { groups: ['Administrators'] }

const attemptsWith = (console_id: string): Attempt[] => [
  // Every way into a group of the ledger.
  ['users', 'PUT', '/admin/users/eve', { username: 'eve', ...ADMINISTRATORS }, ANY],
  ['users', 'PUT', '/admin/users/new', { username: 'new', ...ADMINISTRATORS }, NEW],
  ['users', 'PATCH', '/admin/users/eve', ADMINISTRATORS, ANY],
  ['users', 'PATCH', '/admin/users/eve', { groups: ['users-only', 'Staff'] }, ANY],
  ['users', 'POST', '/admin/users', { username: 'new', ...ADMINISTRATORS }],
  ['clients', 'POST', '/admin/clients', { client_name: 'x', grant_types: ['client_credentials'], ...ADMINISTRATORS }],
  // An administrator who is disabled, renamed, deleted, ended or forgotten.
  ['users', 'PATCH', '/admin/users/former', { enabled: true }, ANY],
  ['users', 'PATCH', '/admin/users/boss', { enabled: false }, ANY],
  ['users', 'PATCH', '/admin/users/boss', { groups: null }, ANY],
  ['users', 'PUT', '/admin/users/boss/password', { password: 'known to somebody else' }],
  ['users', 'DELETE', '/admin/users/boss/password', undefined],
  ['users', 'PATCH', '/admin/users/boss', { username: 'eve2', email: 'eve@example.org' }, ANY],
  ['users', 'DELETE', '/admin/users/boss', undefined, ANY],
  ['users', 'DELETE', '/admin/users/former', undefined, ANY],
  ['users', 'POST', '/admin/users/boss/revoke-all', { reason: 'x' }],
  ['users', 'POST', '/admin/users/boss/forget', { reason: 'x' }],
  // The ACLs of the ledger, and the groups in them.
  ['acls', 'PATCH', '/admin/acls/acls-only', { allowed_groups: ['Everybody'] }, ANY],
  ['acls', 'PATCH', '/admin/acls/Administrators', { allowed_groups: ['acls-only'] }, ANY],
  ['acls', 'PATCH', '/admin/acls/Administrators', { denied_groups: ['Administrators'] }, ANY],
  ['acls', 'PUT', '/admin/acls/Administrators', { allowed_groups: ['acls-only'] }, ANY],
  ['acls', 'DELETE', '/admin/acls/users-only', undefined, ANY],
  ['groups', 'PATCH', '/admin/groups/Administrators', { description: 'x' }, ANY],
  ['groups', 'DELETE', '/admin/groups/users-only', undefined, ANY],
  // Its scopes.
  ['scopes', 'PATCH', '/admin/scopes/scopes-only', { includes: ['ledger'] }, ANY],
  ['scopes', 'PATCH', '/admin/scopes/ledger.admin', { includes: null }, ANY],
  ['scopes', 'PUT', '/admin/scopes/new', { includes: ['ledger.admin:guard'] }, NEW],
  ['scopes', 'DELETE', '/admin/scopes/users-only', undefined, ANY],
  // Its folders and services.
  ['resources', 'PATCH', '/admin/resources/ledger', { execute_acl: 'resources-only' }, ANY],
  ['resources', 'PATCH', '/admin/resources/ledger', { execute_acl: null }, ANY],
  ['resources', 'PUT', '/admin/resources/ledger.admin:guard', { execute_acl: 'resources-only' }, NEW],
  ['resources', 'PUT', '/admin/resources/ledger.admin', { execute_acl: 'Default' }, NEW],
  ['resources', 'DELETE', '/admin/resources/ledger.admin:resources', undefined, ANY],
  ['resources', 'DELETE', '/admin/resources/ledger.admin:users', undefined, ANY],
  // Grants.
  ['grants', 'POST', '/admin/grants', { client_id: console_id, sub: 'boss' }],
  ['grants', 'POST', '/admin/grants', { client_id: console_id, sub: 'eve', scope: 'ledger.admin' }],
  ['clients', 'POST', `/admin/clients/${console_id}/revoke-all`, { reason: 'x' }],
]

test('traps-running 9, 10: whoever holds one right alone becomes administrator by no way, and ends none', async (t) => {
  const ledger = await withHolders(t)
  const { send, tokens, console_id, boss, events } = ledger
  const before = (await events()).length
  for (const [right, method, path, body, headers = {}] of attemptsWith(console_id)) {
    const answer = await send(method, path, { token: tokens.get(right), body, headers })
    const title = `${right}: ${method} ${path} ${JSON.stringify(body)}`
    t.deepEqual([answer.status, answer.body['error']], [403, 'insufficient_scope'], title)
    t.true(String(answer.body['error_description']).includes('ledger.admin:guard'), title)
  }
  t.is((await events()).length, before, 'nothing was appended')
  t.is((await send('GET', '/admin/groups/Administrators', { token: boss })).status, 200)
})

test('each right changes, deletes and lists its own kind, and no other', async (t) => {
  const { send, tokens } = await withHolders(t)
  for (const right of RIGHTS.filter((one) => one !== 'grants' && one !== 'clients'))
    for (const other of RIGHTS.filter((one) => one !== 'grants' && one !== 'clients')) {
      const expected = right === other
      const token = tokens.get(right)
      t.is((await send('GET', `/admin/${other}`, { token })).status, expected ? 200 : 403, `${right} lists ${other}`)
      const path = `/admin/${other}/own${right}`
      const patch = await send('PATCH', path, { token, body: {}, headers: ANY })
      t.is(patch.status, expected ? 404 : 403, `${right} patches ${other}`)
      t.is((await send('DELETE', path, { token, headers: ANY })).status, expected ? 404 : 403)
      if (!expected) continue
      t.is(
        (await send('PUT', path, { token, body: right === 'users' ? { username: 'u' } : {}, headers: NEW })).status,
        201,
      )
      t.is((await send('PATCH', path, { token, body: {}, headers: ANY })).status, 200)
      t.is((await send('DELETE', path, { token, headers: ANY })).status, 200, `${right} deletes its own`)
    }
})

test('deleting every row of the ledger opens nothing, not even by another way than this API', async (t) => {
  const { send, runtime, tokens, root, tokenOf, register } = await withHolders(t)
  const { body } = await send('GET', '/admin/resources?prefix=ledger', { token: root })
  const eve = await tokenOf(
    await register({ client_name: 'eve', grant_types: ['client_credentials'], scope: 'ledger.admin' }),
  )
  const names = (body['resources'] as { name: string; revision: number }[]).toReversed()
  t.is(names.length, 9)
  for (const { name, revision } of names) {
    const fact = { type: 'ResourceDeleted', data: { revision: revision + 1, name } } as const
    await runtime.commit(fact, { actor: 'system/test' }, { next: 0 })
    for (const right of RIGHTS.filter((one) => one !== 'grants'))
      for (const token of [eve, ...tokens.values()].filter((one) => one !== tokens.get(right)))
        t.is((await send('GET', `/admin/${right}/x`, { token })).status, 403, `${right} without ${name}`)
  }
})

test('a group or ACL is deleted under the guard’s counter, without the guard’s right', async (t) => {
  const { send, tokens, make, events } = await withHolders(t)
  await make('/admin/acls/Other', {})
  t.is((await send('DELETE', '/admin/acls/Other', { token: tokens.get('acls'), headers: ANY })).status, 200)
  t.is((await send('DELETE', '/admin/groups/Staff', { token: tokens.get('groups'), headers: ANY })).status, 200)
  for (const type of ['AclDeleted', 'GroupDeleted']) {
    const event = (await events()).findLast((one) => one.type === type)
    t.is(typeof Object(event?.data).guard_revision, 'number', type)
  }
})
