import { randomBytes } from 'node:crypto'
import { keysStatus } from '../../services/audit/status/keys-status.ts'
import { readRegistry } from '../../shared/event-log/registry-log.ts'
import type { Key } from '../../shared/ledger/events.ts'
import { deriveKeys, formatCheckSecrets, parseSecrets } from '../../shared/tokens/keys.ts'
import { checksOf } from '../../shared/tokens/key-checks.ts'
import { formatToken } from '../../shared/tokens/token-string.ts'
import { commandLine } from '../support/command-line.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { refresh } from '../support/refreshing.ts'
import { until } from '../support/waiting.ts'

const test = realTest('postgres')
const key = (kid: number) => `${kid}:${randomBytes(32).toString('base64')}`
const [one, two, other] = [key(1), key(2), key(1)]

/** What the log itself says of a kid. */
async function introduced({ runtime: { log, topics } }: TestLedger, kid: number): Promise<Key | null | undefined> {
  const entity = (await readRegistry(log, topics)).get(`key/${kid}`)
  return entity?.kind === 'key' ? entity.value : undefined
}

const keysOf = (text: string, ledger_id: string) => deriveKeys(parseSecrets(text), ledger_id)

async function ledgerIdOf({ runtime: { log, topics } }: TestLedger): Promise<string> {
  const entity = (await readRegistry(log, topics)).get('ledger')
  return entity?.kind === 'ledger' ? (entity.value?.ledger_id ?? '') : ''
}

const environment = ({ settings }: TestLedger, secrets: Record<string, string>) => ({
  LEDGER_ISSUER: settings.ISSUER ?? '',
  LEDGER_DATABASE_URL: settings.DATABASE_URL ?? '',
  LEDGER_REQUIRE_HTTPS: 'false',
  ...secrets,
})

const alarms = ({ lines }: TestLedger) => lines.flatMap(({ alarm, kid }) => (alarm ? [[alarm, kid]] : []))

const ready = async ({ send }: Pick<TestLedger, 'send'>) => {
  const { status, body } = await send('/health/ready')
  return { status, problems: (body['problems'] as string[]).join('; ') }
}

test('another key under the same kid is named by every start, by readiness and by keys status; nothing is served', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const ledger_id = await ledgerIdOf(ledger)
  t.deepEqual((await introduced(ledger, 1))?.checks, checksOf({ keys: ledger.keys, ledger_id }, 1))
  const app = await ledger.client()
  const { refresh_token } = await ledger.grant({ to: app })

  const system = environment(ledger, { LEDGER_SECRETS_SYSTEM: other })
  const check = { LEDGER_SECRETS_CHECK: formatCheckSecrets(keysOf(other, ledger_id)) }
  const cases: [Record<string, string>, string[], RegExp][] = [
    [
      system,
      ['migrate'],
      /key 1 in LEDGER_SECRETS_SYSTEM is not the key 1 .* \(at, rt, ac, pepper, cookie, person, idempotency, password\)/,
    ],
    [system, ['serve', 'all'], /key 1 in LEDGER_SECRETS_SYSTEM is not the key 1/],
    [system, ['serve', 'projector'], /key 1 in LEDGER_SECRETS_SYSTEM is not the key 1/],
    [environment(ledger, check), ['serve', 'token-check'], /LEDGER_SECRETS_CHECK is not the key 1 .* \(at, pepper\)/],
  ]
  const ended = await Promise.all(cases.map(([env, args]) => commandLine(env, ...args)))
  for (const [index, [, args, message]] of cases.entries()) {
    t.is(ended[index]?.code, 1, args.join(' '))
    t.regex(ended[index]?.err ?? '', message, args.join(' '))
    t.notRegex(ended[index]?.err ?? '', /"serving"/)
  }
  const status = await commandLine(system, 'keys', 'status')
  t.is(status.code, 1)
  t.regex(status.out, /^ ?1 +ANOTHER +introduced /m)
  t.regex(
    status.out,
    /^kid 1 IS ANOTHER KEY than the one in the log \(at, rt, ac, pepper, cookie, person, idempotency, password\)/m,
  )
  const right = await commandLine(environment(ledger, { LEDGER_SECRETS_SYSTEM: one }), 'migrate')
  t.is(right.code, 0, right.err)

  const { knex, schema } = ledger.runtime
  t.is((await ready(ledger)).status, 200)
  await knex.raw(`UPDATE ${schema}.keys SET value = jsonb_set(value::jsonb, '{checks,rt}', '"another"') WHERE kid = 1`)
  const unready = await ready(ledger)
  t.is(unready.status, 503)
  t.regex(unready.problems, /key 1 in LEDGER_SECRETS_SYSTEM is not the key 1 that the log knows \(rt\)/)
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
})

test('a key of before is unproven until a token or secret of it proves right; then a different one is refused', async (t) => {
  for (const proof of ['secret', 'token'] as const) {
    const before = await startLedger(t, { settings: { SECRETS_SYSTEM: `${one},${two}` } })
    const app = await before.publicClient()
    const { access_token } = await before.grant({ to: app, kid: 2 })
    await before.scope('read', 'orders')
    const guard = await before.resourceServer('orders')
    await before.stop()
    const ledger = await startLedger(t, { beside: before, settings: { SECRETS_SYSTEM: `${two},${one}` } })
    t.is(await introduced(ledger, 2), undefined, 'nothing stored can prove it')
    const configured = { kids: ledger.keys.kids, keysOf: () => ledger.keys }
    const state = async () => {
      const { keys } = await keysStatus({ ...ledger.runtime, configured, maxLagMs: 60_000 })
      return keys.find(({ kid }) => kid === 2)?.state
    }
    t.is(await state(), 'unproven')

    const forged = { kid: 2, grant_id: '01890a5d-ac96-774b-bcce-b302099a8057', generation: 1 }
    const isActive = async (token: string) =>
      (await ledger.post('/oauth2/introspect', { token }, { as: guard })).body['active']
    t.false(await isActive(formatToken(ledger.keys, 'at', forged)), 'of no grant that lives')
    t.is(await introduced(ledger, 2), undefined)
    if (proof === 'token') t.true(await isActive(access_token))
    else {
      const client = await ledger.client()
      t.is((await ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as: client })).status, 200)
    }
    await until(async () => (await state()) === 'introduced', 'KeyIntroduced')
    const checks = checksOf({ keys: ledger.keys, ledger_id: await ledgerIdOf(ledger) }, 2)
    t.deepEqual((await introduced(ledger, 2))?.checks, checks)
    const wrong = { SECRETS_SYSTEM: `${key(2)},${one}` }
    await t.throwsAsync(startLedger(t, { beside: ledger, settings: wrong }), { message: /key 2 .* is not the key 2/ })
  }
})

