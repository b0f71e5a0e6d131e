import { randomBytes } from 'node:crypto'
import type { ExecutionContext } from 'ava'
import { refuses } from '../support/asserting.ts'
import { sharedLedger, startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import type { Answer, Credentials } from '../support/requests.ts'

const test = realTest('postgres')
const behindProxy = sharedLedger(async () => ({ settings: { TRUSTED_PROXIES: '127.0.0.1' } }))

/** An address that nobody else has in this file. */
let last = 0
const freshAddress = () => `198.51.100.${(last += 1)}`

const wrong = (client: Credentials): Credentials => ({
  ...client,
  client_secret: randomBytes(32).toString('base64url'),
})

type Asked = { as: Credentials; from: string }

/** Where a client authenticates. */
const ENDPOINTS: Record<string, (ledger: TestLedger, asked: Asked) => Promise<Answer>> = {
  token: (ledger, { as, from }) =>
    ledger.post('/oauth2/token', { grant_type: 'client_credentials' }, { as, headers: forwarded(from) }),
  refresh: (ledger, { as, from }) =>
    ledger.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token: 'x' }, { as, headers: forwarded(from) }),
  alias: (ledger, { as, from }) => {
    const form = { grant_type: 'refresh_token', refresh_token: 'x' }
    return ledger.post('/invoke/pub.oauth/refreshAccessToken', form, { as, headers: forwarded(from) })
  },
  revoke: (ledger, { as, from }) => ledger.post('/oauth2/revoke', { token: 'x' }, { as, headers: forwarded(from) }),
  introspect: (ledger, { as, from }) =>
    ledger.post('/oauth2/introspect', { token: 'x' }, { as, headers: forwarded(from) }),
  check: (ledger, { as, from }) =>
    ledger.postJson('/check', { token: 'x', resource: 'orders' }, { as, headers: forwarded(from) }),
}

const forwarded = (from: string) => ({ 'x-forwarded-for': from })
const token = ENDPOINTS['token'] ?? (() => Promise.reject(new Error('no token endpoint')))

async function statuses(times: number, ask: () => Promise<Answer>): Promise<number[]> {
  const all: number[] = []
  for (let n = 0; n < times; n++) all.push((await ask()).status)
  return all
}

const HEARD = [...Array.from({ length: 20 }, () => 401), 429, 429, 429]

function isLimited(t: ExecutionContext, answer: Answer, what: string): void {
  refuses(t, answer, [429, 'temporarily_unavailable'], what)
  const seconds = Number(answer.headers.get('retry-after'))
  t.true(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60, what)
}

test('wherever a client authenticates, 20 wrong secrets a minute are heard from one address, and the right one always', async (t) => {
  const ledger = await behindProxy()
  for (const [name, ask] of Object.entries(ENDPOINTS)) {
    const client = await ledger.client({ resource_server_folders: ['orders'] })
    const from = freshAddress()
    const right = async () => ask(ledger, { as: client, from })
    const before = await right()
    const bad = wrong(client)
    t.deepEqual(await statuses(23, async () => ask(ledger, { as: bad, from })), HEARD, name)
    isLimited(t, await ask(ledger, { as: bad, from }), name)
    const after = await right()
    t.deepEqual([after.status, after.body['error']], [before.status, before.body['error']], name)
    t.not(after.status, 429, name)
    t.not(after.status, 401, name)
  }
})

test('failures at one endpoint count at every other', async (t) => {
  const ledger = await behindProxy()
  const [client, from] = [await ledger.client(), freshAddress()]
  const asks = Object.values(ENDPOINTS)
  const seen: number[] = []
  for (let n = 0; n < 24; n++)
    seen.push((await asks[n % asks.length]?.(ledger, { as: wrong(client), from }))?.status ?? 0)
  t.deepEqual(seen, [...HEARD, 429])
})

test('a client that is refused at one address is heard at another, and another client at the same one', async (t) => {
  const ledger = await behindProxy()
  const [client, other, from] = [await ledger.client(), await ledger.client(), freshAddress()]
  await statuses(25, async () => token(ledger, { as: wrong(client), from }))
  t.is((await token(ledger, { as: wrong(client), from })).status, 429)
  t.is((await token(ledger, { as: wrong(client), from: freshAddress() })).status, 401)
  t.is((await token(ledger, { as: wrong(other), from })).status, 401)
})

