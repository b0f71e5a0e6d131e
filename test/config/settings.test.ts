import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'ava'
import { loadSettings, type SecretsNeed } from '../../shared/config/load-settings.ts'
import { OperatorError } from '../../shared/config/operator-error.ts'
import { CLIENT_VARIABLES, SETTING_NAMES } from '../../shared/config/settings.ts'
import { settingsTable } from '../../shared/config/settings-table.ts'
import { makeCertificates } from '../support/certificates.ts'
import { hasProgram } from '../support/commands.ts'
import { deriveKeys, formatCheckSecrets, parseSecrets } from '../../shared/tokens/keys.ts'

const SECRETS = `1:${randomBytes(32).toString('base64')}`
const CHECK_SECRETS = formatCheckSecrets(deriveKeys(parseSecrets(SECRETS), 'a-ledger'))

const without = {
  LEDGER_ISSUER: 'https://tokens.example',
  LEDGER_DATABASE_URL: 'postgres://ledger:pw@db/ledger',
  LEDGER_KAFKA_BROKERS: 'a:9092, b:9092',
}
const production = { ...without, LEDGER_SECRETS_SYSTEM: SECRETS }

function problemsOf(env: Record<string, string>, need?: SecretsNeed): readonly string[] {
  try {
    loadSettings(env, need)
    return []
  } catch (error) {
    if (error instanceof OperatorError) return error.problems
    throw error
  }
}

test('without any setting it is dev mode: loopback, plain HTTP, nothing required', (t) => {
  const settings = loadSettings({ PATH: '/bin', HOME: '/' })
  t.true(settings.dev)
  t.is(settings.ISSUER, 'http://127.0.0.1:4444')
  t.deepEqual([settings.SERVE_PUBLIC_HOST, settings.SERVE_ADMIN_HOST], ['127.0.0.1', '127.0.0.1'])
  t.false(settings.REQUIRE_HTTPS)
})

test('a production set-up is read into numbers, lists and secrets', (t) => {
  const settings = loadSettings({ ...production, LEDGER_APPEND_TIMEOUT: '2.5', LEDGER_REFRESH_TOKEN_LIFETIME: 'never' })
  t.false(settings.dev)
  t.true(settings.REQUIRE_HTTPS)
  t.is(settings.SERVE_PUBLIC_HOST, '0.0.0.0')
  t.deepEqual(settings.KAFKA_BROKERS, ['a:9092', 'b:9092'])
  t.is(settings.APPEND_TIMEOUT, 2.5)
  t.is(settings.REFRESH_TOKEN_LIFETIME, null)
  t.is(settings.SECRETS_SYSTEM?.[0]?.kid, 1)
  t.deepEqual(settings.TRUSTED_PROXIES, [])
})

test('a database alone leaves dev mode, brokers alone are an error', (t) => {
  const { LEDGER_KAFKA_BROKERS, ...database } = production
  t.false(loadSettings(database).dev)
  const problems = problemsOf({ LEDGER_KAFKA_BROKERS, LEDGER_ISSUER: 'https://a', LEDGER_SECRETS_SYSTEM: SECRETS })
  t.deepEqual(problems, [
    'LEDGER_KAFKA_BROKERS needs LEDGER_DATABASE_URL or LEDGER_DATABASE_HOST: the read model is in PostgreSQL',
  ])
})

const { LEDGER_DATABASE_URL, ...elsewhere } = production
const parts = { LEDGER_DATABASE_HOST: 'db', LEDGER_DATABASE_NAME: 'ledger', LEDGER_DATABASE_USER: 'ledger' }

test('the database may be given in parts, with a password of any characters, and leaves dev mode', (t) => {
  const settings = loadSettings({ ...elsewhere, ...parts, LEDGER_DATABASE_PASSWORD: 'a/b@c+d%e#f' })
  t.false(settings.dev)
  t.is(settings.DATABASE_PASSWORD, 'a/b@c+d%e#f')
  t.is(settings.DATABASE_PORT, 5432)
  t.false(loadSettings({ ...elsewhere, ...parts, LEDGER_KAFKA_BROKERS: '' }).dev)
})

