import type { ExecutionContext } from 'ava'
import type { ShownEntry } from '../../../services/audit/people/shown-entry.ts'
import { showPeople } from '../../../services/audit/people/show-people.ts'
import type { GrantLife } from '../../../services/audit/replay/grant-life.ts'
import { replay } from '../../../services/audit/replay/replay.ts'
import { verify } from '../../../services/audit/verify/verify.ts'
import { outgoing, envelop } from '../../../shared/event-log/event-codec.ts'
import { type Credentials, type Ledger, ROOT, startLedger } from '../../admin/ledger.ts'
import { commandLine } from '../../support/command-line.ts'
import { seeded } from '../../support/kept-logs.ts'
import { realTest } from '../../support/real-parts.ts'

const test = realTest('postgres')

const ADA = { username: 'Ada.Lovelace', name: 'Ada Augusta King', email: 'ada@people.example' }
const BOSS = { username: 'Boss.Babbage', name: 'Charles', email: 'boss@people.example' }
const NAMES = /lovelace|augusta|ada@people|babbage|charles|boss@people/i
const SUB = '0198c0de-aaaa-7000-8000-000000000001'
const BY = '0198c0de-aaaa-7000-8000-000000000002'

/** Ada, a grant of hers that a person ended, and what there is to read it with. */
async function lived(t: ExecutionContext) {
  seeded(ADA.username, ADA.name, ADA.email, BOSS.username, BOSS.name, BOSS.email)
  const ledger = await startLedger(t, { services: ['token-endpoint', 'projector', 'admin', 'audit'] })
  await ledger.make(`/admin/users/${SUB}`, ADA)
  await ledger.make(`/admin/users/${BY}`, { ...BOSS, groups: ['Administrators'] })
  const { grant_id } = await ledger.grant({ to: await ledger.client(), sub: SUB })
  const console = await ledger.client({ scope: 'ledger.admin' })
  const { access_token: token } = await ledger.grant({ to: console, sub: BY, scope: 'ledger.admin' })
  const revoked = await ledger.send('POST', `/admin/grants/${grant_id}/revoke`, { token, body: { reason: 'lost' } })
  t.is(revoked.status, 200)
  return { ledger, grant_id }
}

const forget = (ledger: Ledger) =>
  ledger.send('POST', `/admin/users/${SUB}/forget`, { token: ledger.root, body: { reason: 'asked for it' } })

