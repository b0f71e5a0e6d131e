import { randomBytes } from 'node:crypto'
import { createKeyUseReader } from '../../shared/read-model/key-uses/key-uses.ts'
import { createTokenReader } from '../../shared/read-model/reads/tokens.ts'
import { readPepperedKids } from '../../shared/accounts/passwords/passwords.ts'
import { readWrappingKids } from '../../shared/accounts/person-keys.ts'
import { keyInUse } from '../../services/admin/keys/key-in-use.ts'
import { retireKey } from '../../services/admin/keys/retire-key.ts'
import { readKeys } from '../../shared/read-model/reads/keys.ts'
import { revokeGrantsOfKey } from '../../services/admin/keys/revoke-key.ts'
import type { KeySource } from '../../services/cli/connect/keys.ts'
import { revokeWholeKey } from '../../services/cli/connect/keys.ts'
import { commandLine } from '../support/command-line.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import type { Pair } from '../support/ledger-seeds.ts'
import { realTest } from '../support/real-parts.ts'
import type { Credentials } from '../support/requests.ts'
import { refresh } from '../support/refreshing.ts'

const test = realTest('postgres')
const one = `1:${randomBytes(32).toString('base64')}`
const two = `2:${randomBytes(32).toString('base64')}`
const CLIENT_CREDENTIALS = { grant_type: 'client_credentials' }
const LONG_AGO = "interval '1 h'"

/** How the command line reaches a ledger as an administrator. */
async function asAdministrator(ledger: TestLedger): Promise<Record<string, string>> {
  const scope = 'ledger.admin ledger.audit'
  const { client_id, client_secret } = await ledger.client({ scope, groups: ['Administrators'] })
  return {
    ...{ LEDGER_URL: ledger.url, LEDGER_ADMIN_URL: ledger.adminUrl },
    ...{ LEDGER_CLIENT_ID: client_id, LEDGER_CLIENT_SECRET: String(client_secret) },
  }
}

/** Refreshes, and lets generation 1 expire and its grace end where asked. */
async function moved(ledger: TestLedger, app: Credentials, pair: Pair, gone: { access: boolean; grace: boolean }) {
  const { status, body } = await refresh(ledger, app, pair.refresh_token)
  if (status !== 200) throw new Error(`refresh answered ${status}`)
  const { knex } = ledger.runtime
  const { grant_id } = pair
  if (gone.access)
    await knex.raw('UPDATE ledger_v2.bearer_tokens SET exp = 1 WHERE grant_id = ? AND generation = 1', [grant_id])
  if (gone.grace)
    await knex.raw(`UPDATE ledger_v2.bearer_tokens SET projected_at = projected_at - ${LONG_AGO} WHERE grant_id = ?`, [
      grant_id,
    ])
  return { grant_id, access_token: String(body['access_token']), refresh_token: String(body['refresh_token']) }
}

const revocations = async (ledger: TestLedger, { grant_id }: { grant_id: string }) =>
  (await ledger.eventsOf(grant_id)).filter(({ type }) => type === 'TokenRevoked')

const NO_GRANT = '00000000-0000-0000-0000-000000000000'

