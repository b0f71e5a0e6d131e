import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ExecutionContext } from 'ava'
import pg from 'pg'
import { commandLine } from '../support/command-line.ts'
import { realTest } from '../support/real-parts.ts'
import { scratchFolder } from '../support/scratch.ts'
import { startPostgres } from '../support/start-postgres.ts'
import { until } from '../support/waiting.ts'

const test = realTest('postgres')

const PASSWORD = `p/a@s+s%2Fw#o?r d'&:"\\é%ff`
const ROLE = 'led/ger@home'

/** A server that asks this role for its password, where the tests' own asks nobody. */
async function startAsking(t: ExecutionContext): Promise<URL> {
  const server = await startPostgres()
  t.teardown(() => server.stop())
  const client = new pg.Client({ connectionString: server.url })
  await client.connect()
  await client.query(`CREATE ROLE "${ROLE}" LOGIN PASSWORD ${pg.escapeLiteral(PASSWORD)}`)
  await client.query(`CREATE DATABASE "its/own#1" OWNER "${ROLE}"`)
  const { rows } = await client.query<{ hba_file: string }>('SHOW hba_file')
  const file = rows[0]?.hba_file ?? ''
  await writeFile(file, `host all "${ROLE}" all scram-sha-256\n${await readFile(file, 'utf8')}`)
  await client.query('SELECT pg_reload_conf()')
  const loaded = `SELECT 1 FROM pg_hba_file_rules WHERE auth_method = 'scram-sha-256'`
  await until(async () => (await client.query(loaded)).rowCount === 1, 'the rule to be loaded')
  await client.end()
  return new URL(server.url)
}

test('a password of any characters works as it is, and no piece of a wrong one is ever told', async (t) => {
  const { hostname, port } = await startAsking(t)
  const file = join(await scratchFolder('postgres'), 'password')
  await writeFile(file, `${PASSWORD}\n`)
  const env = {
    LEDGER_ISSUER: 'https://ledger.example',
    LEDGER_DATABASE_HOST: hostname,
    LEDGER_DATABASE_PORT: port,
    LEDGER_DATABASE_NAME: 'its/own#1',
    LEDGER_DATABASE_USER: ROLE,
  }
  const ready = await commandLine({ ...env, LEDGER_DATABASE_PASSWORD_FILE: file }, 'migrate')
  t.regex(ready.out, /^ledger [\da-f-]{36} is ready\n$/, ready.err)

  const wrong = await commandLine({ ...env, LEDGER_DATABASE_PASSWORD: '%ffhid/den@%' }, 'migrate')
  t.is(wrong.code, 3)
  t.regex(wrong.err, /password authentication failed/)
  t.notRegex(wrong.err + wrong.out, /hid|den@/)
  const away = await commandLine({ ...env, LEDGER_DATABASE_PORT: '1', LEDGER_DATABASE_PASSWORD: 'hidden' }, 'migrate')
  t.is(away.code, 3)
  t.regex(away.err, /cannot reach LEDGER_DATABASE_HOST \(127\.0\.0\.1:1\): [^\n]*ECONNREFUSED/)
  t.notRegex(away.err, /hidden/)
})
