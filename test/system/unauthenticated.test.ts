import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Knex } from 'knex'
import { flood } from '../support/flood.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { basic, type Credentials } from '../support/requests.ts'

const test = realTest('postgres')
const MANY = 100_000
const MOST_LIMITS = 100_000 + 1_000
/** What the process may hold more after the second half of the requests than after the first. */
const MOST_GROWTH_MB = 16

const random = () => randomBytes(32).toString('base64url')

/** Each of the first has an address of its own; all that follow come from these few, and from where the client is. */
const OWN_ADDRESSES = 4_000
const FEW = 40
const addressOf = (n: number) =>
  n < OWN_ADDRESSES ? `2001:db8:${(n >> 8).toString(16)}:${(n & 255).toString(16)}::1` : `192.0.2.${n % FEW}`

type Kind = (n: number) => string

const post = (path: string, type: string, body: string, authorization = ''): Kind => {
  const lines = ['Host: ledger.example', `Content-Type: ${type}`, `Content-Length: ${body.length}`]
  if (authorization) lines.push(`Authorization: ${authorization}`)
  return (n) => `POST ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\nX-Forwarded-For: ${addressOf(n)}\r\n\r\n${body}`
}
const form = (path: string, body: string, authorization?: string): Kind =>
  post(path, 'application/x-www-form-urlencoded', body, authorization)
const bare =
  (method: string, path: string, header = 'Accept: */*'): Kind =>
  (n) =>
    `${method} ${path} HTTP/1.1\r\nHost: ledger.example\r\n${header}\r\nX-Forwarded-For: ${addressOf(n)}\r\n\r\n`

type Known = { client: Credentials; open: Credentials; token: string }

/** Every kind of request that brings no credentials, or wrong ones. */
function publicKinds({ client, open, token }: Known): Kind[] {
  const [wrong, stolen] = [basic(`${client.client_id}:${random()}`), `token=${token}`]
  const forged = token.slice(0, -8) + 'AAAAAAAA'
  const refresh = `grant_type=refresh_token&refresh_token=${token}`
  const question = JSON.stringify({ token, resource: 'orders' })
  return [
    form('/oauth2/token', 'grant_type=client_credentials', wrong),
    form('/oauth2/token', refresh, wrong),
    form('/oauth2/token', `${refresh}&client_id=${client.client_id}&client_secret=${random()}`),
    form('/oauth2/token', `${refresh}&client_id=${open.client_id}`),
    form('/oauth2/token', `grant_type=refresh_token&refresh_token=${forged}&client_id=${open.client_id}`),
    (n) => form('/oauth2/token', 'grant_type=client_credentials', basic(`nobody-${n}:x`))(n),
    (n) => form('/oauth2/token', `grant_type=password&username=user-${n}&password=x`, wrong)(n),
    form('/oauth2/token', `grant_type=authorization_code&code=${forged}&client_id=${open.client_id}`),
    form('/oauth2/token', 'grant_type=client_credentials'),
    form('/oauth2/token', 'grant_type=client_credentials', 'Basic !!!'),
    form('/invoke/pub.oauth/refreshAccessToken', refresh, wrong),
    form('/invoke/pub.oauth:refreshAccessToken', refresh, wrong),
    (n) => form('/invoke/pub.oauth/getToken', refresh, basic(`nobody-${n}:x`))(n),
    form('/oauth2/revoke', stolen, wrong),
    form('/oauth2/revoke', `${stolen}&client_id=${open.client_id}`),
    (n) => form('/oauth2/revoke', stolen, basic(`nobody-${n}:x`))(n),
    form('/oauth2/introspect', stolen, wrong),
    form('/oauth2/introspect', stolen),
    post('/check', 'application/json', question, wrong),
    post('/check', 'application/json', '{'),
    bare('GET', '/.well-known/oauth-authorization-server'),
    bare('GET', '/oauth2/token'),
    (n) => bare('GET', `/scan/${n}?user=${n}`)(n),
  ]
}