test('a database that is given twice or in part is refused by the names of the settings', (t) => {
  const both = (name: string) =>
    `LEDGER_DATABASE_URL and LEDGER_DATABASE_${name} are both set: one says where the database is`
  t.deepEqual(problemsOf({ ...production, ...parts }), [both('HOST'), both('NAME'), both('USER')])
  for (const name of ['PORT', 'PASSWORD'])
    t.deepEqual(problemsOf({ ...elsewhere, LEDGER_DATABASE_URL, [`LEDGER_DATABASE_${name}`]: '1' }), [both(name)])
  for (const name of ['HOST', 'NAME', 'USER'])
    t.regex(
      problemsOf({
        ...elsewhere,
        ...parts,
        LEDGER_DATABASE_PASSWORD: 'hidden',
        [`LEDGER_DATABASE_${name}`]: '',
      }).join(),
      new RegExp(`LEDGER_DATABASE_${name} is missing beside .*LEDGER_DATABASE_PASSWORD`),
    )
})

test('a URL whose password is not encoded is refused, before a piece of it is taken for a host, a port or a path', (t) => {
  for (const password of [
    '12/hidden',
    '5#hidden',
    '5?hidden',
    'hid/den',
    'hid#den',
    'hid?den',
    'hid%ffden',
    '%hidden',
    '1/hid@den',
  ])
    t.regex(
      problemsOf({ ...production, LEDGER_DATABASE_URL: `postgres://ledger:${password}@db/ledger` }).join(';'),
      /^LEDGER_DATABASE_URL (must be a postgres:\/\/ URL, in which|has) a password[^;]*encoded(: LEDGER_DATABASE_PASSWORD takes one as it is)?$/,
      password,
    )
  for (const url of [
    'postgres://a:h%40%2F%25@db:1/x?sslmode=require',
    'postgres://a:b+c@d@db/x',
    'postgres:///x?host=/run',
  ])
    t.deepEqual(problemsOf({ ...production, LEDGER_DATABASE_URL: url }), [], url)
})

test('all problems are told at once, and no value among them', (t) => {
  const problems = problemsOf({
    LEDGER_DATABASE_URL: 'mysql://hidden',
    LEDGER_KAFKA_BROKERS: 'hidden',
    LEDGER_SECRETS_SYSTEM: '1:hidden',
    LEDGER_ISSUER: 'https://a/?hidden',
    LEDGER_MAX_LAG: 'hidden',
    LEDGER_SERVE_PUBLIC_PORT: '65536',
    LEDGER_KAFKA_SASL_USERNAME: 'hidden',
  })
  const named = ['DATABASE_URL', 'KAFKA_BROKERS', 'SECRETS_SYSTEM', 'ISSUER', 'MAX_LAG', 'SERVE_PUBLIC_PORT']
  for (const name of [...named, 'KAFKA_SASL_MECHANISM', 'KAFKA_SASL_PASSWORD'])
    t.true(
      problems.some((problem) => problem.startsWith(`LEDGER_${name} `)),
      name,
    )
  t.is(problems.length, 8)
  t.false(problems.join().includes('hidden'))
})

