import type { ExecutionContext } from 'ava'
import { startLedger } from '../admin/ledger.ts'
import { refuses } from '../support/asserting.ts'
import { startLedger as startBeside } from '../support/ledger.ts'
import { GOOD, login, LOGS_IN, mustSet, person, setPassword, WRONG } from '../support/passwords.ts'
import { realTest } from '../support/real-parts.ts'
import type { Answer } from '../support/requests.ts'
import { onceForFile } from '../system/once-for-file.ts'

const test = realTest('postgres')
const ledgerOfAll = onceForFile((t) =>
  startLedger(t, { services: ['token-endpoint', 'projector', 'token-check', 'admin'] }),
)

function isIn(t: ExecutionContext, { status, body }: Answer, message?: string): void {
  t.is(status, 200, message ?? JSON.stringify(body))
}

function isOut(t: ExecutionContext, { status, body }: Answer, message?: string): void {
  t.is(status, 400, message)
  t.deepEqual(body, WRONG, message)
}

test('W3, grant_type=password: a confidential client gets tokens for the user, with a refresh token that works', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { password: GOOD })
  const { status, body } = await login(ledger, as, username, GOOD)
  t.is(status, 200)
  t.like(body, { token_type: 'Bearer', scope: 'read write' })
  const told = await ledger.introspect(String(body['access_token']))
  t.like(told, { active: true, sub, principal_type: 'user', username })
  const form = { grant_type: 'refresh_token', refresh_token: String(body['refresh_token']) }
  isIn(t, await ledger.post('/oauth2/token', form, { as }))
  const [event] = await ledger.eventsOf(String(told.jti).split('.')[0] ?? '')
  t.like(event, { type: 'TokenIssued', verdict: 'valid', data: { grant_type: 'password' } })
})

test('grant_type=password gives the scope that was asked for, and never more than the client has', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const { username } = await person(ledger, { password: GOOD })
  const ask = (scope: string) =>
    ledger.post('/oauth2/token', { grant_type: 'password', username, password: GOOD, scope }, { as })
  t.is((await ask('read')).body['scope'], 'read')
  refuses(t, await ask('admin'), [400, 'invalid_scope'])
})

test('grant_type=password is refused to a public client, and to one that is not registered for it', async (t) => {
  const ledger = await ledgerOfAll()
  const { username } = await person(ledger, { password: GOOD })
  const open = await ledger.publicClient({ grant_types: ['password', 'refresh_token'] })
  refuses(t, await login(ledger, open, username, GOOD), [400, 'unauthorized_client'])
  refuses(t, await login(ledger, await ledger.client(), username, GOOD), [400, 'unauthorized_client'])
  const wrong = { ...(await ledger.client(LOGS_IN)), client_secret: 'wrong' }
  refuses(t, await login(ledger, wrong, username, GOOD), [401, 'invalid_client'])
})

test('a name or a password that is missing is named', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  for (const form of [{ username: 'x' }, { password: 'x' }]) {
    const answer = await ledger.post('/oauth2/token', { grant_type: 'password', ...form }, { as })
    refuses(t, answer, [400, 'invalid_request'])
  }
})

test('traps-people 26: an unknown name, a wrong password, none at all and a disabled user are told in the same words', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { password: GOOD })
  const without = await person(ledger)
  isOut(t, await login(ledger, as, 'nobody at all', GOOD))
  isOut(t, await login(ledger, as, username, `${GOOD}!`))
  isOut(t, await login(ledger, as, without.username, GOOD))
  isOut(t, await login(ledger, as, username, 'x'.repeat(4000)))
  await ledger.user({ sub, enabled: false })
  isOut(t, await login(ledger, as, username, GOOD))
  const granted = (await ledger.events()).filter((event) => {
    return event.type === 'TokenIssued' && event.data.principal.id === sub
  })
  t.is(granted.length, 0, 'nothing was granted')
  await ledger.user({ sub, enabled: true })
  isIn(t, await login(ledger, as, username, GOOD), 'disabled is not dead')
})

test('traps-people 20: a blank at either end is part of a password, and not of a user name', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { password: ` ${GOOD} ` })
  isIn(t, await login(ledger, as, username, ` ${GOOD} `))
  isIn(t, await login(ledger, as, `  ${username}\t`, ` ${GOOD} `))
  for (const other of [GOOD, ` ${GOOD}`, `${GOOD} `, ` ${GOOD}  `]) isOut(t, await login(ledger, as, username, other))
  await mustSet(ledger, sub, ' '.repeat(8))
  isIn(t, await login(ledger, as, username, ' '.repeat(8)))
})

test('traps-people 21: a password is the same in whatever form its umlauts are sent, set and checked', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const [composed, decomposed] = ['Größenwahn é'.normalize('NFC'), 'Größenwahn é'.normalize('NFD')]
  t.not(composed, decomposed)
  for (const [set, sent] of [
    [composed, decomposed],
    [decomposed, composed],
  ] as const) {
    const { username } = await person(ledger, { password: set })
    isIn(t, await login(ledger, as, username, sent))
    isIn(t, await login(ledger, as, username, set))
  }
})

