import { randomBytes } from 'node:crypto'
import knexFactory from 'knex'
import { verify } from '../../services/audit/verify/verify.ts'
import { databaseProblems, SESSION } from '../../shared/database/session-settings.ts'
import { openEmbedded, openPostgres } from '../../shared/database/open-database.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import type { Credentials } from '../support/requests.ts'
import { databaseUrl, loginRole, onServer, realTest } from '../support/real-parts.ts'

// One after the other: each makes a database of its own, which loads the server that the others' sessions need.
const test = realTest('postgres').serial

/** What an operator, or another product in the same database, may have set. */
const HOSTILE: Record<keyof typeof SESSION, string> = {
  default_transaction_isolation: 'serializable',
  default_transaction_read_only: 'on',
  default_transaction_deferrable: 'on',
  synchronous_commit: 'off',
  search_path: 'nowhere',
  row_security: 'on',
  lock_timeout: '1',
  idle_session_timeout: '1',
  client_encoding: 'LATIN1',
  standard_conforming_strings: 'off',
  array_nulls: 'off',
  bytea_output: 'escape',
  DateStyle: 'German',
  IntervalStyle: 'sql_standard',
  TimeZone: 'Asia/Kathmandu',
  extra_float_digits: '-15',
}

test('whatever the database sets for its sessions, a ledger runs in it as in any other', async (t) => {
  const url = await databaseUrl(t)
  for (const [name, value] of Object.entries({ ...HOSTILE, statement_timeout: '1' }))
    await onServer(`ALTER DATABASE ${nameOf(url)} SET ${name} = '${value}'`)
  const ledger = await startLedger(t, { settings: { DATABASE_URL: url } })
  t.deepEqual(await databaseProblems(ledger.runtime.knex), [])
  const sub = await ledger.user({
    personal: { username: `Zoë ${randomBytes(6).toString('hex')}`, name: '名前', email: null },
  })
  const client = await ledger.client()
  const pair = await ledger.grant({ to: client, sub })
  const answers = await Promise.all(Array.from({ length: 20 }, () => refreshed(ledger, client, pair.refresh_token)))
  t.deepEqual([...new Set(answers)], [200])
  t.true((await verify(ledger.runtime)).equal)
})

test('every setting that keeps from arriving is named', async (t) => {
  const url = await databaseUrl(t)
  for (const [name, value] of Object.entries(HOSTILE))
    if (name !== 'lock_timeout' && name !== 'idle_session_timeout')
      await onServer(`ALTER DATABASE ${nameOf(url)} SET ${name} = '${value}'`)
  // As behind a pooler that drops what a connection asks for.
  const knex = knexFactory({ client: 'pg', connection: url })
  t.teardown(() => knex.destroy())
  const problems = await databaseProblems(knex)
  const named = problems.map((problem) => /^the database: (\S+) is .+, must be .+$/.exec(problem)?.[1])
  const arriving = ['lock_timeout', 'idle_session_timeout', 'client_encoding']
  t.deepEqual(
    named.sort(),
    Object.keys(SESSION)
      .filter((name) => !arriving.includes(name))
      .sort(),
  )
})

test('a database that cannot hold every name is refused before anything is made in it', async (t) => {
  const url = await databaseUrl(t, `ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`)
  const error = await t.throwsAsync(startLedger(t, { settings: { DATABASE_URL: url } }))
  t.regex(error.message, /the database: server_encoding is LATIN1, must be UTF8/)
  const knex = openPostgres({ connectionString: url }, { pool: 1, queryTimeoutMs: 5_000 })
  t.teardown(() => knex.destroy())
  const { rows } = await knex.raw<{ rows: unknown[] }>(`SELECT 1 FROM pg_namespace WHERE nspname = 'ledger'`)
  t.deepEqual(rows, [])
})

test('a session in which the log would not be append-only serves nothing', async (t) => {
  const ledger = await startLedger(t, { services: ['token-check'] })
  await onServer(`ALTER DATABASE ${nameOf(ledger.settings.DATABASE_URL)} SET session_replication_role = 'replica'`)
  const error = await t.throwsAsync(startLedger(t, { beside: ledger }))
  t.regex(error.message, /the database: session_replication_role is replica, must be origin/)
})

test('a policy that hides records from a role is an error, not a log with holes', async (t) => {
  const url = await databaseUrl(t)
  await startLedger(t, { services: ['token-check'], settings: { DATABASE_URL: url } })
  const role = await loginRole(t, url)
  await onServer(
    `GRANT USAGE ON SCHEMA ledger TO ${role.name}; GRANT SELECT ON ALL TABLES IN SCHEMA ledger TO ${role.name};
     ALTER TABLE ledger.log_records ENABLE ROW LEVEL SECURITY;
     CREATE POLICY later ON ledger.log_records USING ("offset" > 0)`,
    url,
  )
  const knex = openPostgres({ connectionString: role.url }, { pool: 1, queryTimeoutMs: 20_000 })
  t.teardown(() => knex.destroy())
  const denied = { code: '42501', message: /row-level security/ }
  await t.throwsAsync(async () => void (await knex.raw('SELECT 1 FROM ledger.log_records')), denied)
})

test('the embedded database is sound by the same list', async (t) => {
  const { knex, close } = await openEmbedded(null)
  t.teardown(close)
  t.deepEqual(await databaseProblems(knex), [])
})

async function refreshed(ledger: TestLedger, client: Credentials, refresh_token: string): Promise<number> {
  const { status } = await ledger.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, { as: client })
  return status
}

function nameOf(url = ''): string {
  return new URL(url).pathname.slice(1)
}