test('every form of a bad value is refused by the name of its setting', (t) => {
  const bad: Record<string, string[]> = {
    SERVICE_DOCUMENTATION: ['docs', 'javascript:alert(1)', 'https://a"b'],
    ISSUER: ['ftp://a', 'https://a/', 'https://a#x', 'https://me@a', 'a', 'http://a'],
    REQUIRE_HTTPS: ['yes', '1'],
    SERVE_ADMIN_PORT: ['-1', '4445.5', 'x'],
    ACCESS_TOKEN_LIFETIME: ['0', '1.5', '-1', '99999999999', 'Never'],
    REFRESH_GRACE_PUBLIC: ['301', '-1', '1.5'],
    APPEND_TIMEOUT: ['0', '61', '1e1', '5s'],
    KAFKA_BROKERS: ['a', 'a:', 'a:9092,', 'a:9092;b:9092'],
    KAFKA_SSL: ['yes', '/does/not/exist.pem'],
    KAFKA_TOPIC_PREFIX: ['a b', 'a/b'],
    READ_MODEL: ['ledger', 'public', 'pg_x', 'Ledger', 'a-b', '1a'],
    PAGES_TITLE: ['two\nlines', 'x'.repeat(61)],
    PAGES_ACCENT: ['blue', '#fff', '#ffcc00', '#3866d6;'],
    PAGES_ACCENT_DARK: ['#102040'],
    PAGES_LOGO: ['/does/not/exist.png', import.meta.filename],
    PAGES_TEXTS: ['/does/not/exist.json', import.meta.filename],
    UPSTREAM_PROVIDERS: ['/does/not/exist.json', import.meta.filename],
    TRUSTED_PROXIES: ['anybody', '10.0.0.0/33', '10.0.0.1,,'],
    DATABASE_URL: ['mysql://a/b', 'x', 'postgres://a:1/b@c/d'],
    LOG_LEVEL: ['verbose'],
    SECRETS_CHECK: [SECRETS],
  }
  for (const [name, values] of Object.entries(bad))
    for (const value of values) {
      const problems = problemsOf({ ...production, [`LEDGER_${name}`]: value })
      t.true(
        problems.length === 1 && problems[0]?.startsWith(`LEDGER_${name} `),
        `${name}=${value}: ${problems.join()}`,
      )
    }
})

test('traps-people 8: an issuer has one spelling: what else it is called is refused with its reason', (t) => {
  const table: [string, RegExp | null][] = [
    ['https://tokens.example', null],
    ['https://tokens.example:8443', null],
    ['https://tokens.example/tenants/one', null],
    ['https://tokens.example/a.b/~c_d-1', null],
    ['https://[2001:db8::1]/x', null],
    ['https://tokens.example/', /must not end with a slash/],
    ['https://tokens.example/one/', /must not end with a slash/],
    ['https://tokens.example//', /must not end with a slash/],
    ['https://tokens.example?', /must have no query and no fragment/],
    ['https://tokens.example/?a=1', /must have no query and no fragment/],
    ['https://tokens.example/one#', /must have no query and no fragment/],
    ['https://me:pw@tokens.example', /must have no user/],
    ['https://@tokens.example', /must have no user/],
    ['https://Tokens.example', /must be spelled as URLs are normalized/],
    ['HTTPS://tokens.example', /must be spelled as URLs are normalized/],
    ['https://tokens.example:443', /must be spelled as URLs are normalized/],
    ['https://b\u00fccher.example', /must be spelled as URLs are normalized/],
    ['https://tokens.example/a/../b', /must be spelled as URLs are normalized/],
    ['https:\\\\tokens.example', /must be an http\(s\) URL/],
    ['https://tokens.example/a//b', /may have a path of letters/],
    ['https://tokens.example/:tenant', /may have a path of letters/],
    ['https://tokens.example/a%20b', /may have a path of letters/],
    ['https://tokens.example/a b', /may have a path of letters/],
    ['https://tokens.example/*', /may have a path of letters/],
    ['tokens.example', /must be an http\(s\) URL/],
    ['ftp://tokens.example', /must be an http\(s\) URL/],
    ['https://', /must be an http\(s\) URL/],
  ]
  for (const [issuer, problem] of table) {
    const problems = problemsOf({ ...production, LEDGER_ISSUER: issuer })
    t.is(problems.length, problem ? 1 : 0, `${issuer}: ${problems.join()}`)
    if (problem) t.regex(problems[0] ?? '', problem, issuer)
  }
})