test('revoking a key ends all that lives of it and nothing else, while clients go on refreshing', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: `${two},${one}` } })
  const env = await asAdministrator(ledger)
  const app = await ledger.client()
  const grant = (over: { sub?: string; kid?: number } = {}) => ledger.grant({ to: app, kid: 1, ...over })
  const untouched = await grant()
  const accessLives = await moved(ledger, app, await grant(), { access: false, grace: true })
  const retryAnswers = await moved(ledger, app, await grant(), { access: true, grace: false })
  const onlyOnceOfIt = await moved(ledger, app, await grant(), { access: true, grace: true })
  const other = await grant({ kid: 2 })
  const [ended, sub] = [await grant(), await ledger.user()]
  await ledger.post('/oauth2/revoke', { token: ended.access_token }, { as: app })
  const deadUsers = await grant({ sub })
  await ledger.revokeAllOfUser(sub)

  const length = await ledger.length()
  const dry = await commandLine(env, 'keys', 'revoke', '--kid', '1')
  t.is(dry.code, 0, dry.err)
  t.regex(
    dry.out,
    /^kid 1: revoking it would end 3 grants \(1 refresh tokens, 2 access tokens, 0 codes of this key\)\n/,
  )
  t.regex(dry.out, /Nothing was changed\. Repeat with --yes/)
  t.is((await ledger.length()) - length, 1, "but for the command line's own token")

  const traffic = refreshUntilStopped(ledger, app, other)
  const done = await commandLine(env, 'keys', 'revoke', '--kid', '1', '--yes')
  const latest = await traffic.stop()
  t.is(done.code, 0, done.err)
  t.is(done.out, 'kid 1: 3 grants ended, and nothing made with it lives any more\n')
  t.regex(done.err, /^ended 3 grants of about 3\n/)

  for (const pair of [untouched, accessLives, retryAnswers]) {
    t.false(await ledger.isActive(pair.access_token))
    t.is((await refresh(ledger, app, pair.refresh_token)).body['error'], 'invalid_grant')
    const [revocation, ...more] = await revocations(ledger, pair)
    t.is(more.length, 0)
    t.like(revocation, {
      verdict: 'valid',
      data: { reason: 'key_revoked', revoked_by: { type: 'client', id: env['LEDGER_CLIENT_ID'] } },
    })
  }
  for (const pair of [onlyOnceOfIt, latest]) {
    t.true(await ledger.isActive(pair.access_token))
    t.is((await refresh(ledger, app, pair.refresh_token)).status, 200)
  }
  t.is((await revocations(ledger, ended)).length, 1)
  t.is((await revocations(ledger, deadUsers)).length, 0)

  const again = await commandLine(env, 'keys', 'revoke', '--kid', '1', '--yes', '--format', 'jsonl')
  t.like(JSON.parse(again.out), { kid: 1, dry_run: false, revoked: 0, left: false, grants: 0, clients: [] })
  t.is((await revocations(ledger, untouched)).length, 1)
  for (const { out, err } of [dry, again, done]) t.notRegex(`${out}${err}`, /tl_(at|rt|ac)_/)
})

function refreshUntilStopped(ledger: TestLedger, app: Credentials, first: Pair) {
  let running = true
  const run = async () => {
    let pair = first
    while (running) {
      const { status, body } = await refresh(ledger, app, pair.refresh_token)
      if (status !== 200) throw new Error(`a client of another key got ${status}: ${String(body['error'])}`)
      const { access_token, refresh_token } = body
      pair = { ...pair, access_token: String(access_token), refresh_token: String(refresh_token) }
    }
    return pair
  }
  const done = run()
  return {
    stop: () => {
      running = false
      return done
    },
  }
}

test('a key that is still current somewhere is refused, or what it goes on making is told and ended', async (t) => {
  const stale = await startLedger(t, { settings: { SECRETS_SYSTEM: `${one},${two}` } })
  const env = await asAdministrator(stale)
  const app = await stale.publicClient()
  const { access_token } = await stale.grant({ to: app })
  const current = await commandLine(env, 'keys', 'revoke', '--kid', '1', '--yes')
  t.is(current.code, 1)
  t.regex(current.err, /409: .*kid 1 is current here: put another key first in every process/)

  const settings = { SECRETS_SYSTEM: `${two},${one}` }
  const admin = await startLedger(t, { beside: stale, services: ['admin'], settings })
  const mixed = await commandLine({ ...env, LEDGER_ADMIN_URL: admin.adminUrl }, 'keys', 'revoke', '--kid', '1', '--yes')
  t.is(mixed.code, 1)
  t.regex(mixed.err, /409: .*your own token was made with kid 1/)
  t.true(await stale.isActive(access_token))

  const source = sourceOf(admin)
  const late: Pair[] = []
  const makeOne = async () => void late.push(await stale.grant({ to: app, kid: 1 }))
  const lines: string[] = []
  const done = await revokeWholeKey(afterEachPass(source, makeOne, 2), 1, (line) => lines.push(line))
  t.false(done.left)
  t.is(late.length, 2)
  t.is(lines.filter((line) => /got tokens of kid 1 meanwhile: some process still has it first/.test(line)).length, 2)
  for (const pair of late) t.false(await stale.isActive(pair.access_token))

  await makeOne()
  t.true((await revokeWholeKey(afterEachPass(source, makeOne, Infinity), 1, () => undefined)).left)
})

