import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ava from 'ava'
import kafkajs from 'kafkajs'
import pg from 'pg'
import { loadSettings } from '../../shared/config/load-settings.ts'
import { takeFolder } from '../../shared/database/folder-lock.ts'
import { createLogger } from '../../shared/process/logger.ts'
import { openParts } from '../../shared/process/open-parts.ts'
import { deriveKeys, formatCheckSecrets, parseSecrets } from '../../shared/tokens/keys.ts'
import { startProcess, tokenLedger } from '../support/ledger-process.ts'
import { startLedger } from '../support/ledger.ts'
import { createRequests } from '../support/requests.ts'
import { databaseUrl, freshPrefix, kafkaBrokers, realTest } from '../support/real-parts.ts'

const test = realTest('postgres')
const kafkaTest = realTest('kafka', 'postgres')

const secrets = (kid: number) => `${kid}:${randomBytes(32).toString('base64')}`
const SERVED = {
  LEDGER_ISSUER: 'https://ledger.example',
  LEDGER_SERVE_PUBLIC_PORT: '0',
  LEDGER_SERVE_ADMIN_PORT: '0',
  LEDGER_LOG_LEVEL: 'error',
  LEDGER_TRUSTED_PROXIES: 'loopback',
}

/** What a command that must fail printed on stderr, with its exit code in front. */
async function failure(env: Record<string, string>, ...args: string[]): Promise<string> {
  try {
    await tokenLedger(env, ...args)
  } catch (error) {
    return String(error)
  }
  throw new Error(`token-ledger ${args.join(' ')} succeeded`)
}

ava('a bad configuration is refused with all of its problems at once, and exit code 1', async (t) => {
  const message = await failure(
    {
      LEDGER_KAFKA_BROKERS: 'kafka',
      LEDGER_APPEND_TIMEOUT: 'soon',
      LEDGER_MAX_LOG: '5',
      LEDGER_SECRETS_SYSTEM: '1:c2hvcnQ=',
    },
    'serve',
    'all',
  )
  t.regex(message, /ended with 1/)
  for (const name of ['KAFKA_BROKERS', 'DATABASE_URL', 'APPEND_TIMEOUT', 'MAX_LOG', 'SECRETS_SYSTEM', 'ISSUER'])
    t.true(message.includes(`LEDGER_${name}`), name)
  t.false(message.includes('c2hvcnQ='), 'no secret is shown')
})

ava('a file, a folder and a port that cannot be used are told in one line with setting, path and reason', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ledger-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'file')
  await writeFile(file, '')
  const missing = { LEDGER_SECRETS_SYSTEM_FILE: join(folder, 'none'), LEDGER_SERVE_PUBLIC_PORT: 'x' }
  const message = await failure(missing, 'serve', 'all')
  t.regex(message, /\n {2}LEDGER_SECRETS_SYSTEM_FILE: \S+\/none cannot be read: no such file or directory\n/)
  t.false(message.includes('LEDGER_ISSUER'), 'which is made of the port')

  const dev = { LEDGER_DATA_DIR: file }
  t.regex(await failure(dev, 'serve', 'all'), /ended with 1: LEDGER_DATA_DIR: \S+\/file cannot be used: [^\n]+$/)
  const empty = { LEDGER_DATA_DIR: join(folder, 'empty') }
  t.regex(await failure(empty, 'keys', 'derive', 'check'), /ended with 1: LEDGER_SECRETS_SYSTEM is not set[^\n]*$/)
  const keyed = { ...empty, LEDGER_SECRETS_SYSTEM: secrets(1) }
  t.regex(
    await failure(keyed, 'keys', 'derive', 'check'),
    /ended with 1: LEDGER_DATA_DIR: there is no ledger in [^\n]+$/,
  )
  t.regex(await failure(empty, 'projection', 'rebuild'), /ended with 1: LEDGER_DATA_DIR: there is no ledger in [^\n]+$/)
  t.deepEqual(await readdir(folder), ['file'], 'nothing is left behind')
  t.regex(await failure(dev, 'serve', 'token-check'), /ended with 2: dev mode runs all services[^\n]+$/)
})

ava('a port that could answer nobody is refused at the start', async (t) => {
  const env = { ...SERVED, LEDGER_TRUSTED_PROXIES: '', LEDGER_DATABASE_URL: 'postgres://x@127.0.0.1:1/x' }
  const keyed = { ...env, LEDGER_SECRETS_SYSTEM: secrets(1), LEDGER_SERVE_ADMIN_HOST: '0.0.0.0' }
  const both =
    /ended with 1.*\n {2}LEDGER_REQUIRE_HTTPS needs LEDGER_TLS_CERTIFICATE, or LEDGER_TRUSTED_PROXIES.*the public and the admin port/s
  t.regex(await failure(keyed, 'serve', 'all'), both)
  const projecting = { ...env, LEDGER_SECRETS_SYSTEM: secrets(1) }
  t.regex(await failure(projecting, 'serve', 'projector'), /ended with 3/, 'which has no public port')
})

