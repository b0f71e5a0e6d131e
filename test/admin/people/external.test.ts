import { verify } from '../../../services/audit/verify/verify.ts'
import { replay } from '../../../services/audit/replay/replay.ts'
import { appendRegistry } from '../../../shared/event-log/registry-log.ts'
import type { EntityFact } from '../../../shared/ledger/events.ts'
import { readByAccount } from '../../../shared/read-model/passwords/external-login.ts'
import { createRegistryReader } from '../../../shared/read-model/reads/registry.ts'
import type { SealedUser } from '../../../shared/ledger/user.ts'
import { putPlainUser } from '../../support/plain-users.ts'
import { seeded } from '../../support/kept-logs.ts'
import { realTest } from '../../support/real-parts.ts'
import { rebuiltBeside } from '../../support/written-ledger.ts'
import { type Ledger, startLedger } from '../ledger.ts'
import { everythingIn } from './everything.ts'
import { forget, putNew, SUB } from './person.ts'

const test = realTest('postgres')

const ISSUER = 'https://id.example'
const UPSTREAM_SUB = 'upstream-248289761001-of-ada'
const OTHER = SUB.replace('1', '2')

const ask = ({ send, root }: Ledger, what: 'link' | 'unlink', body: object, { sub = SUB, token = root } = {}) =>
  send('POST', `/admin/users/${sub}/external/${what}`, { token, body })
const link = (ledger: Ledger, over: object = {}, whose = {}) =>
  ask(ledger, 'link', { issuer: ISSUER, sub: UPSTREAM_SUB, ...over }, whose)
const shown = async ({ send, root: token }: Ledger, sub = SUB) =>
  (await send('GET', `/admin/users/${sub}/external`, { token })).body

/** Who signs in with an account, as a login asks. */
async function whoIs({ runtime }: Ledger, issuer = ISSUER, sub = UPSTREAM_SUB) {
  const reading = { registry: createRegistryReader(runtime), maxLagMs: 60_000 }
  const { user } = await readByAccount(reading, await runtime.people.externalAccount(issuer, sub))
  return user?.value?.sub ?? null
}

test('an account elsewhere is linked and unlinked, each as often as one likes, and a PUT of the user leaves it', async (t) => {
  const ledger = await startLedger(t)
  await putNew(ledger)
  t.deepEqual(await shown(ledger), { sub: SUB, external: [], revision: 1 })
  const linked = await link(ledger)
  t.is(linked.status, 200)
  t.deepEqual(linked.body, { sub: SUB, external: [{ issuer: ISSUER }], revision: 2 })
  t.is((await link(ledger)).body['revision'], 2, 'the same again writes nothing')
  t.is(await whoIs(ledger), SUB)
  t.is(await whoIs(ledger, ISSUER, UPSTREAM_SUB.toUpperCase()), null, 'to the letter')
  t.is(await whoIs(ledger, `${ISSUER}/`), null, 'of this issuer only')
  const headers = { 'if-match': '"2"' }
  await ledger.send('PUT', `/admin/users/${SUB}`, { token: ledger.root, body: { username: 'renamed' }, headers })
  t.is(await whoIs(ledger), SUB, 'renamed, and still linked')
  await link(ledger, { sub: 'a second one' })
  t.deepEqual((await ask(ledger, 'unlink', { issuer: ISSUER, sub: UPSTREAM_SUB })).body['external'], [
    { issuer: ISSUER },
  ])
  t.is(await whoIs(ledger), null)
  t.is(await whoIs(ledger, ISSUER, 'a second one'), SUB)
  await link(ledger, { issuer: 'https://other.example' })
  t.deepEqual((await ask(ledger, 'unlink', { issuer: ISSUER })).body['external'], [{ issuer: 'https://other.example' }])
  t.is((await ask(ledger, 'unlink', { issuer: ISSUER })).status, 200)
  t.is((await verify(ledger.runtime)).difference, null)
})

test('what an issuer calls a person stands nowhere: not in the log, nor in a table, nor in what is shown', async (t) => {
  seeded(UPSTREAM_SUB)
  const ledger = await startLedger(t)
  await putNew(ledger)
  await link(ledger)
  t.notRegex(JSON.stringify(await ledger.events()), /248289761001/)
  t.notRegex(await everythingIn(ledger.runtime.knex), /248289761001/)
  const user = await ledger.send('GET', `/admin/users/${SUB}`, { token: ledger.root })
  t.notRegex(JSON.stringify([user.body, await shown(ledger)]), /index/)
})