test('a name that is no setting is a problem, with the nearest name', (t) => {
  t.deepEqual(problemsOf({ LEDGER_ISSUR: 'x', LEDGER_SOMETHING_ELSE_ALTOGETHER: 'x' }), [
    'LEDGER_ISSUR is not a setting; did you mean LEDGER_ISSUER?',
    'LEDGER_SOMETHING_ELSE_ALTOGETHER is not a setting',
  ])
})

test('the variables of the command line and those that Kubernetes injects are no problem', (t) => {
  const client = { LEDGER_URL: 'x', LEDGER_ADMIN_URL: 'x', LEDGER_CLIENT_ID: 'x', LEDGER_CLIENT_SECRET: 'x' }
  const injected = {
    LEDGER_PORT: 'tcp://10.0.0.1:4444',
    LEDGER_SERVICE_HOST: '10.0.0.1',
    LEDGER_SERVICE_PORT_HTTP: '4444',
    LEDGER_PORT_4444_TCP_ADDR: '10.0.0.1',
  }
  t.deepEqual(problemsOf({ ...client, ...injected }), [])
})

test('an empty variable counts as unset', (t) => {
  t.true(loadSettings({ LEDGER_DATABASE_URL: '', LEDGER_LOG_LEVEL: '', LEDGER_SECRETS_SYSTEM_FILE: '' }).dev)
})

test('a secret can be read from a file; unreadable, empty or given twice is a problem', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'settings-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const full = join(folder, 'secrets')
  const empty = join(folder, 'empty')
  await writeFile(full, `${SECRETS}\n`)
  await writeFile(empty, '\n')
  t.is(loadSettings({ ...without, LEDGER_SECRETS_SYSTEM_FILE: full }).SECRETS_SYSTEM?.length, 1)
  t.deepEqual(problemsOf({ ...without, LEDGER_SECRETS_SYSTEM_FILE: empty }), [
    `LEDGER_SECRETS_SYSTEM_FILE: ${empty} is an empty file`,
  ])
  t.regex(problemsOf({ ...production, LEDGER_SECRETS_SYSTEM_FILE: full }).join(), /are both set/)
  t.regex(problemsOf({ ...production, LEDGER_ISSUER_FILE: full }).join(), /LEDGER_ISSUER_FILE is not a setting/)
})

test('a file that cannot be read is one problem, whatever else needs what stands in it', (t) => {
  const why = '/nope cannot be read: no such file or directory'
  const bootstrap = {
    LEDGER_BOOTSTRAP_CLIENT_ID: 'root',
    LEDGER_BOOTSTRAP_CLIENT_SECRET: randomBytes(32).toString('base64url'),
  }
  const sasl = { LEDGER_KAFKA_SASL_MECHANISM: 'plain', LEDGER_KAFKA_SASL_USERNAME: 'ledger' }
  for (const [name, env] of [
    ['LEDGER_SECRETS_SYSTEM', { ...without, ...bootstrap }],
    ['LEDGER_DATABASE_URL', { ...production, LEDGER_DATABASE_URL: '', LEDGER_SERVE_PUBLIC_HOST: '0.0.0.0' }],
    ['LEDGER_KAFKA_SASL_PASSWORD', { ...production, ...sasl }],
  ] as const)
    t.deepEqual(problemsOf({ ...env, [`${name}_FILE`]: '/nope' }), [`${name}_FILE: ${why}`])
})

test('a port that is none is one problem, and makes no second one of the issuer', (t) => {
  t.deepEqual(problemsOf({ LEDGER_SERVE_PUBLIC_PORT: '80 80' }), ['LEDGER_SERVE_PUBLIC_PORT must be a whole number'])
})

test('the CAs of Kafka are read from their file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'settings-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'ca.pem'), 'PEM')
  t.deepEqual(loadSettings({ ...production, LEDGER_KAFKA_SSL: join(folder, 'ca.pem') }).KAFKA_SSL, { ca: 'PEM' })
  t.true(loadSettings({ ...production, LEDGER_KAFKA_SSL: 'true' }).KAFKA_SSL)
})

