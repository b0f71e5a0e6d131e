import { realTest } from '../../support/real-parts.ts'
import { until } from '../../support/waiting.ts'
import { type Ledger, startLedger } from '../ledger.ts'
import { ADA, NAMES, putNew, seedNames } from './person.ts'

const test = realTest('postgres')

/** A ledger whose database does this with whoever is called Ada. */
async function startWith(t: Parameters<typeof startLedger>[0], sql: (schema: string) => string = () => 'SELECT') {
  seedNames()
  const settings = { APPEND_TIMEOUT: '2', REFRESH_GRACE_PUBLIC: '4', MAX_LAG: '60' }
  const ledger = await startLedger(t, { settings })
  await putNew(ledger, { username: 'Grace', email: ADA.email }, 'grace')
  await ledger.runtime.knex.raw(sql(ledger.runtime.schema))
  return ledger
}

const trigger = (table: string, body: string) => `
  CREATE FUNCTION public.strange() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body}; RETURN NEW; END $$;
  CREATE TRIGGER strange BEFORE INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION public.strange()`

/** What PostgreSQL says of a row, each time in another way: in the log, by the word that is left of it. */
const SAID: [left: RegExp, sql: (schema: string) => string][] = [
  [/SQLSTATE 23505/, (schema) => `CREATE UNIQUE INDEX strange ON ${schema}.users (email)`],
  [/SQLSTATE 23514/, (schema) => `ALTER TABLE ${schema}.users ADD CHECK (name <> '${ADA.name}')`],
  [/SQLSTATE 22P02/, (schema) => `CREATE INDEX strange ON ${schema}.users ((name::int)) WHERE sub <> 'grace'`],
  [/57014/, (schema) => trigger(`${schema}.users`, 'PERFORM pg_sleep(5)')],
  // Its last word may come before the end of the connection, or be lost with it.
  [
    /57P01|Connection terminated/,
    (schema) => trigger(`${schema}.users`, 'PERFORM pg_terminate_backend(pg_backend_pid())'),
  ],
]

for (const [left, sql] of SAID)
  test(`traps-running 21: a user that cannot be folded is 503, and ${left.source} in the log without a name`, async (t) => {
    const ledger = await startWith(t, sql)
    const { status, body } = await putNew(ledger)
    t.is(status, 503)
    await until(() => left.test(JSON.stringify(ledger.lines)), left.source)
    t.notRegex(JSON.stringify([body, ledger.lines]), NAMES)
  })

test('traps-running 21: a bug whose error quotes a row is 500, and in the log without a name', async (t) => {
  const raising = `RAISE 'invalid input syntax: "${ADA.name}"' USING ERRCODE = '22P02', DETAIL = '${ADA.email}'`
  const ledger = await startWith(t, () => trigger('ledger.persons', raising))
  const { status, body } = await putNew(ledger)
  t.deepEqual([status, body['error']], [500, 'server_error'])
  t.regex(JSON.stringify(ledger.lines.find(({ msg }) => msg === 'bug')), /SQLSTATE 22P02/)
  t.notRegex(JSON.stringify([body, ledger.lines]), NAMES)
})

const deep = (depth: number) => `${'{"name":'.repeat(depth)}"${ADA.name}"${'}'.repeat(depth)}`

/** Bodies with a name in them, each wrong in its own way; `told`: what its sender is told. */
const BODIES: { status: number; told: RegExp; body: unknown; type?: string }[] = [
  { status: 400, told: /is not JSON/, body: `{"username": "${ADA.username}", ${ADA.name}}` },
  { status: 400, told: /content type/, body: JSON.stringify(ADA), type: 'text/plain' },
  { status: 413, told: /larger than 64kb/, body: JSON.stringify({ ...ADA, name: ADA.name.repeat(6_000) }) },
  { status: 400, told: /"?name"?/, body: deep(5_000) },
  { status: 400, told: /name: /, body: { ...ADA, name: ADA.name.repeat(40) } },
  { status: 400, told: /email: must be an address/, body: { ...ADA, email: `${ADA.email} is it` } },
  { status: 400, told: /username: /, body: { ...ADA, username: [ADA.username] } },
  { status: 400, told: /groups/, body: { ...ADA, groups: [ADA.name] } },
  { status: 400, told: /U\+0000/, body: { ...ADA, name: `${ADA.name}\0` } },
]

const puts = ({ send, root: token }: Ledger, body: unknown, headers: Record<string, string> = {}, sub = 'ada') =>
  send('PUT', `/admin/users/${sub}`, { token, body, headers: { 'if-none-match': '*', ...headers } })

test('traps-running 21: what is wrong with a body is told without what stands in it, and not logged', async (t) => {
  const ledger = await startWith(t)
  for (const { status, told, body, type = 'application/json' } of BODIES) {
    const answer = await puts(ledger, body, { 'content-type': type })
    t.is(answer.status, status, String(told))
    t.regex(String(answer.body['error_description']), told)
    t.notRegex(JSON.stringify(answer.body), NAMES, String(told))
  }
  t.notRegex(JSON.stringify(ledger.lines), NAMES)
})

test('traps-running 21: a member that nobody knows is named to its sender alone', async (t) => {
  const ledger = await startWith(t)
  const { status, body } = await puts(ledger, { username: 'ada', [ADA.email]: 1 })
  t.is(status, 400)
  t.regex(String(body['error_description']), NAMES)
  t.notRegex(JSON.stringify(ledger.lines), NAMES)
})

test('traps-running 21: no trace has a name, nor has the line of a request to an address', async (t) => {
  const ledger = await startWith(t)
  const traceparent = `00-${ADA.username}-00f067aa0ba902b7-01`
  const headers = {
    traceparent,
    tracestate: `a=${ADA.username}`,
    baggage: `user=${ADA.email}`,
    'x-request-id': ADA.email,
  }
  t.is((await puts(ledger, ADA, headers)).status, 201)
  for (const path of [
    ADA.email,
    encodeURIComponent(ADA.email),
    `mailto:${ADA.email}`,
    `${'x'.repeat(190)}${ADA.email}`,
  ])
    t.is((await puts(ledger, ADA, {}, path)).status, 400, path)
  t.notRegex(JSON.stringify(await ledger.events()), NAMES)
  t.notRegex(JSON.stringify(ledger.lines), NAMES)
  t.true(ledger.lines.some(({ path }) => path === '/admin/users/...@...'))
})
