import { randomBytes } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { keysStatus, type KeyStatus } from '../../services/audit/status/keys-status.ts'
import { formatCheckSecrets } from '../../shared/tokens/keys.ts'
import { hashClientSecret } from '../../shared/tokens/client-secret.ts'
import { NO_VIEW } from '../../shared/read-model/commit/commit.ts'
import { authorized } from '../ledger/given.ts'
import { commandLine } from '../support/command-line.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { refresh } from '../support/refreshing.ts'

const test = realTest('postgres')
const one = `1:${randomBytes(32).toString('base64')}`
const RETIRE = ['keys', 'retire', '--kid', '1']
const REWRAP_1 = 'kid 1 wraps 3 keys of persons: "keys rewrap" wraps them under the current one'
const RETIRE_1 = 'kid 1 is needed no longer: say so with "keys retire --kid 1", and then take it out'
const two = `2:${randomBytes(32).toString('base64')}`

/** How the command line connects by itself, with these secrets. */
const directly = ({ settings }: TestLedger, secrets: Record<string, string>) => ({
  LEDGER_ISSUER: settings.ISSUER ?? '',
  LEDGER_DATABASE_URL: settings.DATABASE_URL ?? '',
  ...secrets,
})

async function keyOf({ runtime, keys }: TestLedger, kid: number): Promise<KeyStatus | undefined> {
  const configured = { kids: keys.kids, keysOf: () => keys }
  return (await keysStatus({ ...runtime, configured, maxLagMs: 60_000 })).keys.find((key) => key.kid === kid)
}

/** Lets everything that was made with a kid expire, as time would. */
async function expire({ runtime: { knex, schema } }: TestLedger, kid: number): Promise<void> {
  await knex.raw(`UPDATE ${schema}.bearer_tokens SET exp = 1 WHERE kid = ?`, [kid])
  await knex.raw(
    `UPDATE ${schema}.grants g SET refresh_exp = 1 FROM ${schema}.bearer_tokens b
      WHERE b.grant_id = g.grant_id AND b.generation = g.refresh_generation AND b.kid = ?`,
    [kid],
  )
}

/** Moves the making of every generation into the past, so that no retry of the one before is answered any more. */
async function outlastGrace({ runtime: { knex, schema } }: TestLedger): Promise<void> {
  await knex.raw(`UPDATE ${schema}.bearer_tokens SET projected_at = projected_at - interval '1 h'`)
}

test('status leads through a rotation: second, first, until when the old key is needed, removed', async (t) => {
  const before = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const app = await before.client({ access_token_lifetime: 600, refresh_token_lifetime: 1000 })
  const { grant_id } = await before.grant({ to: app })
  const moving = await before.grant({ to: app })
  t.like(await keyOf(before, 1), {
    ...{ configured: true, current: true, grants: 2, refresh_tokens: 2, access_tokens: 2, client_secrets: 1 },
    next: 'kid 1 is current: new tokens are made with it',
  })
  await before.stop()

  const second = await startLedger(t, { beside: before, settings: { SECRETS_SYSTEM: `${one},${two}` } })
  t.is((await keyOf(second, 2))?.next, 'kid 2 is not used yet: put it first once every process has it')
  await second.stop()

  const first = await startLedger(t, { beside: before, settings: { SECRETS_SYSTEM: `${two},${one}` } })
  t.is((await refresh(first, app, moving.refresh_token)).status, 200)
  const { rows } = await first.runtime.knex.raw<{ rows: { refresh_exp: number }[] }>(
    `SELECT refresh_exp FROM ledger_v2.grants WHERE grant_id = ?`,
    [grant_id],
  )
  const ends = new Date((rows[0]?.refresh_exp ?? 0) * 1000).toISOString().replace('.000', '')
  t.like(await keyOf(first, 1), {
    ...{ current: false, grants: 2, refresh_tokens: 1, access_tokens: 2, clients: [app.client_id] },
    last_token_ends: ends,
    next: `kid 1 is needed until ${ends}, and by the secrets of 1 clients until each has a new one`,
  })
  t.like(await keyOf(first, 2), { current: true, grants: 1, refresh_tokens: 1, access_tokens: 1, client_secrets: 0 })

  await first.changeClient(app, { secret: hashClientSecret(first.keys, String(app.client_secret)) })
  t.is((await keyOf(first, 1))?.next, `kid 1 is needed until ${ends}`)
  await expire(first, 1)
  t.like(await keyOf(first, 1), { grants: 1, refresh_tokens: 0, access_tokens: 0 }, 'a retry of the refresh')
  t.is((await refresh(first, app, moving.refresh_token)).status, 200, 'which is why the key is needed')
  await outlastGrace(first)
  t.like(await keyOf(first, 1), { grants: 0, last_token_ends: null, person_keys: 3, next: REWRAP_1 })
  const rewrapped = await commandLine(directly(first, { LEDGER_SECRETS_SYSTEM: `${two},${one}` }), 'keys', 'rewrap')
  t.is(rewrapped.out, '3 keys are wrapped under key 2 now\n', rewrapped.err)
  t.like(await keyOf(first, 1), { person_keys: 0, next: RETIRE_1 })
  const removed = startLedger(t, { beside: before, settings: { SECRETS_SYSTEM: two } })
  await t.throwsAsync(removed, { message: /key 1 is in use, and LEDGER_SECRETS_SYSTEM has no such kid/ })

  const retired = await commandLine(directly(first, { LEDGER_SECRETS_SYSTEM: `${two},${one}` }), ...RETIRE)
  t.is(retired.out, 'kid 1: retired. Take it out of every process; its kid is never used again.\n', retired.err)
  t.is((await keyOf(first, 1))?.next, 'kid 1 is retired: take it out')
  await first.stop()
  const without = await startLedger(t, { beside: before, settings: { SECRETS_SYSTEM: two } })
  t.like(await keyOf(without, 1), { state: 'retired', missing: false, next: 'kid 1 is retired, and never used again' })

  const reused = { SECRETS_SYSTEM: `1:${randomBytes(32).toString('base64')},${two}` }
  await t.throwsAsync(startLedger(t, { beside: before, settings: reused }), {
    message: /key 1 was retired, and is first in LEDGER_SECRETS_SYSTEM: .*a kid is never used again/,
  })
})