test('a port that is taken is named, with exit code 1', async (t) => {
  const ledger = await startLedger(t)
  const env = {
    ...SERVED,
    LEDGER_DATABASE_URL: ledger.settings.DATABASE_URL ?? '',
    LEDGER_SECRETS_SYSTEM: ledger.settings.SECRETS_SYSTEM ?? '',
    LEDGER_SERVE_PUBLIC_HOST: '127.0.0.1',
    LEDGER_SERVE_PUBLIC_PORT: new URL(ledger.url).port,
  }
  t.regex(
    await failure(env, 'serve', 'token-endpoint'),
    /ended with 1: LEDGER_SERVE_PUBLIC_PORT: cannot listen on 127\.0\.0\.1:\d+: address already in use$/,
  )
})

ava('an unknown service is wrong usage', async (t) => {
  t.regex(
    await failure({}, 'serve', 'everything'),
    /ended with 2.*token-endpoint, token-check, projector, admin, audit/s,
  )
})

test('a database without a ledger is told to be migrated first', async (t) => {
  const env = { ...SERVED, LEDGER_DATABASE_URL: await databaseUrl(t), LEDGER_SECRETS_SYSTEM: secrets(1) }
  t.regex(await failure(env, 'serve', 'all'), /ended with 1.*run "bin\/token-ledger migrate" first/s)
})

test('a part that cannot be reached is named as that, with exit code 3', async (t) => {
  const env = { ...SERVED, LEDGER_DATABASE_URL: 'postgres://postgres@127.0.0.1:1/x', LEDGER_SECRETS_SYSTEM: secrets(1) }
  const usual: Record<string, string> = { ...env, LEDGER_LOG_LEVEL: '' }
  for (const args of [['migrate'], ['serve', 'token-endpoint'], ['keys', 'derive', 'check']])
    t.regex(
      await failure(usual, ...args),
      /ended with 3: (database: [^\n]+\n)?cannot reach LEDGER_DATABASE_URL \(127\.0\.0\.1:1\): [^\n]*ECONNREFUSED[^\n]*$/,
      args.join(' '),
    )
  const kafka = { ...usual, LEDGER_DATABASE_URL: await databaseUrl(t), LEDGER_KAFKA_BROKERS: '127.0.0.1:1' }
  t.regex(
    await failure(kafka, 'migrate'),
    /ended with 3: database: [^\n]+\nKafka: topics [^\n]+\ncannot reach LEDGER_KAFKA_BROKERS \(127\.0\.0\.1:1\): [^\n]+$/,
  )
})

test('several migrations at once make one ledger', async (t) => {
  const env = { ...SERVED, LEDGER_DATABASE_URL: await databaseUrl(t), LEDGER_SECRETS_SYSTEM: secrets(1) }
  const printed = await Promise.all([1, 2, 3].map(() => tokenLedger(env, 'migrate')))
  t.is(new Set(printed).size, 1)
  t.regex(String(printed[0]), /^ledger [\da-f-]{36} is ready$/)
  t.is(await tokenLedger(env, 'migrate'), String(printed[0]))
})

test('serving is refused when a live grant or a client needs a key that is not there, whatever secrets there are', async (t) => {
  const ledger = await startLedger(t)
  await ledger.grant({ to: await ledger.client() })
  await ledger.stop()
  const common = { ...SERVED, LEDGER_DATABASE_URL: ledger.settings.DATABASE_URL ?? '' }
  const message = await failure({ ...common, LEDGER_SECRETS_SYSTEM: secrets(2) }, 'serve', 'token-endpoint')
  t.regex(
    message,
    /ended with 1.*1 live grants need key 1, and LEDGER_SECRETS_SYSTEM .*"bin\/token-ledger keys status"/s,
  )
  t.regex(message, /the secrets of 1 clients need key 1/)
  const derived = formatCheckSecrets(deriveKeys(parseSecrets(secrets(2)), 'any'))
  const env = { ...common, LEDGER_SECRETS_CHECK: derived }
  const { message: check } = await t.throwsAsync(startProcess(t, { services: ['token-check'], env }))
  t.regex(check, /ended with 1.*1 live grants need key 1, and LEDGER_SECRETS_CHECK has no such kid: put it back/s)
  t.regex(check, /the secrets of 1 clients need key 1/)
})

