import { randomBytes, randomUUID } from 'node:crypto'
import ava, { type ExecutionContext } from 'ava'
import type { Knex } from 'knex'
import { grantOfApproval } from '../../shared/accounts/sessions/approvals.ts'
import { type SessionEnd, sessionEnded } from '../../shared/accounts/sessions/ended.ts'
import { listLinks, readLink, storeLink } from '../../shared/accounts/sessions/links.ts'
import {
  endOtherSessions,
  endSessionOf,
  idHash,
  listSessions,
  noteUse,
  openSession,
  type StoredSession,
} from '../../shared/accounts/sessions/sessions.ts'
import { openEmbedded, openPostgres } from '../../shared/database/open-database.ts'
import { migrateDatabase } from '../../shared/migrations/migrations.ts'
import { databaseUrl, realTest } from '../support/real-parts.ts'

const real = realTest('postgres').serial
const LIVES = { idle: 3600, lifetime: 86_400 }

async function onServer(t: ExecutionContext): Promise<Knex> {
  const knex = openPostgres({ connectionString: await databaseUrl(t) }, { pool: 8, queryTimeoutMs: 20_000 })
  t.teardown(() => knex.destroy())
  await migrateDatabase(knex, { shared: true })
  return knex
}

async function embedded(t: ExecutionContext): Promise<Knex> {
  const { knex, close } = await openEmbedded(null)
  t.teardown(close)
  await migrateDatabase(knex, { shared: false })
  return knex
}

const newId = () => randomBytes(32).toString('base64url')

async function open(knex: Knex, sub: string, replaces: string | null = null): Promise<string> {
  const id = newId()
  await openSession(knex, { id, replaces, sub, amr: ['pwd'], registry_position: 7, network: '192.0.2.0/24' }, LIVES)
  return id
}

async function isThere(knex: Knex, id: string): Promise<boolean> {
  const { rows } = await knex.raw<{ rows: unknown[] }>('SELECT FROM ledger.sessions WHERE id_sha256 = ?', [idHash(id)])
  return rows.length > 0
}

const ageBy = (knex: Knex, column: string, seconds: number) =>
  knex.raw(`UPDATE ledger.sessions SET ${column} = ${column} - make_interval(secs => ?)`, [seconds])

for (const [where, opened] of [
  ['PostgreSQL', onServer],
  ['the embedded database', embedded],
] as const) {
  real(
    `on ${where} a session is stored by the hash of its id, is told, and ends alone or with all others`,
    async (t) => {
      const knex = await opened(t)
      const ids = [await open(knex, 'ada'), await open(knex, 'ada'), await open(knex, 'ada'), await open(knex, 'bob')]
      const { rows } = await knex.raw<{ rows: object[] }>('SELECT * FROM ledger.sessions')
      const stored = JSON.stringify(rows.map((row) => Object.values(row).map((value) => told(value))))
      for (const id of ids) t.false(stored.includes(id) || stored.includes(Buffer.from(id).toString('hex')))
      const [first, second, third] = await listSessions(knex, 'ada', LIVES)
      t.like(first, { sub: 'ada', amr: ['pwd'], registry_position: 7, network: '192.0.2.0/24' })
      t.false(await endSessionOf(knex, 'bob', String(first?.sid)), 'it is not his')
      t.false(await endSessionOf(knex, 'ada', "' OR true --"))
      t.true(await endSessionOf(knex, 'ada', String(first?.sid)))
      await endOtherSessions(knex, 'ada', String(third?.sid))
      t.deepEqual(
        (await listSessions(knex, 'ada', LIVES)).map(({ sid }) => sid),
        [third?.sid],
      )
      t.not(second, undefined)
      t.is((await listSessions(knex, 'bob', LIVES)).length, 1)
    },
  )

  real(`on ${where} an approval that is repeated gives the grant of the first`, async (t) => {
    const knex = await opened(t)
    const consent_id = randomUUID()
    const grants = Array.from({ length: 6 }, (): string => randomUUID())
    const given = await Promise.all(grants.map((grant_id) => grantOfApproval(knex, consent_id, grant_id)))
    t.is(new Set(given).size, 1)
    t.true(grants.includes(String(given[0])))
    await knex.raw("UPDATE ledger.approvals SET created_at = created_at - interval '61 s'")
    t.is(await grantOfApproval(knex, consent_id, randomUUID()), String(given[0]), 'it is still there')
    await grantOfApproval(knex, randomUUID(), randomUUID())
    const { rows } = await knex.raw<{ rows: unknown[] }>('SELECT FROM ledger.approvals')
    t.is(rows.length, 1, 'what is older than a minute is gone')
  })
}

real('a login takes the place of the one that this browser had, and what was idle for too long goes', async (t) => {
  const knex = await onServer(t)
  const before = await open(knex, 'ada')
  const [{ sid } = {}] = await listSessions(knex, 'ada', LIVES)
  await open(knex, 'bob')
  await open(knex, 'ada', before)
  const [renewed, ...more] = await listSessions(knex, 'ada', LIVES)
  t.deepEqual([more, renewed?.sid], [[], sid])
  t.false(await isThere(knex, before))
  await open(knex, 'eve', before)
  const last = await open(knex, 'ada')
  await open(knex, 'eve', last)
  t.false(await isThere(knex, last), 'that of another user has ended')
  await ageBy(knex, 'used_at', LIVES.idle + 1)
  t.deepEqual(await listSessions(knex, 'ada', LIVES), [])
  await open(knex, 'dan')
  const { rows } = await knex.raw<{ rows: { sub: string }[] }>('SELECT sub FROM ledger.sessions')
  t.deepEqual(rows, [{ sub: 'dan' }])
})