const withOpenssl = hasProgram('openssl') ? test : test.skip

withOpenssl('our certificate at Kafka is read with its key, and with nothing that does not belong to it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'settings-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await makeCertificates(folder)
  const file = (name: string) => join(folder, name)
  const mutual = {
    ...production,
    LEDGER_KAFKA_SSL: file('ca.pem'),
    LEDGER_KAFKA_SSL_CERTIFICATE: file('client.pem'),
    LEDGER_KAFKA_SSL_KEY_FILE: file('client.key'),
  }
  const settings = loadSettings(mutual)
  t.regex(settings.KAFKA_SSL_CERTIFICATE ?? '', /BEGIN CERTIFICATE/)
  t.regex(settings.KAFKA_SSL_KEY ?? '', /BEGIN PRIVATE KEY/)
  const wrong: [Record<string, string>, string][] = [
    [{ LEDGER_KAFKA_SSL: 'false' }, 'LEDGER_KAFKA_SSL_CERTIFICATE needs LEDGER_KAFKA_SSL: '],
    [{ LEDGER_KAFKA_SSL_KEY_FILE: '' }, 'LEDGER_KAFKA_SSL_KEY is missing beside LEDGER_KAFKA_SSL_CERTIFICATE'],
    [{ LEDGER_KAFKA_SSL_KEY_FILE: file('broker.key') }, 'LEDGER_KAFKA_SSL_KEY is not the key of the certificate'],
    [{ LEDGER_KAFKA_SSL_KEY_FILE: file('ca.pem') }, 'LEDGER_KAFKA_SSL_KEY must be a private key in PEM form'],
    [{ LEDGER_KAFKA_SSL_CERTIFICATE: file('client.key') }, 'LEDGER_KAFKA_SSL_CERTIFICATE must be the path of'],
  ]
  for (const [over, problem] of wrong) {
    const problems = problemsOf({ ...mutual, ...over })
    t.true(problems.length === 1 && problems[0]?.startsWith(problem), problems.join())
  }
})

test('secrets are required outside dev mode: the system secrets, or the check secrets where they are enough', (t) => {
  const check = { ...without, LEDGER_SECRETS_CHECK: CHECK_SECRETS }
  t.regex(problemsOf(without).join(), /^LEDGER_SECRETS_SYSTEM is required/)
  t.regex(problemsOf(check).join(), /^LEDGER_SECRETS_SYSTEM is required/)
  t.regex(problemsOf(without, 'check').join(), /^LEDGER_SECRETS_CHECK or LEDGER_SECRETS_SYSTEM is required/)
  t.deepEqual(problemsOf(check, 'check'), [])
  t.deepEqual(problemsOf(production, 'check'), [])
  t.deepEqual(problemsOf(without, 'none'), [])
})

test('dev mode never listens beyond loopback', (t) => {
  t.regex(problemsOf({ LEDGER_SERVE_PUBLIC_HOST: '0.0.0.0' }).join(), /^LEDGER_SERVE_PUBLIC_HOST must be a loopback/)
  t.regex(problemsOf({ LEDGER_SERVE_ADMIN_HOST: '10.0.0.1' }).join(), /^LEDGER_SERVE_ADMIN_HOST must be a loopback/)
  t.deepEqual(problemsOf({ ...production, LEDGER_SERVE_ADMIN_HOST: '0.0.0.0' }), [])
})

test('the bootstrap client needs both its id and a secret that cannot be guessed', (t) => {
  const id = { LEDGER_BOOTSTRAP_CLIENT_ID: 'root' }
  t.regex(problemsOf(id).join(), /^LEDGER_BOOTSTRAP_CLIENT_SECRET is missing/)
  t.regex(
    problemsOf({ ...id, LEDGER_BOOTSTRAP_CLIENT_SECRET: 'changeme' }).join(),
    /^LEDGER_BOOTSTRAP_CLIENT_SECRET must/,
  )
  t.deepEqual(problemsOf({ ...id, LEDGER_BOOTSTRAP_CLIENT_SECRET: randomBytes(32).toString('base64url') }), [])
})