function sourceOf({ runtime, keys }: TestLedger): KeySource {
  const { knex, schema, topics, commit, waiter } = runtime
  const keyUses = createKeyUseReader({ knex, schema, topics })
  const revoker = {
    keyUses,
    commit,
    waiter,
    topics,
    tokens: createTokenReader({ knex, schema, topics }),
    timeoutMs: 5_000,
  }
  const wrappingKids = () => readWrappingKids(knex)
  const pepperedKids = () => readPepperedKids(knex, schema)
  const retirer = {
    ...revoker,
    wrappingKids,
    pepperedKids,
    knownKeys: () => readKeys({ knex, schema, topics }),
    here: keys.kids,
  }
  const by = { revoked_by: { type: 'client' as const, id: 'root' }, context: { actor: 'client/root' } }
  return {
    inUse: (kid) => keyInUse(retirer, kid),
    revokePage: (kid, after) => revokeGrantsOfKey(revoker, { kid, after }, by),
    retire: async (retirement) => (await retireKey(retirer, retirement, by.context)).key,
  }
}

/** Something happens after each of the first passes. */
function afterEachPass(source: KeySource, happen: () => Promise<void>, times: number): KeySource {
  let passes = 0
  return {
    ...source,
    revokePage: async (kid, after) => {
      const page = await source.revokePage(kid, after)
      if (page.next === null && passes++ < times) await happen()
      return page
    },
  }
}

test('a lost key is ended by the command line itself, and then the ledger starts without it', async (t) => {
  const before = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const app = await before.publicClient()
  const pair = await before.grant({ to: app })
  const shop = await before.client({ client_id: 'shop' })
  await before.stop()
  const settings = { SECRETS_SYSTEM: two }
  await t.throwsAsync(startLedger(t, { beside: before, settings }), { message: /1 live grants need key 1/ })

  const env = {
    LEDGER_ISSUER: before.settings.ISSUER ?? '',
    LEDGER_DATABASE_URL: before.settings.DATABASE_URL ?? '',
    LEDGER_SECRETS_SYSTEM: two,
  }
  t.is((await commandLine(env, 'keys', 'rewrap')).code, 1, 'which takes the old key')
  const given = await commandLine(env, 'keys', 'rewrap', '--lost')
  t.is(given.code, 0, given.err)
  const projector = await startLedger(t, { beside: before, services: ['projector'], settings })
  const { code, out, err } = await commandLine(env, 'keys', 'revoke', '--kid', '1', '--yes')
  t.is(code, 0, err)
  t.regex(out, /^kid 1: 1 grants ended/)
  t.like(await revocations(projector, pair), [
    { verdict: 'valid', data: { reason: 'key_revoked', revoked_by: { type: 'system', id: 'keys' } } },
  ])
  await t.throwsAsync(startLedger(t, { beside: before, settings }), { message: /secrets of 1 clients need key 1/ })
  const retire = ['keys', 'retire', '--kid', '1']
  const needed = await commandLine(env, ...retire)
  t.is(needed.code, 1)
  t.regex(needed.err, /the secrets of 1 clients need key 1: .*--lost/)
  const retired = await commandLine(env, ...retire, '--lost')
  t.is(retired.code, 0, retired.err)
  t.regex(retired.out, /^kid 1: retired\. .*\nThe clients whose secret .*:\n {2}shop\n$/)
  const served = await startLedger(t, { beside: before, settings })
  t.is(
    (await served.post('/oauth2/token', CLIENT_CREDENTIALS, { as: shop })).status,
    401,
    'its secret went with the key',
  )
})

