import { randomBytes } from 'node:crypto'
import { keysStatus } from '../../../services/audit/status/keys-status.ts'
import { readActingGrants } from '../../../shared/read-model/reads/acting-grants.ts'
import { createKeyUseReader, isKeyAlive } from '../../../shared/read-model/key-uses/key-uses.ts'
import type { ReadModel } from '../../../shared/read-model/read-model.ts'
import { commandLine } from '../../support/command-line.ts'
import { startLedger, type TestLedger } from '../../support/ledger.ts'
import { refresh } from '../../support/refreshing.ts'
import { realTest } from '../../support/real-parts.ts'

const test = realTest('postgres')
const [one, two, three] = [1, 2, 3].map((kid) => `${kid}:${randomBytes(32).toString('base64')}`)

const GRANTS = 20_000

type Many = { kid: number; from: number; status: 'live' | 'revoked'; look_at?: string }

/** Rows as a projector leaves them, of grants that were issued an hour ago for a day. */
async function insertMany({ runtime: { knex, schema, topics } }: TestLedger, { kid, from, ...row }: Many) {
  const numbers = `generate_series(${from}, ${from + GRANTS - 1}) AS n`
  const grant_id = `('01890a5d-ac96-774b-bcce-' || lpad(to_hex(n), 12, '0'))::uuid`
  const dead_at = row.status === 'revoked' ? 'now()' : 'NULL'
  await knex.raw(
    `INSERT INTO ${schema}.grants (grant_id, topic, partition, last_offset, at, status, client_id, principal_type,
        principal_id, grant_type, scope, registry_position, access_generation, refresh_generation, refresh_exp, dead_at)
     SELECT ${grant_id}, ?, n % 12, n, now(), ?, 'shop', 'user', 'ada', 'password', 'read', 9, 1, 1,
            extract(epoch FROM now())::bigint + 86400, ${dead_at} FROM ${numbers}`,
    [topics.grants, row.status],
  )
  await knex.raw(
    `INSERT INTO ${schema}.bearer_tokens (grant_id, generation, event_id, kid, scope, at, iat, exp, projected_at,
        partition, look_at)
     SELECT ${grant_id}, 1, n, ${kid}, 'read', now(), 1, 2, now(), n % 12,
            ${row.look_at ?? "now() + n * interval '1 ms'"} FROM ${numbers}`,
  )
}

/** How many rows of grants and tokens were read for an answer. */
async function rowsRead<Answer>({ runtime }: TestLedger, ask: (readModel: ReadModel) => Promise<Answer>) {
  const { schema, topics } = runtime
  return runtime.knex.transaction(async (knex) => {
    const readSoFar = async () => {
      const { rows } = await knex.raw<{ rows: { read: number }[] }>(
        `SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS read FROM pg_stat_xact_user_tables
          WHERE schemaname = ? AND relname IN ('grants', 'bearer_tokens')`,
        [schema],
      )
      return rows[0]?.read ?? NaN
    }
    const before = await readSoFar()
    const answer = await ask({ knex, schema, topics })
    return { answer, read: (await readSoFar()) - before }
  })
}

const env = ({ settings }: TestLedger, secrets: string) => ({
  LEDGER_ISSUER: settings.ISSUER ?? '',
  LEDGER_DATABASE_URL: settings.DATABASE_URL ?? '',
  LEDGER_SECRETS_SYSTEM: secrets,
})

test('what needs a key is told of as many tokens as are counted, and no more are read, however many there are', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: `${two},${one}` } })
  await insertMany(ledger, { kid: 1, from: 0, status: 'live' })
  await insertMany(ledger, { kid: 3, from: GRANTS, status: 'live', look_at: 'NULL' })

  const counted = await rowsRead(ledger, (readModel) => createKeyUseReader(readModel, { counted: 1_000 }).uses())
  t.like(counted.answer, [
    { kid: 1, grants: 1_000, refresh_tokens: 1_000, access_tokens: 0, capped: true, ends: null },
    { kid: 3, grants: 1_000, capped: true },
  ])
  t.true(counted.read < 5_000, `${counted.read} rows`)

  for (const kid of [1, 3]) {
    const first = await rowsRead(ledger, (readModel) => createKeyUseReader(readModel).grantsOf(kid, null))
    t.is(first.answer.grant_ids.length, 1_000)
    const next = await rowsRead(ledger, (readModel) => createKeyUseReader(readModel).grantsOf(kid, first.answer.next))
    t.is(new Set([...first.answer.grant_ids, ...next.answer.grant_ids]).size, 2_000)
    for (const { read } of [first, next]) t.true(read < 2_500, `${read} rows`)
  }

  const status = await commandLine(env(ledger, `${two},${one}`), 'keys', 'status', '--wide')
  t.regex(status.out, /^ ?1 +configured +\S+ +10000\+ +10000\+ +0\+ /m)
  t.regex(status.out, /^kid 1 is needed by more tokens than were counted/m)
  t.regex(status.out, /^kid 3 IS MISSING: put its key back, or end 10000 or more grants/m)
  const lacking = startLedger(t, { beside: ledger, settings: { SECRETS_SYSTEM: `${two},${one}` } })
  await t.throwsAsync(lacking, { message: /10000 or more live grants need key 3, and LEDGER_SECRETS_SYSTEM has no/ })
})

