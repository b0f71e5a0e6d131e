import { randomUUID } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import { answerOf, keepOutcome } from '../../../shared/accounts/sessions/login-outcomes.ts'
import { listSessions, openSession } from '../../../shared/accounts/sessions/sessions.ts'
import { listLinks, storeLink } from '../../../shared/accounts/sessions/links.ts'
import { exportPerson } from '../../../services/audit/export/export-person.ts'
import { enforceForgetting } from '../../../shared/read-model/projection/forgotten.ts'
import { everythingIn } from '../../admin/people/everything.ts'
import { type Ledger, ROOT, startLedger } from '../../admin/ledger.ts'
import { issued } from '../../ledger/given.ts'
import { commandLine } from '../../support/command-line.ts'
import { seeded } from '../../support/kept-logs.ts'
import { appendPast } from '../../support/past-records.ts'
import { realTest } from '../../support/real-parts.ts'
import { appendUnreadable, grantId, postgresLedger, seed } from '../../support/written-ledger.ts'

const test = realTest('postgres')

const ADA = { username: 'Ada.Lovelace', name: 'Ada Augusta King', email: 'ada@people.example' }
const BOSS = { username: 'Boss.Babbage', name: 'Charles', email: 'boss@people.example' }
const NAMES = /lovelace|augusta|ada@people/i
const OTHERS = /babbage|charles|boss@people/i
const SUB = '0198c0de-aaaa-7000-8000-000000000001'
const BY = '0198c0de-aaaa-7000-8000-000000000002'

type Copy = {
  person: object | null
  personal_state: string | null
  groups: string[] | null
  deleted: boolean
  key: { key_id: string | null; kid: number | null; forgotten_at: string | null } | null
  events: { type: string; about: string; data?: object; personal?: object | string | null; actor?: string }[]
  grants: Record<string, unknown>[]
  sessions: Record<string, unknown>[]
  links: Record<string, unknown>[]
  still_held: string[]
  not_contained: string[]
}

/** Ada with a name of before, a grant that lives and one that Boss ended. */
async function lived(t: ExecutionContext) {
  seeded(ADA.username, ADA.name, ADA.email, BOSS.username, BOSS.name, BOSS.email)
  const ledger = await startLedger(t, { services: ['token-endpoint', 'projector', 'admin', 'audit'] })
  await ledger.make(`/admin/users/${SUB}`, ADA)
  await ledger.make(`/admin/users/${BY}`, { ...BOSS, groups: ['Administrators'] })
  const to = await ledger.client()
  const live = await ledger.grant({ to, sub: SUB })
  const { grant_id: ended } = await ledger.grant({ to, sub: SUB })
  const admin = await ledger.client({ scope: 'ledger.admin' })
  const { access_token: token } = await ledger.grant({ to: admin, sub: BY, scope: 'ledger.admin' })
  const body = { reason: 'lost' }
  t.is((await ledger.send('POST', `/admin/grants/${ended}/revoke`, { token, body })).status, 200)
  return { ledger, live, ended, to }
}