test('an account elsewhere belongs to one person, also where two ask at once or the log is written past us', async (t) => {
  const ledger = await startLedger(t)
  await putNew(ledger)
  await putNew(ledger, { username: 'other' }, OTHER)
  const both = await Promise.all([link(ledger), link(ledger, {}, { sub: OTHER })])
  t.deepEqual(both.map(({ status }) => status).sort(), [200, 409])
  const [owner, loser] = both[0].status === 200 ? [SUB, OTHER] : [OTHER, SUB]
  const refused = await link(ledger, {}, { sub: loser })
  t.is(refused.status, 409)
  t.regex(String(refused.body['error_description']), /another user signs in with this account/)
  const { value } =
    (await createRegistryReader(ledger.runtime).read({ subs: [loser] })).entities.get(`user/${loser}`) ?? {}
  const external = [await ledger.runtime.people.externalAccount(ISSUER, UPSTREAM_SUB)]
  const fact: EntityFact = { type: 'UserPut', data: { revision: 2, user: { ...(value as SealedUser), external } } }
  const { log, topics } = ledger.runtime
  await appendRegistry(log, topics, { facts: [fact], source: 'https://ledger.example', context: { actor: 'test' } })
  const verdicts: string[] = []
  for await (const { verdict } of replay(ledger.runtime, {})) verdicts.push(String(verdict))
  t.is(verdicts.at(-1), 'void')
  t.is(await whoIs(ledger), owner)
  t.is((await verify(ledger.runtime)).difference, null)
  await rebuiltBeside(ledger.runtime)
})

test('who is deleted or forgotten keeps no account, and somebody else may have it then', async (t) => {
  const ledger = await startLedger(t)
  await putNew(ledger)
  await link(ledger)
  await forget(ledger)
  t.is(await whoIs(ledger), null)
  const { knex, schema } = ledger.runtime
  const { rows } = await knex.raw(`SELECT FROM ${schema}.users WHERE external_indexes IS NOT NULL`)
  t.is((rows as unknown[]).length, 0)
  await putNew(ledger, { username: 'other' }, OTHER)
  t.is((await link(ledger, {}, { sub: OTHER })).status, 200)
  t.is(await whoIs(ledger), OTHER)
  const headers = { 'if-match': '"2"' }
  t.is((await ledger.send('DELETE', `/admin/users/${OTHER}`, { token: ledger.root, headers })).status, 200)
  t.is(await whoIs(ledger), null)
  t.is((await ledger.send('GET', `/admin/users/${OTHER}/external`, { token: ledger.root })).status, 404)
  t.is((await link(ledger, {}, { sub: OTHER })).status, 404)
  t.is((await putNew(ledger, { username: 'other' }, OTHER)).status, 201)
  t.is(await whoIs(ledger), null, 'who comes under this sub later has nothing of it')
})

test('who may not make administrators links none of them with an account, nor unlinks one', async (t) => {
  const ledger = await startLedger(t)
  const { make, register, tokenOf } = ledger
  await make('/admin/groups/Ops', {})
  await make('/admin/acls/LedgerOps', { allowed_groups: ['Ops', 'Administrators'] })
  await make('/admin/resources/ledger.admin:guard', { execute_acl: 'Administrators' })
  await make('/admin/resources/ledger.admin', { execute_acl: 'LedgerOps' })
  const client = { client_name: 'ops', grant_types: ['client_credentials'], groups: ['Ops'], scope: 'ledger.admin' }
  const token = await tokenOf(await register(client))
  await putNew(ledger, { username: 'boss', groups: ['Administrators'] })
  await putNew(ledger, { username: 'other' }, OTHER)
  t.is((await link(ledger, {}, { token, sub: OTHER })).status, 200)
  t.is((await link(ledger, { sub: 'boss-upstream' }, { token })).status, 403)
  t.is(await whoIs(ledger, ISSUER, 'boss-upstream'), null)
  t.is((await link(ledger, { sub: 'boss-upstream' })).status, 200)
  t.is((await ask(ledger, 'unlink', { issuer: ISSUER }, { token })).status, 403)
  t.is(await whoIs(ledger, ISSUER, 'boss-upstream'), SUB)
})

test('what is no issuer or no account is refused by name, and more than twenty accounts are', async (t) => {
  const ledger = await startLedger(t)
  await putNew(ledger)
  const wrong = [
    ...['', 'id.example', 'javascript:1', 'https://id.example/?a=b', 'https://id.example/#x', 'https://u:p@id.example'],
  ]
  for (const issuer of wrong) {
    const { status, body } = await link(ledger, { issuer })
    t.is(status, 400, issuer)
    t.regex(String(body['error_description']), /issuer/)
  }
  for (const sub of ['', 'x'.repeat(256), 7]) t.is((await link(ledger, { sub })).status, 400)
  for (let n = 0; n < 20; n++) t.is((await link(ledger, { sub: `account-${n}` })).status, 200)
  t.is((await link(ledger, { sub: 'account-20' })).status, 400)
})

test('a user whose record names it in clear is sealed when it is linked', async (t) => {
  const ledger = await startLedger(t)
  const personal = { username: 'Grace', name: null, email: null }
  await putPlainUser(ledger.runtime, { sub: 'old', groups: [], enabled: true, personal })
  t.is((await link(ledger, {}, { sub: 'old' })).status, 200)
  t.is(await whoIs(ledger), 'old')
  t.regex(String((await ledger.events()).findLast(({ type }) => type === 'UserPut')?.dataschema), /UserPut\/2$/)
})