test('what ends never, and what is dead for good, is told as that', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: `${two},${one}` } })
  const app = await ledger.publicClient({
    ...{ access_token_lifetime: null, refresh_token_lifetime: null, refresh_token_absolute_lifetime: null },
  })
  const sub = await ledger.user()
  await ledger.grant({ to: app, sub, kid: 1 })
  t.like(await keyOf(ledger, 1), {
    last_token_ends: 'never',
    state: 'unproven',
    next: 'kid 1 is needed for ever, by tokens that do not expire; it is unproven until a token or client secret of it is used',
  })
  await ledger.user({ sub, enabled: false })
  t.is((await keyOf(ledger, 1))?.grants, 1, 'a disabled user may come back')
  await ledger.revokeAllOfUser(sub)
  t.like(await keyOf(ledger, 1), { grants: 0, next: RETIRE_1 })

  await ledger.runtime.commit(
    authorized({ grant_id: uuidv7(), client_id: app.client_id, kid: 1 }),
    { actor: 'test' },
    NO_VIEW,
  )
  t.like(
    await keyOf(ledger, 1),
    { grants: 1, refresh_tokens: 0, authorization_codes: 1 },
    'a code that nobody redeemed',
  )

  const spent = await ledger.publicClient({ refresh_token_limit: 1, access_token_lifetime: 600 })
  const { refresh_token } = await ledger.grant({ to: spent, kid: 2 })
  t.is((await refresh(ledger, spent, refresh_token)).status, 200)
  t.like(await keyOf(ledger, 2), { grants: 1, refresh_tokens: 0, access_tokens: 2 }, 'no refreshes left')
})

test('a missing key is told with what to do, exit code 1, and no secret; check secrets tell as much', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const app = await ledger.client()
  const { access_token } = await ledger.grant({ to: app })
  const well = await commandLine(directly(ledger, { LEDGER_SECRETS_SYSTEM: one }), 'keys', 'status')
  t.is(well.code, 0, well.err)
  t.true(
    well.out
      .split('\n')
      .filter((line) => /^kid +key| +current/.test(line))
      .every((line) => line.length <= 80),
    well.out,
  )
  const wide = await commandLine(directly(ledger, { LEDGER_SECRETS_SYSTEM: one }), 'keys', 'status', '--wide')
  t.regex(wide.out, /^ ?1 +current +introduced +1 +1 +1 +0 +1 +2 +\S+Z +\S+Z$/m)
  t.regex(well.out, /^kid 1 is current/m)

  const missing = await commandLine(directly(ledger, { LEDGER_SECRETS_SYSTEM: two }), 'keys', 'status')
  t.is(missing.code, 1)
  t.regex(missing.out, /^ ?1 +MISSING +introduced +1 /m)
  t.regex(
    missing.out,
    /^kid 1 IS MISSING: put its key back, or end 1 grants with "keys revoke --kid 1" and give 1 clients a new secret and give up what it wraps of people with "keys rewrap --lost"$/m,
  )
  t.regex(missing.out, /^kid 2 is current/m)

  const checkOnly = { LEDGER_SECRETS_CHECK: formatCheckSecrets(ledger.keys) }
  const check = await commandLine(directly(ledger, checkOnly), 'keys', 'status', '--format', 'json')
  t.is(check.code, 0, check.err)
  t.like(JSON.parse(check.out), { well: true, problem: null, keys: [{ kid: 1, configured: true, grants: 1 }] })
  const none = await commandLine(directly(ledger, {}), 'keys', 'status', '--format', 'jsonl')
  t.is(none.code, 0, none.err)
  t.like(JSON.parse(none.out), { kid: 1, configured: null, current: null, grants: 1 })

  for (const { out, err } of [well, missing, check, none])
    for (const secret of [one.slice(2), two.slice(2), checkOnly.LEDGER_SECRETS_CHECK.slice(2), access_token])
      t.false(`${out}${err}`.includes(secret))
})

test('while the read model may be incomplete no key is said to be removable', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: `${two},${one}` } })
  await ledger.stop()
  const next = await startLedger(t, { beside: ledger, services: ['token-endpoint'] })
  await next.runtime.knex.raw(
    `UPDATE ledger_v2.checkpoints SET fresh_as_of = now() - interval '1 h' WHERE partition = 3`,
  )
  const { code, out } = await commandLine(
    directly(next, { LEDGER_SECRETS_SYSTEM: `${two},${one}`, LEDGER_MAX_LAG: '3000' }),
    ...['keys', 'status'],
  )
  t.is(code, 1)
  t.regex(out, /MAY BE INCOMPLETE, remove no key: \S+grants\/3: it was last complete 36\d\d s ago/)
})