async function copyOf(ledger: Ledger, sub: string, token = ledger.root) {
  const answer = await fetch(`${ledger.adminUrl}/audit/users/${encodeURIComponent(sub)}/export`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const text = await answer.text()
  return { status: answer.status, headers: answer.headers, text, copy: JSON.parse(text) as Copy }
}

test.serial('a copy has all that is held about a person, no secret, and nobody else', async (t) => {
  const { ledger, live, ended, to } = await lived(t)
  const { status, headers, text, copy } = await copyOf(ledger, SUB)
  t.is(status, 200, text)
  t.regex(headers.get('content-type') ?? '', /^application\/json/)
  t.like(copy, { person: ADA, personal_state: null, groups: [], deleted: false, still_held: [] })
  t.deepEqual(
    copy.events.map(({ type, personal }) => [type, personal]),
    [
      ['UserPut', ADA],
      ['TokenIssued', null],
      ['TokenIssued', null],
      ['TokenRevoked', null],
    ],
  )
  t.is(copy.events.at(-1)?.actor, `user/${BY}`)
  t.like(copy.events[0], { clientaddress: '127.0.0.0/24', position: { partition: 0 }, verdict: 'valid' })
  t.deepEqual(
    copy.grants.map(({ grant_id, client_id, client_name, status: how, because }) => {
      return { grant_id, client_id, named: typeof client_name, how, because }
    }),
    [
      { grant_id: live.grant_id, client_id: to.client_id, named: 'string', how: 'live', because: null },
      { grant_id: ended, client_id: to.client_id, named: 'string', how: 'revoked', because: 'lost' },
    ],
  )
  t.deepEqual(
    copy.grants.map(({ access_tokens }) => (access_tokens as { generation: number }[]).map((one) => one.generation)),
    [[1], []],
  )
  const { rows } = await ledger.runtime.knex.raw<{ rows: { wrapped: Buffer; personal: { tag: string } }[] }>(
    `SELECT p.wrapped, u.value->'personal' AS personal, u.username_index FROM ledger.persons p
       JOIN ${ledger.runtime.schema}.users u USING (sub) WHERE sub = ?`,
    [SUB],
  )
  for (const secret of [live.access_token, live.refresh_token, ...rows.flatMap((row) => told(row))])
    t.false(text.includes(secret), 'no secret')
  t.true(rows.length === 1 && copy.key?.kid === 1 && copy.key.forgotten_at === null)
  t.notRegex(text, OTHERS)
  t.true(copy.not_contained.some((line) => /[Bb]ackups/.test(line)))
})

test.serial('a copy says where the person has an account to sign in with, and not by what it is found', async (t) => {
  const { ledger } = await lived(t)
  const body = { issuer: 'https://id.example', sub: 'of-ada' }
  await ledger.send('POST', `/admin/users/${SUB}/external/link`, { token: ledger.root, body })
  const { text, copy } = await copyOf(ledger, SUB)
  const { data } = copy.events.findLast(({ type }) => type === 'UserPut') ?? {}
  t.like(data, { user: { external: [{ issuer: body.issuer }] } })
  const { sub_index } = await ledger.runtime.people.externalAccount(body.issuer, body.sub)
  t.false(text.includes(sub_index))
})

test.serial('a copy of one who acted says what and when, and nothing of whom it concerned', async (t) => {
  const { ledger, ended } = await lived(t)
  const { text, copy } = await copyOf(ledger, BY)
  const acted = copy.events.find(({ type }) => type === 'TokenRevoked')
  t.regex(acted?.about ?? '', /did to somebody/)
  t.is(acted?.data, undefined)
  t.notRegex(text, NAMES)
  t.false(text.includes(SUB) || text.includes(ended))
})

test.serial('traps-running 20: a copy of a forgotten person says since when, and what is still held', async (t) => {
  const { ledger, live } = await lived(t)
  const body = { reason: 'asked for it' }
  t.is((await ledger.send('POST', `/admin/users/${SUB}/forget`, { token: ledger.root, body })).status, 200)
  const { status, text, copy } = await copyOf(ledger, SUB)
  t.is(status, 200, text)
  t.like(copy, { person: null, personal_state: 'forgotten', groups: null, deleted: true })
  t.true(Date.parse(copy.key?.forgotten_at ?? '') > Date.now() - 600_000)
  t.deepEqual([copy.key?.key_id, copy.key?.kid], [null, null])
  t.is(copy.events[0]?.personal, 'forgotten')
  t.like(copy.grants[0], { grant_id: live.grant_id, because: 'user_deleted', refresh_token: null })
  t.deepEqual(copy.grants[0]?.['access_tokens'], [])
  t.true(copy.still_held.length > 0)
  t.notRegex(text, NAMES)
})

const LIVES = { idle: 3600, lifetime: 3600 }

test.serial('a copy has sessions and links without their ids, and who is forgotten has none of either', async (t) => {
  const { ledger } = await lived(t)
  const { knex } = ledger.runtime
  const [cookie, link] = ['c'.repeat(43), 'l'.repeat(43)]
  seeded(cookie, link)
  const login = { sub: SUB, amr: ['pwd'], registry_position: 1, network: '192.0.2.0/24', replaces: null }
  await openSession(knex, { id: cookie, ...login }, LIVES)
  await storeLink(knex, link, { sub: SUB, kind: 'set_password', guarded: false, registry_position: 1 })
  const outcome = { id: randomUUID(), browser: 'b', onward: {}, outcome: { sub: SUB, amr: [], registry_position: 1 } }
  await keepOutcome(knex, outcome, Buffer.from('answered'))
  const { copy } = await copyOf(ledger, SUB)
  t.is(copy.sessions.length, 1)
  t.deepEqual(Object.keys(copy.sessions[0] ?? {}), ['sid', 'amr', 'network', 'logged_in_at', 'auth_time', 'used_at'])
  t.like(copy.sessions[0], { amr: ['pwd'], network: '192.0.2.0/24' })
  t.deepEqual(Object.keys(copy.links[0] ?? {}), ['kind', 'created_at', 'expires_at'])
  const body = { reason: 'asked for it' }
  t.is((await ledger.send('POST', `/admin/users/${SUB}/forget`, { token: ledger.root, body })).status, 200)
  const after = (await copyOf(ledger, SUB)).copy
  t.deepEqual([after.sessions, after.links], [[], []])
  t.is(await answerOf(knex, outcome.id), null, 'what a login application said of the person')
  // As a restored dump has them.
  await openSession(knex, { id: cookie, ...login }, LIVES)
  await storeLink(knex, link, { sub: SUB, kind: 'set_password', guarded: false, registry_position: 1 })
  await keepOutcome(knex, outcome, Buffer.from('answered'))
  await enforceForgetting(knex)
  t.is(await answerOf(knex, outcome.id), null)
  t.deepEqual([await listSessions(knex, SUB, LIVES), await listLinks(knex, SUB)], [[], []])
})

test.serial('a copy needs a right of its own, and the log says who asked for which sub, never the name', async (t) => {
  const { ledger } = await lived(t)
  const { register, tokenOf } = ledger
  const metadata = { grant_types: ['client_credentials'], scope: 'ledger.audit', groups: ['Auditors'] }
  const token = await tokenOf(await register({ ...metadata, client_name: 'auditor' }))
  t.is((await copyOf(ledger, SUB, token)).status, 403)
  const asked = () => ledger.lines.filter(({ msg }) => msg === 'asked for all that is held about a person')
  t.is(asked().length, 0)
  t.is((await copyOf(ledger, SUB)).status, 200)
  t.is(asked().length, 1)
  t.like(asked()[0], { level: 30, by: 'client/root', sub: SUB })
  for (const nobody of ['nobody', 'ada\u0000', 'x@nobody.example'])
    t.is((await copyOf(ledger, nobody)).status, 404, nobody)
  t.notRegex(JSON.stringify(ledger.lines.filter(({ msg }) => msg !== 'request')), OTHERS)
  t.regex(await everythingIn(ledger.runtime.knex), NAMES, 'they are there')
})

test.serial('a copy that would not be whole is 503, or breaks off', async (t) => {
  const { ledger } = await lived(t)
  const { knex, schema } = ledger.runtime
  await knex.raw(`UPDATE ${schema}.checkpoints SET status = 'stopped' WHERE partition = 7`)
  const { status, headers } = await copyOf(ledger, SUB)
  t.deepEqual([status, headers.get('retry-after')], [503, '1'])
  const written = await postgresLedger(t)
  await seed(written)
  await written.project()
  await appendUnreadable(written, grantId(1))
  await t.throwsAsync(textOf(exportPerson(written, 'ada')), { message: /cannot be read/ })
})

test.serial('the command prints the copy, or why there is none', async (t) => {
  const { ledger } = await lived(t)
  const env = {
    LEDGER_URL: ledger.url,
    LEDGER_ADMIN_URL: ledger.adminUrl,
    LEDGER_CLIENT_ID: ROOT.client_id,
    LEDGER_CLIENT_SECRET: ROOT.client_secret,
  }
  const { code, out, err } = await commandLine(env, 'users', 'export', SUB)
  t.deepEqual([code, err], [0, ''])
  t.like(JSON.parse(out), { sub: SUB, person: ADA })
  const unknown = await commandLine(env, 'users', 'export', 'nobody')
  t.deepEqual([unknown.code, unknown.out], [1, ''])
  t.regex(unknown.err, /^error: \S+ answers 404: there is no such user, and never was \(not_found\)\n$/)
})

test.serial('a person of very many grants is told in full, each grant once', async (t) => {
  const ledger = await postgresLedger(t)
  await seed(ledger)
  const at = Date.now()
  const facts = Array.from({ length: 1_000 }, (_, n) => ({ fact: issued({ grant_id: grantId(100 + n) }), at }))
  await appendPast(ledger, facts)
  await ledger.project()
  const copy = JSON.parse(await textOf(exportPerson(ledger, 'ada'))) as Copy
  t.is(new Set(copy.grants.map(({ grant_id }) => grant_id)).size, 1_001)
  t.is(copy.grants.length, 1_001)
  t.true(copy.grants.every(({ access_tokens }) => (access_tokens as object[]).length === 1))
})

function told(row: object): string[] {
  return Object.values(row).flatMap((value: unknown) => {
    if (Buffer.isBuffer(value)) return [value.toString('base64'), value.toString('base64url'), value.toString('hex')]
    if (typeof value === 'object' && value) {
      const { iv, data, tag } = value as Record<string, string>
      return [iv, data, tag].map(String)
    }
    return [String(value)]
  })
}

async function textOf(pieces: AsyncIterable<string>): Promise<string> {
  let text = ''
  for await (const piece of pieces) text += piece
  return text
}