real(
  'a session tells when the person proved who it is: as it was told, or now, and never later than now',
  async (t) => {
    const knex = await onServer(t)
    const timesOf = async (told: number | undefined, replaces: string | null) => {
      const opening = { sub: 'ada', amr: [], registry_position: 7, network: undefined }
      await openSession(knex, { id: newId(), replaces, auth_time: told, ...opening }, LIVES)
      const [{ auth_time = NaN, logged_in_at = NaN } = {}] = await listSessions(knex, 'ada', LIVES)
      return { auth_time, late: logged_in_at - auth_time }
    }
    const replaced = async () => open(knex, 'ada')
    const told = Date.now() - 500_000
    for (const replaces of [null, await replaced()]) {
      t.is((await timesOf(told, replaces)).auth_time, told)
      for (const now of [undefined, Date.now() + 500_000])
        t.true(Math.abs((await timesOf(now, await replaced())).late) < 1000)
    }
  },
)

real('of one person no more than 50 sessions are kept, those that were used last', async (t) => {
  const knex = await onServer(t)
  await knex.raw(
    `INSERT INTO ledger.sessions (id_sha256, sid, sub, amr, registry_position, used_at)
     SELECT sha256(n::text::bytea), gen_random_uuid(), 'ada', '{pwd}', n, clock_timestamp() - n * interval '1 s'
       FROM generate_series(1, 60) n`,
  )
  await open(knex, 'ada')
  const kept = await listSessions(knex, 'ada', LIVES)
  t.is(kept.length, 50)
  t.true(kept.every(({ registry_position }) => registry_position <= 49))
})

real('the use of a session is written once a minute at the most', async (t) => {
  const knex = await onServer(t)
  const id = await open(knex, 'ada')
  const used = async () => (await listSessions(knex, 'ada', LIVES))[0] as StoredSession
  const { used_at } = await used()
  await noteUse(knex, id, { used_at, now: used_at + 59_000 }, '198.51.100.0/24')
  t.like(await used(), { used_at, network: '192.0.2.0/24' })
  await ageBy(knex, 'used_at', 61)
  const older = await used()
  await noteUse(knex, id, { used_at: older.used_at, now: older.used_at + 61_000 }, '198.51.100.0/24')
  t.is((await used()).network, '198.51.100.0/24')
  t.true((await used()).used_at > older.used_at)
})

real('a link is found by its id alone until its time is over, and five of a person are kept', async (t) => {
  const knex = await onServer(t)
  const ids = Array.from({ length: 7 }, newId)
  for (const id of ids)
    await storeLink(knex, id, { sub: 'ada', kind: 'set_password', guarded: false, registry_position: 3 })
  t.is((await listLinks(knex, 'ada')).length, 5)
  t.is(await readLink(knex, String(ids[0])), null)
  t.like(await readLink(knex, String(ids[6])), { sub: 'ada', guarded: false, registry_position: 3 })
  t.is(await readLink(knex, newId()), null)
  await knex.raw("UPDATE ledger.links SET expires_at = clock_timestamp() - interval '1 s'")
  t.is(await readLink(knex, String(ids[6])), null)
  await storeLink(knex, newId(), { sub: 'bob', kind: 'forgot_password', guarded: false, registry_position: 3 })
  t.deepEqual(await listLinks(knex, 'ada'), [], 'what is over goes')
})

const SESSION: StoredSession = {
  ...{ sid: randomUUID(), sub: 'ada', amr: ['pwd'], network: null },
  ...{ registry_position: 10, logged_in_at: 1_000_000, auth_time: 1_000_000, used_at: 2_000_000 },
}
const USER = { deleted: false, not_before: 9, value: { enabled: true } }

const ENDS: [string, SessionEnd | null, Partial<Parameters<typeof sessionEnded>[0]>][] = [
  ['of a user who lives', null, {}],
  ['that is not there', 'session_unknown', { session: null }],
  ['one moment before it is idle', null, { now: 2_000_000 + 3_600_000 - 1 }],
  ['that is idle', 'session_idle', { now: 2_000_000 + 3_600_000 }],
  ['that is too old', 'session_expired', { now: 1_000_000 + 86_400_000 }],
  ['of nobody', 'user_unknown', { user: null }],
  ['of a user who was deleted', 'user_deleted', { user: { ...USER, deleted: true, value: null } }],
  ['of a user who is disabled', 'user_disabled', { user: { ...USER, value: { enabled: false } } }],
  ['of before a change of the password', 'user_grants_revoked', { user: { ...USER, not_before: 10 } }],
]
for (const [what, end, over] of ENDS)
  ava(`a session ${what}: ${end ?? 'counts'}`, (t) => {
    t.is(sessionEnded({ session: SESSION, user: USER, now: 2_000_001, lives: LIVES, ...over }), end)
  })

function told(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('hex') + value.toString() : String(value)
}