test('a kid that nobody ever had is an error, as is a new key for a kid that was used', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: `${two},${one}` } })
  const env = {
    LEDGER_ISSUER: ledger.settings.ISSUER ?? '',
    LEDGER_DATABASE_URL: ledger.settings.DATABASE_URL ?? '',
    LEDGER_SECRETS_SYSTEM: `${two},${one}`,
  }
  const run = (verb: string, kid: string, ...more: string[]) => commandLine(env, 'keys', verb, '--kid', kid, ...more)
  const [revoke, retire, own, wrong] = await Promise.all([
    run('revoke', '9'),
    run('retire', '9'),
    run('revoke', '2', '--yes'),
    run('revoke', '256'),
  ])
  for (const never of [revoke, retire]) {
    t.is(never.code, 1)
    t.regex(never.err, /there never was a key 9/)
  }
  t.is(own.code, 1)
  t.regex(own.err, /kid 2 is current here/)
  t.is(wrong.code, 2)
  const [again, fresh] = await Promise.all([run('generate', '2'), run('generate', '3')])
  t.deepEqual([again.code, again.out], [1, ''])
  t.regex(again.err, /has known kid 2: a kid is never used again/)
  t.regex(fresh.out, /^3:\S{44}\n$/)
})

test('client secrets do not end with their key: their clients are listed, and can still authenticate', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const app = await ledger.client({ client_id: 'shop' })
  const { refresh_token } = await ledger.grant({ to: app, kid: 1 })
  await ledger.stop()
  const later = await startLedger(t, { beside: ledger, settings: { SECRETS_SYSTEM: `${two},${one}` } })
  const env = await asAdministrator(later)
  const { code, out, err } = await commandLine(env, 'keys', 'revoke', '--kid', '1', '--yes')
  t.is(code, 0, err)
  t.regex(out, /^kid 1: 1 grants ended.*\nClient secrets do not end: those of 1 clients .* new one .*:\n {2}shop\n$/)
  t.is((await refresh(later, app, refresh_token)).body['error'], 'invalid_grant')
  const status = await commandLine(env, 'keys', 'status')
  t.is(status.code, 0, status.err)
  t.regex(status.out, /^kid 1 is needed by the secrets of 1 clients until each has a new one$/m, 'told by the service')
  const other = await later.grant({ to: app })
  t.is((await refresh(later, app, other.refresh_token)).status, 200)
})

test("ending a key takes the guard's right, and a kid that there can be", async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: `${two},${one}` } })
  await ledger.scope('keys', 'ledger.admin:keys')
  const operator = await ledger.client({ scope: 'keys ledger.admin', groups: ['Administrators'] })
  const bearer = async (scope: string) => {
    const form = { grant_type: 'client_credentials', scope }
    const { body } = await ledger.post('/oauth2/token', form, { as: operator })
    return { headers: { authorization: `Bearer ${String(body['access_token'])}` } }
  }
  const [narrow, wide] = [await bearer('keys'), await bearer('ledger.admin')]
  const seen = await ledger.admin.send('/admin/keys/1', narrow)
  t.deepEqual([seen.status, seen.body['grants']], [200, 0])
  t.is((await ledger.admin.postJson('/admin/keys/1/revoke', {}, narrow)).status, 403)
  t.is((await ledger.admin.postJson('/admin/keys/1/revoke', {})).status, 401)
  t.deepEqual((await ledger.admin.postJson('/admin/keys/1/revoke', {}, wide)).body, { revoked: 0, next: null })
  for (const verb of ['revoke', 'retire']) {
    t.is((await ledger.admin.postJson(`/admin/keys/2/${verb}`, {}, wide)).status, 409, verb)
    t.is((await ledger.admin.postJson(`/admin/keys/9/${verb}`, {}, wide)).status, 404, verb)
  }
  t.is((await ledger.admin.postJson('/admin/keys/1/retire', {}, narrow)).status, 403)
  for (const kid of ['0', '256', 'x', '01'])
    t.is((await ledger.admin.postJson(`/admin/keys/${kid}/revoke`, {}, wide)).status, 400, kid)
  const marks = ['x', '1__56c00d5013a03587c07b-db3204df-ce8315_1', `1_-infinity_${NO_GRANT}_1`, `25__${NO_GRANT}_1`]
  for (const body of [...marks.map((after) => ({ after })), { other: 1 }])
    t.is((await ledger.admin.postJson('/admin/keys/1/revoke', body, wide)).status, 400)
  for (const after of [`1_9999999999999999_${NO_GRANT}_999999999`, `0__${NO_GRANT}_0`, `2__${NO_GRANT}_1`])
    t.is((await ledger.admin.postJson('/admin/keys/1/revoke', { after }, wide)).status, 200, after)
})
