import { randomBytes } from 'node:crypto'
import anyTest, { type ExecutionContext } from 'ava'
import pg from 'pg'
import { OperatorError } from '../../shared/config/operator-error.ts'
import { SESSION } from '../../shared/database/session-settings.ts'
import { startLedger } from '../support/ledger.ts'
import { databaseUrl, realTest } from '../support/real-parts.ts'
import { hasPgbouncer, startPgbouncer } from '../support/start-pgbouncer.ts'

const real = realTest('postgres')
// In CI a missing PgBouncer is a failure, as any missing part is.
const canRun = hasPgbouncer() || process.env['CI'] !== undefined
const skip: typeof real = Object.assign((title: string) => anyTest.skip(title, () => undefined), {
  serial: real.serial,
})
const test = canRun ? real : skip

/** A database of a role of its own, by the server's URL. */
async function databaseOfRole(t: ExecutionContext, alter: (role: string) => string[]): Promise<string> {
  const role = `pooled_${randomBytes(6).toString('hex')}`
  const server = process.env['TEST_DATABASE_URL'] ?? ''
  t.teardown(() => execute(server, [`DROP ROLE ${role}`]))
  const url = new URL(await databaseUrl(t))
  const owned = `ALTER DATABASE ${url.pathname.slice(1)} OWNER TO ${role}`
  await execute(server, [`CREATE ROLE ${role} LOGIN`, owned, ...alter(role)])
  url.username = role
  url.password = ''
  return url.href
}

async function execute(connectionString: string, statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    for (const statement of statements) await client.query(statement)
  } finally {
    await client.end()
  }
}

const SETTINGS = { ...SESSION, statement_timeout: '20s', idle_in_transaction_session_timeout: '5s' }

function asOurs(role: string): string[] {
  const literal = (name: string, value: string) => (name === 'search_path' ? value : `'${value}'`)
  return Object.entries(SETTINGS).map(([name, value]) => `ALTER ROLE ${role} SET ${name} = ${literal(name, value)}`)
}

test('behind PgBouncer in transaction mode the ledger works, whichever session a transaction meets', async (t) => {
  const DATABASE_URL = await startPgbouncer(t, await databaseOfRole(t, asOurs))
  const ledger = await startLedger(t, { settings: { DATABASE_URL, DATABASE_POOLER: 'transaction' } })
  const app = await ledger.client()
  const pairs = await Promise.all(Array.from({ length: 20 }, () => ledger.grant({ to: app })))
  const refresh = (refresh_token: string) =>
    ledger.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, { as: app })
  const answers = await Promise.all(
    pairs.flatMap(({ refresh_token }) => [refresh(refresh_token), refresh(refresh_token)]),
  )
  t.deepEqual([...new Set(answers.map(({ status }) => status))], [200])
  t.is(new Set(answers.map(({ body }) => body['access_token'])).size, pairs.length)
  const [first] = answers
  const access_token = String(first?.body['access_token'])
  t.true(await ledger.isActive(access_token))
  t.is((await ledger.post('/oauth2/revoke', { token: access_token }, { as: app })).status, 200)
  t.false(await ledger.isActive(access_token))
  const guess = async () => ledger.post('/oauth2/revoke', { token: 'x' }, { as: { ...app, client_secret: 'x' } })
  const guessed = await Promise.all(Array.from({ length: 25 }, guess))
  t.is(guessed.filter(({ status }) => status === 401).length, 20)
  t.is(guessed.filter(({ status }) => status === 429).length, 5)
})

test('a pooler that the settings say nothing of is named at the start', async (t) => {
  const DATABASE_URL = await startPgbouncer(t, await databaseOfRole(t, asOurs))
  const error = await t.throwsAsync(startLedger(t, { settings: { DATABASE_URL } }), { instanceOf: OperatorError })
  t.regex(error.message, /unsupported startup parameter.*LEDGER_DATABASE_POOLER/)
})

test('a role without our settings is refused behind a pooler, by the name of each', async (t) => {
  const DATABASE_URL = await startPgbouncer(t, await databaseOfRole(t, () => []))
  const settings = { DATABASE_URL, DATABASE_POOLER: 'transaction' }
  const error = await t.throwsAsync(startLedger(t, { settings }), { instanceOf: OperatorError })
  for (const name of ['search_path', 'row_security', 'statement_timeout', 'idle_in_transaction_session_timeout'])
    t.true(error.message.includes(`${name} is `), name)
  t.regex(error.message, /ALTER ROLE/)
})