test('a key is retired only when nothing of it lives, however many dead tokens of it are not swept yet', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: `${two},${one}` } })
  const app = await ledger.publicClient()
  await insertMany(ledger, { kid: 1, from: 0, status: 'revoked' })
  const { grant_id, refresh_token } = await ledger.grant({ to: app, kid: 1 })
  const { knex, schema } = ledger.runtime
  // Beyond what is counted: in the last partition, where the sweeper looks last, and where it looks first.
  for (const look_at of ['NULL', "now() - interval '1 d'"]) {
    await knex.raw(`UPDATE ${schema}.bearer_tokens SET partition = 11, look_at = ${look_at} WHERE grant_id = ?`, [
      grant_id,
    ])
    const refused = await commandLine(env(ledger, `${two},${one}`), 'keys', 'retire', '--kid', '1')
    t.is(refused.code, 1)
    t.regex(refused.err, /living grants need key 1/)
  }
  const asked = await rowsRead(ledger, (readModel) => isKeyAlive(createKeyUseReader(readModel), 1))
  t.true(asked.answer)

  await ledger.post('/oauth2/revoke', { token: refresh_token }, { as: app })
  const { keys } = await keysStatus({ ...ledger.runtime, maxLagMs: 60_000, configured: null })
  t.like(keys[0], { kid: 1, grants: 0, capped: true, last_token_ends: null })
  t.regex(keys[0]?.next ?? '', /^kid 1 is needed unless all of its tokens are dead: those counted are, and ask again/)
  const missing = startLedger(t, { beside: ledger, settings: { SECRETS_SYSTEM: `${three},${two}` } })
  await t.throwsAsync(missing, { message: /grants that were not counted may need key 1/ })
  const retired = await commandLine(env(ledger, `${two},${one}`), 'keys', 'retire', '--kid', '1')
  t.is(retired.code, 0, retired.err)
})

test('whether an administrator is left is asked of the grants of administrators only, however many others there are', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.publicClient()
  const sub = await ledger.user({ groups: ['Administrators'] })
  const { grant_id } = await ledger.grant({ to: app, sub })
  await insertMany(ledger, { kid: 1, from: 0, status: 'live' })
  const reach = { groups: ['Administrators'], scopes: ['read'], kids: [1] }
  const { answer, read } = await rowsRead(ledger, (readModel) => readActingGrants(readModel, reach))
  t.deepEqual(
    answer.grants.map((one) => [one.sub, one.grant_ids]),
    [
      [sub, [grant_id]],
      [sub, [grant_id]],
    ],
  )
  t.true(read < 10, `${read} rows`)
})

test('a page that ends between two tokens of one grant and one time goes on with the second', async (t) => {
  const ledger = await startLedger(t)
  const app = await ledger.publicClient({ access_token_lifetime: null })
  const { grant_id, refresh_token } = await ledger.grant({ to: app })
  t.is((await refresh(ledger, app, refresh_token)).status, 200)
  const { knex, schema } = ledger.runtime
  await knex.raw(`UPDATE ${schema}.bearer_tokens SET projected_at = projected_at - interval '1 h'`)
  for (const look_at of ['NULL', "now() + interval '1 h'"]) {
    await knex.raw(`UPDATE ${schema}.bearer_tokens SET look_at = ${look_at} WHERE grant_id = ?`, [grant_id])
    t.true(await isKeyAlive(createKeyUseReader(ledger.runtime, { page: 1 }), 1))
  }
})
