import { refuses } from '../support/asserting.ts'
import { sharedLedger, startLedger } from '../support/ledger.ts'
import { until } from '../support/waiting.ts'
import { realTest } from '../support/real-parts.ts'
import { formatToken } from '../../shared/tokens/token-string.ts'
import { guardedFolder } from './orders.ts'

const test = realTest('postgres')
const ledgerOfAll = sharedLedger()

test('an allowed bearer: who it is, and the scope, ACL and group that the decision rests on', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, check, app, clerks } = await guardedFolder(ledger, 'a')
  const { sub, access_token, grant_id } = await tokenFor([clerks])
  const { status, headers, body } = await check(access_token, 'a.list:all')
  t.is(status, 200)
  t.is(headers.get('cache-control'), 'no-store')
  const { iat, exp, decided_at, grants_position, registry_position, ...rest } = body
  t.is(Number(exp) - Number(iat), 3600)
  t.true(Math.abs(Date.parse(String(decided_at)) - Date.now()) < 60_000)
  t.true(Number(grants_position) > 0 && Number(registry_position) > 0)
  t.deepEqual(rest, {
    allowed: true,
    active: true,
    code: 'allowed',
    reason: 'scope a.read includes a.list:all; ACL a-clerks of a allows group a-clerks',
    scope: 'a.read a.approve',
    client_id: app.client_id,
    sub,
    principal_type: 'user',
    username: `${sub}.name`,
    token_type: 'Bearer',
    jti: `${grant_id}.1`,
    resource: 'a.list:all',
    grounds: {
      scope: 'a.read',
      needed_scope: ['a.read'],
      acl: 'a-clerks',
      acl_of: 'a',
      group: clerks,
      needed_group: [clerks, 'a-managers'],
    },
  })
})

test('a scope that is missing is named, with the scopes that would do', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, check, managers } = await guardedFolder(ledger, 'b')
  const { access_token } = await tokenFor([managers], 'b.approve')
  const { status, body } = await check(access_token, 'b.internal:delete')
  t.is(status, 200)
  t.like(body, { allowed: false, active: true, code: 'scope_missing' })
  t.true(String(body['reason']).startsWith('the token has no scope that includes b.internal:delete: b.read would do'))
  t.like(body['grounds'], { scope: null, needed_scope: ['b.read'] })
  t.like((await check(access_token, 'b.internal:approve')).body, { allowed: true, code: 'allowed' })
})

test('a group that is missing is named, with the ACL of the nearest folder and the groups that it allows', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, check, clerks, managers } = await guardedFolder(ledger, 'c')
  const { access_token } = await tokenFor([clerks])
  const { body } = await check(access_token, 'c.internal:approve')
  t.like(body, { allowed: false, active: true, code: 'group_missing' })
  t.regex(String(body['reason']), /ACL c-managers of c\.internal allows c-managers, and the bearer is in none/)
  t.like(body['grounds'], { acl: 'c-managers', acl_of: 'c.internal', group: null, needed_group: [managers] })
  t.like((await check(access_token, 'c.internals')).body, { allowed: true }, 'another folder with a like name')
})

test('a denied group beats an allowed one', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, check, clerks, banned } = await guardedFolder(ledger, 'd')
  const { access_token } = await tokenFor([clerks, banned])
  const { body } = await check(access_token, 'd:list')
  t.like(body, { allowed: false, active: true, code: 'group_denied' })
  t.regex(String(body['reason']), /ACL d-clerks of d denies group d-banned/)
  t.like(body['grounds'], { group: banned })
})

test('groups are the current ones: a change counts for tokens that are out', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, check, clerks } = await guardedFolder(ledger, 'e')
  const { sub, access_token } = await tokenFor([])
  t.like((await check(access_token, 'e:list')).body, { allowed: false, code: 'group_missing' })
  await ledger.user({ sub, groups: [clerks] })
  t.like((await check(access_token, 'e:list')).body, { allowed: true })
  await ledger.acl('e-clerks', { allowed_groups: [] })
  t.like((await check(access_token, 'e:list')).body, { allowed: false, code: 'group_missing' })
})