test('what needs a key that the log knows and this process does not have is 503 on every path, with an alarm', async (t) => {
  const stale = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const app = await stale.client()
  const pair = await stale.grant({ to: app })
  const guard = await stale.resourceServer('orders')
  const newest = await startLedger(t, { beside: stale, settings: { SECRETS_SYSTEM: `${two},${one}` } })
  const moved = await refresh(newest, app, pair.refresh_token)
  t.is(moved.status, 200)
  const refresh_token = String(moved.body['refresh_token'])
  const late = await newest.client()
  const operator = await newest.client({ scope: 'ledger.admin ledger.audit', groups: ['Administrators'] })
  const form = { grant_type: 'client_credentials', scope: 'ledger.admin ledger.audit' }
  const { body } = await newest.post('/oauth2/token', form, { as: operator })
  const bearer = { headers: { authorization: `Bearer ${String(body['access_token'])}` } }

  const token = String(moved.body['access_token'])
  const answers = {
    refresh: await refresh(stale, app, refresh_token),
    retry: await refresh(stale, app, pair.refresh_token),
    revoke: await stale.post('/oauth2/revoke', { token: refresh_token }, { as: app }),
    introspect: await stale.post('/oauth2/introspect', { token }, { as: guard }),
    check: await stale.postJson('/check', { token, resource: 'orders:list' }, { as: guard }),
    admin: await stale.admin.send('/admin/keys/1', bearer),
    audit: await stale.admin.send('/audit/keys', bearer),
    secret: await stale.post('/oauth2/token', form, { as: late }),
  }
  for (const [path, answer] of Object.entries(answers)) {
    t.is(answer.status, 503, path)
    t.truthy(answer.headers.get('retry-after'), path)
  }
  t.deepEqual(alarms(stale), Array(8).fill(['key_not_held', 2]))
  t.true(await newest.isActive(token), 'it lives on, and nobody was told otherwise')
  t.like(await ready(stale), { status: 503 })
  t.regex((await ready(stale)).problems, /^key 2 is in use, and LEDGER_SECRETS_SYSTEM has no such kid/)

  const forger = keysOf(key(7), await ledgerIdOf(stale))
  const { grant_id } = pair
  const forged = (kind: 'at' | 'rt') => formatToken(forger, kind, { kid: 7, grant_id, generation: 2 })
  t.is((await refresh(stale, app, forged('rt'))).body['error'], 'invalid_grant')
  t.is((await stale.post('/oauth2/revoke', { token: forged('rt') }, { as: app })).status, 200)
  t.false(await stale.isActive(forged('at')))
  const asForger = { headers: { authorization: `Bearer ${forged('at')}` } }
  t.is((await stale.admin.send('/admin/keys/1', asForger)).status, 401)
  t.is(alarms(stale).length, 8, 'a forged token is no alarm')
  t.is((await refresh(newest, app, refresh_token)).status, 200)
})

test('a retired key is that of a forged token, whoever has it, and makes nothing new', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const app = await ledger.publicClient()
  const sub = await ledger.user()
  const pair = await ledger.grant({ to: app, sub })
  const next = await startLedger(t, { beside: ledger, settings: { SECRETS_SYSTEM: `${two},${one}` } })
  const env = environment(next, { LEDGER_SECRETS_SYSTEM: `${two},${one}` })
  const needed = await commandLine(env, 'keys', 'retire', '--kid', '1')
  t.is(needed.code, 1)
  t.regex(needed.err, /1 living grants need key 1: end them with "keys revoke --kid 1", or wait/)
  t.regex((await commandLine(env, 'keys', 'retire', '--kid', '2')).err, /kid 2 is current here/)
  t.is((await commandLine(env, 'keys', 'revoke', '--kid', '1', '--yes')).code, 0)
  t.regex((await commandLine(env, 'keys', 'retire', '--kid', '1')).err, /2 keys of persons are wrapped under key 1/)
  t.is((await commandLine(env, 'keys', 'rewrap')).code, 0)
  t.is((await commandLine(env, 'keys', 'retire', '--kid', '1')).code, 0)
  t.is(await introduced(next, 1), null)

  const without = await startLedger(t, { beside: ledger, settings: { SECRETS_SYSTEM: two } })
  for (const process of [next, without]) {
    const { body } = await refresh(process, app, pair.refresh_token)
    t.is(body['error'], 'invalid_grant')
    t.false(await process.isActive(pair.access_token))
    t.deepEqual(alarms(process), [])
  }
  const late = await ledger.grant({ to: app, sub, kid: 1 })
  t.is(
    (await refresh(ledger, app, late.refresh_token)).body['error'],
    'invalid_grant',
    'made by a process that has it first',
  )
  t.regex((await ready(ledger)).problems, /key 1 was retired, and is first/)
})