async function eventsOf(ledger: Ledger, query: string, token = ledger.root) {
  const answer = await fetch(`${ledger.adminUrl}/audit/events?${query}`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const text = await answer.text()
  const lines = text.trim().split('\n')
  return {
    status: answer.status,
    personal: answer.headers.get('ledger-personal'),
    text,
    entries: answer.status === 200 ? lines.map((line) => JSON.parse(line) as ShownEntry) : [],
  }
}

async function lifeOf(ledger: Ledger, grant_id: string, query = '', token = ledger.root) {
  const { headers, body } = await ledger.send('GET', `/audit/grants/${grant_id}${query}`, { token })
  return { personal: headers.get('ledger-personal'), life: body as unknown as GrantLife }
}

test.serial('a replay shows who is in each event, and says forgotten once the person is', async (t) => {
  const { ledger, grant_id } = await lived(t)
  const { status, personal, entries, text } = await eventsOf(ledger, `sub=${SUB}`)
  t.deepEqual([status, personal], [200, 'shown'], text)
  t.deepEqual(
    entries.map(({ type, people }) => [type, people]),
    [
      ['UserPut', { [SUB]: ADA }],
      ['TokenIssued', { [SUB]: ADA }],
      ['TokenRevoked', { [SUB]: ADA, [BY]: BOSS }],
    ],
  )
  const { life } = await lifeOf(ledger, grant_id)
  t.deepEqual(life.people, { [SUB]: ADA, [BY]: BOSS })
  t.is((await forget(ledger)).status, 200)
  const after = await eventsOf(ledger, `sub=${SUB}`)
  t.deepEqual(
    after.entries.map(({ type, people }) => [type, people?.[SUB]]),
    ['UserPut', 'TokenIssued', 'TokenRevoked', 'UserForgotten'].map((type) => [type, 'forgotten']),
  )
  t.is((await lifeOf(ledger, grant_id)).life.people?.[SUB], 'forgotten')
  t.notRegex(after.text, /lovelace|augusta|ada@people/i)
})

test.serial('what is sealed is no part of an answer, nor is a name that a record has in clear', async (t) => {
  const { ledger } = await lived(t)
  await appendPlain(ledger, 'old')
  const { text, entries } = await eventsOf(ledger, 'type=UserPut')
  t.notRegex(text, /"personal"|"tag"|"iv"/)
  t.deepEqual(entries.at(-1)?.people, { old: { username: 'Grace', name: null, email: null } })
  const without = await eventsOf(ledger, 'type=UserPut&personal=false')
  t.notRegex(without.text, /Grace|"personal"/)
})

test.serial('a put of before shows what it said, and where the key is lost nobody can tell', async (t) => {
  const { ledger } = await lived(t)
  const body = { ...ADA, name: 'Ada King-Noel' }
  seeded(body.name)
  const put = { token: ledger.root, body, headers: { 'if-match': '"1"' } }
  t.is((await ledger.send('PUT', `/admin/users/${SUB}`, put)).status, 200)
  const { entries } = await eventsOf(ledger, `sub=${SUB}`)
  const byType = (type: string) => entries.filter((entry) => entry.type === type).map(({ people }) => people?.[SUB])
  t.deepEqual(byType('UserPut'), [ADA, body])
  t.deepEqual(byType('TokenIssued'), [body])
  await ledger.runtime.knex.raw('DELETE FROM ledger.persons WHERE sub = ?', [SUB])
  const lost = await eventsOf(ledger, `sub=${SUB}`)
  t.deepEqual([...new Set(lost.entries.map(({ people }) => people?.[SUB]))], ['unreadable'])
})

test.serial('without the right, or where nobody asks, people are left out, and the answer says so', async (t) => {
  const { ledger, grant_id } = await lived(t)
  const { make, register, tokenOf, root } = ledger
  await make('/admin/resources/ledger.audit:personal', { execute_acl: 'Administrators' })
  const credentials = { grant_types: ['client_credentials'], scope: 'ledger.audit', groups: ['Auditors'] }
  const auditor = await register({ ...credentials, client_name: 'auditor' })
  const token = await tokenOf(auditor)
  for (const [query, bearer, why] of [
    ['', token, 'not_allowed'],
    ['personal=false', token, 'not_asked'],
    ['personal=false', root, 'not_asked'],
  ] as const) {
    const answer = await eventsOf(ledger, query, bearer)
    t.deepEqual([answer.status, answer.personal], [200, why])
    t.true(answer.entries.length > 10 && answer.entries.every(({ people }) => people === null))
    t.notRegex(answer.text, NAMES)
    const { life, personal } = await lifeOf(ledger, grant_id, query && `?${query}`, bearer)
    t.deepEqual([personal, life.personal, life.people], [why, why, null])
    t.notRegex(JSON.stringify(life), NAMES)
  }
  t.is((await eventsOf(ledger, 'personal=maybe')).status, 400)
  t.is((await ledger.send('GET', `/audit/grants/${grant_id}?personal=maybe`, { token: root })).status, 400)
  t.notRegex(JSON.stringify(ledger.lines), NAMES)
})

test.serial('whoever may read the audit trail alone is told of no name by a verification', async (t) => {
  const { ledger } = await lived(t)
  const { knex, schema } = ledger.runtime
  for (const column of ['name', 'email', 'username']) {
    await knex.raw(`UPDATE ${schema}.users SET ${column} = 'Somebody' WHERE sub = ?`, [SUB])
    const report = await verify(ledger.runtime)
    t.like(report.difference, { table: 'users', key: SUB, column })
    t.notRegex(JSON.stringify(report), /Somebody|lovelace|augusta|ada@people/i)
    await knex.raw(`UPDATE ${schema}.users SET username = ?, name = ?, email = ? WHERE sub = ?`, [
      ...[ADA.username, ADA.name, ADA.email],
      SUB,
    ])
  }
})

test.serial('the command shows people through the service and on the host, and says when it cannot', async (t) => {
  const { ledger, grant_id } = await lived(t)
  const { make, register, settings } = ledger
  const service = (client: Credentials) => ({
    LEDGER_URL: ledger.url,
    LEDGER_ADMIN_URL: ledger.adminUrl,
    LEDGER_CLIENT_ID: client.client_id,
    LEDGER_CLIENT_SECRET: client.client_secret,
  })
  const host = { LEDGER_DATABASE_URL: settings.DATABASE_URL ?? '', LEDGER_ISSUER: settings.ISSUER ?? '' }
  const keyed = { ...host, LEDGER_SECRETS_SYSTEM: settings.SECRETS_SYSTEM ?? '' }
  await make('/admin/resources/ledger.audit:personal', { execute_acl: 'Administrators' })
  const metadata = { grant_types: ['client_credentials'], scope: 'ledger.audit', groups: ['Auditors'] }
  const auditor = await register({ ...metadata, client_name: 'auditor' })
  // How far it is, a slow machine tells as well.
  const run = async (...[env, ...args]: Parameters<typeof commandLine>) => {
    const ended = await commandLine(env, ...args)
    return { ...ended, err: ended.err.replaceAll(/^read \d.*\n/gm, '') }
  }
  const replayed = ['audit', 'replay', '--user', SUB]
  const shown = ['audit', 'show', '--grant', grant_id]
  for (const env of [service(ROOT), keyed]) {
    const narrow = await run(env, ...replayed)
    t.is(narrow.err, '')
    t.regex(
      narrow.out,
      / UserPut +Ada\.Lovelace +valid +client\/root\n.* TokenRevoked +…\w{8} +valid +Boss\.Babbage\n/s,
    )
    t.true(narrow.out.split('\n').every((line) => line.length <= 80))
    const wide = await run(env, ...replayed, '--wide')
    t.regex(wide.out, new RegExp(`user/${SUB} \\(Ada\\.Lovelace, Ada Augusta King, ada@people\\.example\\) +valid`))
    const json = await run(env, ...replayed, '--format', 'json')
    t.deepEqual((JSON.parse(json.out) as ShownEntry[])[0]?.people, { [SUB]: ADA })
    t.regex((await run(env, ...shown)).out, new RegExp(`user ${SUB} \\(Ada\\.Lovelace, .*by user/${BY} \\(Boss`, 's'))
  }
  for (const [env, why] of [
    [service(auditor), /^people are left out: that needs the right ledger\.audit:personal\n$/],
    [host, /^people are left out: set LEDGER_SECRETS_PROJECT, or LEDGER_SECRETS_SYSTEM, to open names\n$/],
  ] as const)
    for (const verb of [replayed, shown]) {
      const { code, out, err } = await run(env, ...verb)
      t.deepEqual([code, NAMES.test(out)], [0, false], out)
      t.regex(err, why)
    }
  for (const verb of [replayed, shown]) {
    const { code, out, err } = await run(keyed, ...verb, '--no-personal')
    t.deepEqual([code, NAMES.test(out), err], [0, false, ''], out)
  }
})

test.serial('however many events there are, a page of them costs two statements', async (t) => {
  const { ledger } = await lived(t)
  const { knex } = ledger.runtime
  const statements: string[] = []
  knex.on('query', ({ sql }: { sql: string }) => void statements.push(sql))
  let count = 0
  for await (const { people } of showPeople(replay(ledger.runtime, {}), ledger.runtime)) count += people ? 1 : 0
  t.true(count > 20)
  t.is(statements.filter((sql) => sql.includes('ledger.persons')).length, 1)
  t.is(statements.filter((sql) => sql.includes('.users u')).length, 1)
})

/** As a release before did. */
async function appendPlain({ runtime: { log, topics, waiter } }: Ledger, sub: string): Promise<void> {
  const user = { sub, groups: [], enabled: true, personal: { username: 'Grace', name: null, email: null } }
  const fact = { type: 'UserPut', data: { revision: 1, user } } as const
  const record = outgoing(envelop(fact, 'https://ledger.example', { actor: 'system/test' }, Date.now()), topics)
  const { offset } = await log.append(record)
  await waiter.past({ ...record, offset }, 20_000)
}