function adminKinds({ token }: Known): Kind[] {
  const forged = `Authorization: Bearer ${token.slice(0, -8)}AAAAAAAA`
  return [
    bare('GET', '/admin/clients'),
    (n) => bare('GET', `/admin/users/user-${n}`, forged)(n),
    bare('GET', '/audit/events', forged),
    post('/admin/clients', 'application/json', '{"client_name":"x"}'),
    post('/admin/users', 'application/json', '{"username":"x"}', 'Bearer x'),
    (n) => post('/admin/grants', 'application/json', `{"client_id":"nobody-${n}"}`, 'Bearer x')(n),
    bare('DELETE', '/admin/clients/nobody', forged),
  ]
}

/** How many rows each table has: of schema ledger and of the read model. */
async function rowsOf({ runtime }: TestLedger): Promise<Record<string, number>> {
  const { knex, schema } = runtime
  const { rows: tables } = await knex.raw<{ rows: { name: string }[] }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('ledger', ?)`,
    [schema],
  )
  const counted = await Promise.all(tables.map(async ({ name }) => [name, await countOf(knex, name)] as const))
  return Object.fromEntries(counted)
}

async function countOf(knex: Knex, table: string): Promise<number> {
  return (await knex.raw<{ rows: { count: number }[] }>(`SELECT count(*) FROM ${table}`)).rows[0]?.count ?? 0
}

/** What this process holds of memory, with nothing in it that is over. */
function megabytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  return process.memoryUsage().heapUsed / 1024 / 1024
}

test('100,000 unauthenticated requests of every kind append nothing, fill no table and no memory, and an honest client is answered meanwhile', async (t) => {
  const ledger = await startLedger(t, { settings: { TRUSTED_PROXIES: '127.0.0.1', LOG_LEVEL: 'error' } })
  await ledger.scope('read', 'orders')
  const client = await ledger.client({ resource_server_folders: ['orders'] })
  const { access_token: token } = await ledger.grant({ to: client })
  const known = { client, open: await ledger.publicClient(), token }
  const [before, end] = [await rowsOf(ledger), await ledger.length()]

  const ports = [
    { to: Number(new URL(ledger.url).port), kinds: publicKinds(known), share: 0.9 },
    { to: Number(new URL(ledger.adminUrl).port), kinds: adminKinds(known), share: 0.1 },
  ]
  const floodHalf = async (half: number) =>
    Promise.all(
      ports.map(({ to, kinds, share }) => {
        const count = Math.round((MANY / 2) * share)
        const request = (n: number) => (kinds[n % kinds.length] ?? bare('GET', '/'))(n + half * count)
        return flood({ to, count, connections: 4, request })
      }),
    )
  let over = false
  const honest = async () => {
    const answers: number[] = []
    const headers = { 'x-forwarded-for': addressOf(OWN_ADDRESSES) }
    while (!over) {
      const { status, body } = await ledger.post('/oauth2/introspect', { token }, { as: client, headers })
      answers.push(body['active'] === true ? status : 0)
    }
    return answers
  }
  const answering = honest()
  const first = await floodHalf(0)
  const midway = megabytes()
  const second = await floodHalf(1)
  over = true
  const answers = await answering

  const statuses = [...first, ...second].flatMap((one) => Object.entries(one))
  t.is(
    statuses.reduce((sum, [, count]) => sum + count, 0),
    MANY,
  )
  t.deepEqual([...new Set(statuses.map(([status]) => status))].sort(), ['200', '400', '401', '404', '405', '429'])
  t.true(answers.length > 20)
  t.deepEqual([...new Set(answers)], [200])
  t.is(await ledger.length(), end)
  const { 'ledger.limits': limits = 0, ...after } = await rowsOf(ledger)
  t.deepEqual({ ...after, 'ledger.limits': 0 }, before)
  t.true(limits > OWN_ADDRESSES && limits <= MOST_LIMITS, String(limits))
  t.true(megabytes() - midway < MOST_GROWTH_MB)
})