test('an accent that is too dark for a dark background is refused, until there is another one for that', (t) => {
  const dark = { ...production, LEDGER_PAGES_ACCENT: '#102040' }
  t.deepEqual(problemsOf(dark), [
    'LEDGER_PAGES_ACCENT has a contrast of 1.1:1 on the dark background, and WCAG 2.2 AA asks for 3:1: take a lighter one as LEDGER_PAGES_ACCENT_DARK',
  ])
  t.deepEqual(problemsOf({ ...dark, LEDGER_PAGES_ACCENT_DARK: '#8fb4ff' }), [])
})

test('a file of texts that cannot be used is refused by its path, with everything that is wrong in it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'texts-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'de.json')
  await writeFile(file, '{"login_titel": "Anmelden", "consent_asks": "Zugriff?"}')
  t.deepEqual(problemsOf({ ...production, LEDGER_PAGES_TEXTS: file }), [
    `LEDGER_PAGES_TEXTS names ${file}: there is no text "login_titel"; consent_asks lacks {client}`,
  ])
  await writeFile(file, '{"language": "de", "login_title": "Anmelden"}')
  t.is(loadSettings({ ...production, LEDGER_PAGES_TEXTS: file }).PAGES_TEXTS?.login_title, 'Anmelden')
})

test('the settings table has a described row for each setting, and a default that is accepted', (t) => {
  const rows = settingsTable().trim().split('\n').slice(2)
  t.is(rows.length, SETTING_NAMES.length + Object.keys(CLIENT_VARIABLES).length)
  for (const name of SETTING_NAMES) {
    const cells = rows.find((row) => row.startsWith(`| \`LEDGER_${name}\``))?.split(' | ')
    t.true((cells?.[2]?.length ?? 0) > 8, name)
    const shown = /^`([^`]+)`/.exec(cells?.[1] ?? '')?.[1]
    const others = name === 'DATABASE_PORT' ? { ...elsewhere, ...parts } : production
    if (shown) t.deepEqual(problemsOf({ ...others, [`LEDGER_${name}`]: shown }), [], name)
  }
})

test('a grace that is shorter than any retry after an outage of ours is refused, but none at all is not', (t) => {
  const load = (grace: Record<string, string>) => loadSettings({ ...production, LEDGER_APPEND_TIMEOUT: '5', ...grace })
  for (const name of ['LEDGER_REFRESH_GRACE_CONFIDENTIAL', 'LEDGER_REFRESH_GRACE_PUBLIC']) {
    for (const grace of ['0', '7', '300']) t.notThrows(() => load({ [name]: grace }), grace)
    for (const grace of ['1', '5', '6'])
      t.throws(() => load({ [name]: grace }), { message: new RegExp(`${name} must be 0, or 7 or more`) }, grace)
  }
  const slow = { LEDGER_APPEND_TIMEOUT: '20' }
  t.throws(() => load(slow), { message: /LEDGER_REFRESH_GRACE_PUBLIC must be 0, or 22 or more/ }, 'the default too')
})

test('a bootstrap secret that nobody drew at random is refused, whatever its length', (t) => {
  const load = (secret: string) =>
    loadSettings({ ...production, LEDGER_BOOTSTRAP_CLIENT_ID: 'root', LEDGER_BOOTSTRAP_CLIENT_SECRET: secret })
  for (const secret of ['a'.repeat(43), 'ab'.repeat(40), '012345678'.repeat(9)])
    t.throws(() => load(secret), { message: /LEDGER_BOOTSTRAP_CLIENT_SECRET must be random/ })
  t.notThrows(() => load(randomBytes(32).toString('base64url')))
  t.notThrows(() => load(randomBytes(32).toString('hex')))
})