test('where no ACL is named Default lets users in, and a client only by a group of its own', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, ownToken, check } = await guardedFolder(ledger, 'f')
  await ledger.resource('f', null)
  const { access_token } = await tokenFor([])
  const { body } = await check(access_token, 'f:list')
  t.like(body, { allowed: true })
  t.like(body['grounds'], { acl: 'Default', acl_of: null, group: 'Everybody' })
  t.like((await check(await ownToken(), 'f:list')).body, { allowed: false, code: 'group_missing' })
})

test('for client_credentials the client itself is judged, by its own groups', async (t) => {
  const ledger = await ledgerOfAll()
  const { ownToken, check, app } = await guardedFolder(ledger, 'g')
  const { body } = await check(await ownToken(), 'g:list')
  t.like(body, { allowed: true, sub: app.client_id, principal_type: 'client' })
  t.false('username' in body)
  t.like((await check(await ownToken(), 'g.internal:approve')).body, { allowed: false, code: 'group_missing' })
})

test('an ACL that is named but does not exist lets nobody in', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, check, clerks } = await guardedFolder(ledger, 'h')
  await ledger.resource('h.private', 'h-nobody')
  const { access_token } = await tokenFor([clerks])
  const { body } = await check(access_token, 'h.private:list')
  t.like(body, { allowed: false, code: 'acl_unknown' })
  t.regex(String(body['reason']), /ACL h-nobody of h\.private does not exist/)
})

test('a token that is not active is neither allowed nor told about, whatever is wrong with it', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, check, app, clerks } = await guardedFolder(ledger, 'i')
  const { sub, access_token, refresh_token } = await tokenFor([clerks])
  const inactive = async (token: string, why: string | null) => {
    const { status, body } = await check(token, 'i:list')
    t.is(status, 200)
    const reason = why === null ? 'the token is not active' : `the token is not active: ${why}`
    t.like(body, { allowed: false, active: false, code: 'inactive', reason })
    for (const name of ['sub', 'username', 'client_id', 'scope', 'jti', 'exp', 'grounds']) t.false(name in body, name)
  }
  await inactive(refresh_token, null)
  await inactive(`${access_token}x`, null)
  await inactive('é', null)
  await ledger.user({ sub, enabled: false })
  await inactive(access_token, 'user_disabled')
  await ledger.user({ sub, enabled: true })
  await ledger.changeClient(app, { enabled: false })
  await inactive(access_token, 'client_disabled')
  await ledger.changeClient(app, { enabled: true })
  t.like((await check(access_token, 'i:list')).body, { allowed: true })
  await ledger.post('/oauth2/revoke', { token: refresh_token }, { as: app })
  await inactive(access_token, 'grant_revoked')
})

test('a token that is not usable at the caller is answered as introspection does: nothing of it is told', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, check, app, managers } = await guardedFolder(ledger, 'p')
  const other = await guardedFolder(ledger, 'q')
  const { access_token, refresh_token } = await tokenFor([managers])
  const { body: unknown } = await other.check('x', 'q:list')
  const stranger = async () => {
    const { status, body } = await other.check(access_token, 'q:list')
    t.is(status, 200)
    t.deepEqual({ ...body, decided_at: unknown['decided_at'] }, unknown)
  }
  t.like((await check(access_token, 'p:list')).body, { allowed: true, active: true })
  await stranger()
  t.is((await ledger.post('/oauth2/revoke', { token: refresh_token }, { as: app })).status, 200)
  await stranger()
})

test('what an administrator wrote when he ended a grant is told to no resource server', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, check, managers } = await guardedFolder(ledger, 'r')
  const { grant_id, access_token } = await tokenFor([managers])
  const { client_id } = await ledger.client()
  const reason = 'suspected of fraud'
  const revoked_by = { type: 'client' as const, id: client_id }
  const data = { grant_id, client_id: String((await check(access_token, 'r:x')).body['client_id']), reason, revoked_by }
  await ledger.runtime.commit({ type: 'TokenRevoked', data }, { actor: 'system/test' }, { next: 0 })
  const { body } = await check(access_token, 'r:x')
  t.like(body, { active: false, reason: 'the token is not active: grant_revoked' })
  t.false(JSON.stringify(body).includes('fraud'))
})