test('an unknown client is refused like a known one, wrong for wrong', async (t) => {
  const ledger = await behindProxy()
  const known = await ledger.client()
  const unknown = { client_id: `client-${randomBytes(16).toString('hex')}`, client_secret: known.client_secret }
  const disabled = await ledger.client({ enabled: false })
  for (const as of [wrong(known), unknown, disabled]) {
    const from = freshAddress()
    t.deepEqual(await statuses(23, async () => token(ledger, { as, from })), HEARD)
  }
})

test('all addresses of one /64 are one address, those of another are not', async (t) => {
  const ledger = await behindProxy()
  const client = await ledger.client()
  let n = 0
  const seen = await statuses(23, async () =>
    token(ledger, { as: wrong(client), from: `2001:db8:1:2:${(n += 1).toString(16)}::1` }),
  )
  t.deepEqual(seen, HEARD)
  t.is((await token(ledger, { as: wrong(client), from: '2001:db8:1:2::' })).status, 429)
  t.is((await token(ledger, { as: wrong(client), from: '2001:db8:1:3::1' })).status, 401)
})

test('an address that anybody writes into X-Forwarded-For is no other address, unless a trusted proxy did', async (t) => {
  const ledger = await startLedger(t)
  const client = await ledger.client()
  const seen = await statuses(23, async () => token(ledger, { as: wrong(client), from: freshAddress() }))
  t.deepEqual(seen, HEARD)
})

test('ten honest failures a minute of each of five probing clients, Basic first and the body next, cost them nothing', async (t) => {
  const ledger = await behindProxy()
  const from = freshAddress()
  for (let n = 0; n < 5; n++) {
    const post = await ledger.client({ token_endpoint_auth_method: 'client_secret_post' })
    for (let probe = 0; probe < 10; probe++) {
      refuses(t, await token(ledger, { as: { ...post, method: 'basic' }, from }), [401, 'invalid_client'])
      t.is((await token(ledger, { as: post, from })).status, 200)
    }
  }
})

test('LEDGER_ADDRESS_FAILURES is how many are heard from one address a minute, whatever clients they name', async (t) => {
  const ledger = await startLedger(t, { settings: { ADDRESS_FAILURES: '30' } })
  const client = await ledger.client()
  let n = 0
  const ask = async () => token(ledger, { as: { client_id: `nobody-${(n += 1)}`, client_secret: 'x' }, from: '' })
  const seen = await statuses(33, ask)
  t.deepEqual([seen.indexOf(429), seen.lastIndexOf(401)], [30, 29])
  t.is((await token(ledger, { as: client, from: '' })).status, 200)
})

test('a client that proves itself leaves nothing in the table, and costs no statement on it', async (t) => {
  const ledger = await startLedger(t)
  const client = await ledger.client()
  // Whoever asked it would be refused.
  await ledger.runtime.knex.raw('DROP TABLE ledger.limits')
  t.is((await token(ledger, { as: client, from: '' })).status, 200)
  t.is((await ledger.post('/oauth2/revoke', { token: 'x' }, { as: client })).status, 200)
  refuses(t, await token(ledger, { as: wrong(client), from: '' }), [503, 'temporarily_unavailable'])
})

test('failed attempts stand in the log, and one line says that the limit is reached', async (t) => {
  const ledger = await behindProxy()
  const [client, from] = [await ledger.client(), freshAddress()]
  const guess = wrong(client)
  await statuses(30, async () => token(ledger, { as: guess, from }))
  const lines = ledger.lines.filter(({ address }) => address === from)
  const told = lines.filter(({ alarm }) => alarm === 'failures_limited')
  t.is(told.length, 1)
  t.like(told[0], { failed: 'client authentication', limit: 'subject', client_id: client.client_id })
  const requests = lines.filter(({ msg }) => msg === 'request').map(({ status, client_id }) => [status, client_id])
  t.is(requests.filter(([status]) => status === 401).length, 20)
  t.deepEqual([...new Set(requests.map(([, client_id]) => client_id))], [client.client_id])
  t.false(JSON.stringify(ledger.lines).includes(String(guess.client_secret)))
})
