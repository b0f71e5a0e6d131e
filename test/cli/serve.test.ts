import { randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
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

ava('an unknown service is wrong usage', async (t) => {
  t.regex(
    await failure({}, 'serve', 'everything'),
    /ended with 2.*token-endpoint, token-check, projector, admin, audit/s,
  )
})

test('a database without a ledger is told to be migrated first', async (t) => {
  const env = { ...SERVED, LEDGER_DATABASE_URL: await databaseUrl(t), LEDGER_SECRETS_SYSTEM: secrets(1) }
  t.regex(await failure(env, 'serve', 'all'), /ended with 1.*run "token-ledger migrate" first/s)
})

test('a part that cannot be reached is named as that, with exit code 3', async (t) => {
  const env = { ...SERVED, LEDGER_DATABASE_URL: 'postgres://postgres@127.0.0.1:1/x', LEDGER_SECRETS_SYSTEM: secrets(1) }
  t.regex(await failure(env, 'migrate'), /ended with 3.*cannot reach/s)
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
  t.regex(message, /ended with 1.*1 live grants need key 1, and LEDGER_SECRETS_SYSTEM .*"token-ledger keys status"/s)
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
  const { SECRETS_SYSTEM, ...rest } = ledger.settings
  t.false(derived.includes(SECRETS_SYSTEM?.slice(2) ?? '?'))
  await ledger.scope('orders.read', 'orders')
  const app = await ledger.client({ scope: 'orders.read' })
  const orders = await ledger.resourceServer('orders')
  const { access_token } = await ledger.grant({ to: app, scope: 'orders.read' })
  const settings = Object.entries({ ...rest, SECRETS_CHECK: derived }).map(([name, value]) => [`LEDGER_${name}`, value])
  const { url } = await startProcess(t, {
    services: ['token-check'],
    env: Object.fromEntries(settings) as Record<string, string>,
  })
  const answer = await createRequests(url).post('/oauth2/introspect', { token: access_token }, { as: orders })
  t.is(answer.status, 200)
  t.true(answer.body['active'])
})

ava('the data folder takes one process at a time, and a lock that a dead process left does not count', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ledger-'))
  t.teardown(() => rm(folder, { recursive: true }))
  await holding(folder, async () => {
    const settings = loadSettings({ LEDGER_DATA_DIR: folder })
    const taken = openParts(settings, createLogger(settings))
    await t.throwsAsync(taken, { message: new RegExp(`in use by process ${process.pid}`), name: 'OperatorError' })
    t.is((await stat(join(folder, 'lock'))).mode & 0o777, 0o600)
  })
  // A pid number that is in use again, by a process that started at another time.
  await writeFile(join(folder, 'lock'), `${process.pid} 1`)
  await holding(folder)
  await writeFile(join(folder, 'lock'), '999999999 1')
  await holding(folder, async () => {
    t.regex(await readFile(join(folder, 'lock'), 'utf8'), new RegExp(`^${process.pid} `))
  })
})

/** Takes the folder, which must be free, does something with it, and releases it. */
async function holding(folder: string, meanwhile = async () => {}): Promise<void> {
  const taken = await takeFolder(folder)
  if ('heldBy' in taken) throw new Error(`held by ${taken.heldBy}`)
  await meanwhile()
  await taken.release()
}

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