test('a resource server registered for client_secret_post proves itself beside its question', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, managers } = await guardedFolder(ledger, 's')
  const { access_token } = await tokenFor([managers])
  const { client_id, client_secret } = await ledger.client({
    resource_server_folders: ['s'],
    token_endpoint_auth_method: 'client_secret_post',
  })
  const question = { token: access_token, resource: 's:list' }
  const ask = (members: object, as?: { client_id: string; client_secret: string | null }) =>
    ledger.postJson('/check', { ...question, ...members }, { as })
  t.like((await ask({ client_id, client_secret })).body, { allowed: true, active: true })
  refuses(t, await ask({}), [401, 'invalid_client'])
  refuses(t, await ask({ client_id }), [401, 'invalid_client'])
  refuses(t, await ask({ client_id, client_secret: 'x' }), [401, 'invalid_client'])
  refuses(t, await ask({}, { client_id, client_secret }), [401, 'invalid_client'], 'another method than registered')
  refuses(
    t,
    await ask({ client_id, client_secret }, { client_id, client_secret }),
    [400, 'invalid_request'],
    'two at once',
  )
  refuses(t, await ask({ client_id, client_secret: ['x'] }), [400, 'invalid_request'])
  const basic = await ledger.resourceServer('s')
  refuses(t, await ask({ ...basic, method: undefined }), [401, 'invalid_client'], 'registered for Basic')
  t.like((await ask({ client_id: basic.client_id }, basic)).body, { allowed: true }, 'the same name beside Basic')
})

test('a resource server asks about its own folders only', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, check, clerks } = await guardedFolder(ledger, 'j')
  const { access_token } = await tokenFor([clerks])
  for (const resource of ['k', 'k.internal:approve', 'jj', 'jj:list', 'ledger.admin:clients'])
    refuses(t, await check(access_token, resource), [403, 'access_denied'], resource)
  t.is((await check(access_token, 'j')).status, 200)
})

test('a caller that is no resource server, or does not prove itself, learns nothing', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, app, server, clerks } = await guardedFolder(ledger, 'l')
  const { access_token } = await tokenFor([clerks])
  const question = { token: access_token, resource: 'l:list' }
  const ask = (headers: Record<string, string>) => ledger.postJson('/check', question, { headers })
  refuses(t, await ask({}), [401, 'invalid_client'])
  refuses(t, await ask({ authorization: 'Basic x' }), [401, 'invalid_client'])
  refuses(t, await ask({ authorization: `Bearer ${access_token}` }), [401, 'invalid_client'])
  refuses(t, await ledger.postJson('/check', question, { as: app }), [403, 'access_denied'])
  refuses(t, await ledger.postJson('/check', question, { as: { ...server, client_secret: 'x' } }), [
    401,
    'invalid_client',
  ])
  await ledger.changeClient(server, { enabled: false })
  refuses(t, await ledger.postJson('/check', question, { as: server }), [401, 'invalid_client'])
})

test('a question of another shape is refused, naming what is wrong', async (t) => {
  const ledger = await ledgerOfAll()
  const { server: as } = await guardedFolder(ledger, 'm')
  const bad: [unknown, RegExp][] = [
    ['', /not JSON/],
    ['{"token":"x"', /not JSON/],
    ['[]', /body/],
    ['null', /body/],
    [{ resource: 'm' }, /token/],
    [{ token: 'x' }, /resource/],
    [{ token: '', resource: 'm' }, /token/],
    [{ token: ['x'], resource: 'm' }, /token/],
    [{ token: 'x'.repeat(5000), resource: 'm' }, /token/],
    [{ token: 'x', resource: { name: 'm' } }, /resource/],
    [{ token: 'x', resource: 'm', consistency: 'eventual' }, /consistency/],
    [{ token: 'x', resource: 'm', sub: 'y' }, /sub/],
    [{ token: 'x\0', resource: 'm' }, /U\+0000/],
    [{ token: 'x', resource: '\ud800' }, /surrogate/],
    ...['', '.', 'm.', '.m', 'm..x', 'm:', ':x', 'm:x:y', 'm:x.y', 'm x', 'm\n', 'm\u001b', 'm.cafe\u0301'].map(
      (resource): [unknown, RegExp] => [{ token: 'x', resource }, /resource/],
    ),
  ]
  for (const [question, names] of bad) {
    const answer = await ledger.postJson('/check', question, { as })
    refuses(t, answer, [400, 'invalid_request'], JSON.stringify(question).slice(0, 60))
    t.regex(String(answer.body['error_description']), names)
  }
  const large = await ledger.postJson('/check', { token: 'x'.repeat(70_000), resource: 'm' }, { as })
  refuses(t, large, [413, 'invalid_request'])
  refuses(t, await ledger.post('/check', { token: 'x', resource: 'm' }, { as }), [400, 'invalid_request'], 'a form')
  for (const method of ['GET', 'PUT', 'DELETE'])
    refuses(t, await ledger.send('/check', { method }), [405, 'invalid_request'])
})