kafkaTest('a topic with a setting that would lose history stops the start, and the setting is named', async (t) => {
  const prefix = freshPrefix()
  const env = {
    ...SERVED,
    LEDGER_DATABASE_URL: await databaseUrl(t),
    LEDGER_SECRETS_SYSTEM: secrets(1),
    LEDGER_KAFKA_BROKERS: kafkaBrokers().join(','),
    LEDGER_KAFKA_TOPIC_PREFIX: prefix,
  }
  await tokenLedger(env, 'migrate')
  const admin = new kafkajs.Kafka({ brokers: kafkaBrokers(), logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  t.teardown(() => admin.disconnect())
  const configEntries = [{ name: 'retention.ms', value: '604800000' }]
  await admin.alterConfigs({
    validateOnly: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: `${prefix}.grants`, configEntries }],
  })
  const message = await failure(env, 'serve', 'all')
  t.regex(message, /ended with 1/)
  t.true(message.includes(`${prefix}.grants: retention.ms is 604800000`), message)
})

kafkaTest('a database and a log of different ledgers do not serve together', async (t) => {
  const common = { ...SERVED, LEDGER_SECRETS_SYSTEM: secrets(1), LEDGER_KAFKA_BROKERS: kafkaBrokers().join(',') }
  const one = { ...common, LEDGER_DATABASE_URL: await databaseUrl(t), LEDGER_KAFKA_TOPIC_PREFIX: freshPrefix() }
  const other = { ...common, LEDGER_DATABASE_URL: await databaseUrl(t), LEDGER_KAFKA_TOPIC_PREFIX: freshPrefix() }
  await Promise.all([tokenLedger(one, 'migrate'), tokenLedger(other, 'migrate')])
  const mixed = { ...one, LEDGER_KAFKA_TOPIC_PREFIX: other.LEDGER_KAFKA_TOPIC_PREFIX }
  t.regex(await failure(mixed, 'serve', 'all'), /the log belongs to ledger .*, the database to ledger/s)
})

test('token-check runs with the derived subkeys alone, which cannot make a refresh token', async (t) => {
  const ledger = await startLedger(t)
  const env = {
    LEDGER_DATABASE_URL: ledger.settings.DATABASE_URL ?? '',
    LEDGER_SECRETS_SYSTEM: ledger.settings.SECRETS_SYSTEM ?? '',
    LEDGER_ISSUER: 'https://ledger.example',
  }
  const derived = await tokenLedger(env, 'keys', 'derive', 'check')
  const folder = await mkdtemp(join(tmpdir(), 'ledger-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const file = join(folder, 'check.secret')
  const toFile = ['keys', 'derive', 'check', '--out', file]
  t.is(await tokenLedger(env, ...toFile), '')
  t.is((await readFile(file, 'utf8')).trim(), derived)
  t.is((await stat(file)).mode & 0o777, 0o600)
  t.regex(await failure(env, ...toFile), /ended with 1: --out: [^\n]+ exists/)
  const another = { ...env, LEDGER_SECRETS_SYSTEM: secrets(1) }
  t.regex(await failure(another, 'keys', 'derive', 'check'), /is not the key 1 that the log knows/)
  const { SECRETS_SYSTEM, ...rest } = ledger.settings
  t.false(derived.includes(SECRETS_SYSTEM?.slice(2) ?? '?'))
  await ledger.scope('orders.read', 'orders')
  const app = await ledger.client({ scope: 'orders.read' })
  const orders = await ledger.resourceServer('orders')
  const { access_token } = await ledger.grant({ to: app, scope: 'orders.read' })
  const settings = Object.entries({ ...rest, SECRETS_CHECK_FILE: file }).map(([name, value]) => [
    `LEDGER_${name}`,
    value,
  ])
  const { url } = await startProcess(t, {
    services: ['token-check'],
    env: Object.fromEntries(settings) as Record<string, string>,
  })
  const answer = await createRequests(url).post('/oauth2/introspect', { token: access_token }, { as: orders })
  t.is(answer.status, 200)
  t.true(answer.body['active'])
})

ava("the data folder takes one process at a time, and is this user's only", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ledger-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const taken = await takeFolder(folder)
  if ('heldBy' in taken) throw new Error(`held by ${taken.heldBy}`)
  const settings = loadSettings({ LEDGER_DATA_DIR: folder })
  const second = openParts(settings, createLogger(settings))
  await t.throwsAsync(second, { message: new RegExp(`in use by process ${process.pid}`), name: 'OperatorError' })
  t.is((await stat(join(folder, 'lock'))).mode & 0o777, 0o700)
  await taken.release()
})

test('the append-only table refuses to be changed or emptied', async (t) => {
  const ledger = await startLedger(t)
  const client = new pg.Client({ connectionString: ledger.settings.DATABASE_URL })
  await client.connect()
  t.teardown(() => client.end())
  for (const sql of [
    'UPDATE ledger.log_records SET at = now()',
    'DELETE FROM ledger.log_records',
    'TRUNCATE ledger.log_records',
  ])
    await t.throwsAsync(client.query(sql), undefined, sql)
})