test('traps-people 22: all of a long password counts, its limit in bytes is told when it is set, and a longer one fails plainly', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const start = 'a long beginning that is the same '.repeat(3).slice(0, 99)
  const { sub, username } = await person(ledger, { password: `${start}1` })
  isOut(t, await login(ledger, as, username, `${start}2`))
  isIn(t, await login(ledger, as, username, `${start}1`))
  const longest = 'ü'.repeat(512)
  isIn(t, await setPassword(ledger, sub, longest))
  isIn(t, await login(ledger, as, username, longest.normalize('NFD')))
  const refused = await setPassword(ledger, sub, `${longest}x`)
  refuses(t, refused, [400, 'invalid_request'])
  t.is(refused.body['error_description'], 'password: must be text of at most 1024 bytes in UTF-8')
  isOut(t, await login(ledger, as, username, `${longest}x`))
  const short = await setPassword(ledger, sub, 'ünfzehn')
  t.is(short.body['error_description'], 'password: must have at least 8 characters')
})

test('traps-people 23: a user logs in by the name in any letter case and width, which nobody else can take, and is shown as written', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { username: 'Anna Straße', password: GOOD })
  for (const name of [username, 'anna strasse', 'ANNA STRASSE', 'Ａｎｎａ straße']) {
    const answer = await login(ledger, as, name, GOOD)
    isIn(t, answer, name)
    t.like(await ledger.introspect(String(answer.body['access_token'])), { sub, username: 'Anna Straße' })
  }
  const taken = await ledger.send('POST', '/admin/users', { token: ledger.root, body: { username: 'ANNA STRASSE' } })
  refuses(t, taken, [409, 'conflict'])
})

test('another password counts at once on every endpoint, and ends what was granted before', async (t) => {
  const ledger = await ledgerOfAll()
  const other = await startBeside(t, { beside: ledger, services: ['token-endpoint'] })
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { password: GOOD })
  const before = await login(other, as, username, GOOD)
  isIn(t, before)
  await mustSet(ledger, sub, 'another one entirely')
  for (const { post } of [ledger, other]) {
    isOut(t, await login({ post }, as, username, GOOD))
    isIn(t, await login({ post }, as, username, 'another one entirely'))
  }
  t.false(await ledger.isActive(String(before.body['access_token'])))
  const form = { grant_type: 'refresh_token', refresh_token: String(before.body['refresh_token']) }
  refuses(t, await other.post('/oauth2/token', form, { as }), [400, 'invalid_grant'])
})

test('a removed password lets nobody in, a deleted user passes on none, and removing none ends nothing', async (t) => {
  const ledger = await ledgerOfAll()
  const as = await ledger.client(LOGS_IN)
  const { sub, username } = await person(ledger, { password: GOOD })
  const remove = () => ledger.send('DELETE', `/admin/users/${sub}/password`, { token: ledger.root })
  isIn(t, await remove())
  isOut(t, await login(ledger, as, username, GOOD))
  const { body } = await remove()
  t.like(body, { sub, password: false, revision: (await remove()).body['revision'] })
  await mustSet(ledger, sub, GOOD)
  isIn(t, await login(ledger, as, username, GOOD))
  await ledger.deleteUser(sub)
  isOut(t, await login(ledger, as, username, GOOD))
  await ledger.user({ sub, personal: { username, name: null, email: null } })
  isOut(t, await login(ledger, as, username, GOOD), 'the later user of this sub')
})

test('a client that does not prove itself has no name looked for, and makes no key of names', async (t) => {
  const { post, runtime } = await startBeside(t, { services: ['token-endpoint', 'projector'] })
  const form = { grant_type: 'password', username: 'anybody', password: GOOD }
  refuses(t, await post('/oauth2/token', form, { as: { client_id: 'x', client_secret: 'y' } }), [401, 'invalid_client'])
  t.deepEqual(await runtime.knex.withSchema('ledger').table('name_key').select('kid'), [])
})

test('whoever logs in while all grants of the client are ended gets no tokens that live on', async (t) => {
  const ledger = await ledgerOfAll()
  const other = await startBeside(t, { beside: ledger, services: ['token-endpoint'] })
  const as = await ledger.client(LOGS_IN)
  const { username } = await person(ledger, { password: GOOD })
  const { people } = other.runtime
  const { indexOf } = people
  people.indexOf = async (name) => {
    people.indexOf = indexOf
    const path = `/admin/clients/${as.client_id}/revoke-all`
    t.is((await ledger.send('POST', path, { token: ledger.root, body: { reason: 'leaked' } })).status, 200)
    return indexOf(name)
  }
  refuses(t, await login(other, as, username, GOOD), [503, 'temporarily_unavailable'])
  isIn(t, await login(other, as, username, GOOD))
})

test.serial(
  'many passwords at once wait for each other, never block the event loop, and beyond the queue are 503',
  async (t) => {
    const ledger = await ledgerOfAll()
    const as = await ledger.client(LOGS_IN)
    const { username } = await person(ledger, { password: GOOD })
    let answered = 0
    const logins = Array.from({ length: 160 }, async () => {
      const answer = await login(ledger, as, username, GOOD)
      if (answer.status === 200) answered++
      return answer
    })
    const alive = await ledger.send('GET', '/health/alive')
    t.is(alive.status, 200)
    t.true(answered < 60, 'long before the queue is empty')
    const answers = await Promise.all(logins)
    const busy = answers.filter(({ status }) => status === 503)
    t.true(busy.length > 0 && busy.length <= 160 - 64)
    t.true(busy.every(({ headers }) => Number(headers.get('retry-after')) > 0))
    t.true(answers.every(({ status }) => [200, 503].includes(status)))
  },
)