test('fully_consistent waits for what was in the log when it was asked; the default does not', async (t) => {
  const projecting = await startLedger(t)
  const ledger = await startLedger(t, { beside: projecting, services: ['token-check'] })
  const { tokenFor, app, check, clerks, server } = await guardedFolder(projecting, 'n')
  const { access_token, refresh_token } = await tokenFor([clerks])
  const ask = (consistency: string) =>
    ledger.postJson('/check', { token: access_token, resource: 'n', consistency }, { as: server })
  const { knex, schema } = ledger.runtime
  const { revoking, waiting } = await knex.transaction(async (blocking) => {
    await blocking.raw(`LOCK ${schema}.grants IN SHARE ROW EXCLUSIVE MODE`)
    const before = await projecting.length()
    const revoking = projecting.post('/oauth2/revoke', { token: refresh_token }, { as: app })
    await until(async () => (await projecting.length()) > before, 'the revocation in the log')
    t.like((await ask('minimize_latency')).body, { allowed: true }, 'in the log, not in the read model')
    return { revoking, waiting: ask('fully_consistent') }
  })
  t.like((await waiting).body, { allowed: false, active: false })
  t.is((await revoking).status, 200)
  t.like((await check(access_token, 'n')).body, { active: false })
})

test('a read model that is older than may be is 503, never an answer', async (t) => {
  const projecting = await startLedger(t)
  const { tokenFor, clerks, server } = await guardedFolder(projecting, 'o')
  const { access_token } = await tokenFor([clerks])
  await projecting.stop()
  const settings = { CHECK_MAX_LAG: '0.1', APPEND_TIMEOUT: '2' }
  const patient = await startLedger(t, {
    beside: projecting,
    services: ['token-check'],
    settings: { APPEND_TIMEOUT: '2' },
  })
  const strict = await startLedger(t, { beside: projecting, services: ['token-check'], settings })
  const question = { token: access_token, resource: 'o' }
  t.like((await patient.postJson('/check', question, { as: server })).body, { allowed: true })
  const late = [
    await strict.postJson('/check', question, { as: server }),
    await strict.post('/oauth2/introspect', { token: access_token }, { as: server }),
    await patient.postJson('/check', { ...question, consistency: 'fully_consistent' }, { as: server }),
  ]
  for (const answer of late) {
    refuses(t, answer, [503, 'temporarily_unavailable'])
    t.is(answer.headers.get('retry-after'), '1')
  }
})

test('a generation that was never made is not active, and raises an alarm', async (t) => {
  const ledger = await ledgerOfAll()
  const { tokenFor, check } = await guardedFolder(ledger, 'ahead')
  const { grant_id, access_token } = await tokenFor([])
  const made = formatToken(ledger.keys, 'at', { kid: 1, grant_id, generation: 5 })
  const alarms = () =>
    ledger.lines.filter((line) => line['alarm'] === 'generation_ahead' && line['grant_id'] === grant_id)
  t.is((await check(made, 'ahead')).body['active'], false)
  t.is(alarms().length, 1)
  t.is((await ledger.admin.send('/admin/scopes/x', { headers: { authorization: `Bearer ${made}` } })).status, 401)
  t.is(alarms().length, 2)
  t.is((await check(access_token, 'ahead')).body['active'], true)
  t.is(alarms().length, 2)
})
