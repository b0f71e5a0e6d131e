import { randomBytes } from 'node:crypto'
import { verify } from '../../services/audit/verify/verify.ts'
import { rewrapPage } from '../../shared/accounts/rewrap.ts'
import { ledgerIdOf } from '../../shared/process/ledger-id.ts'
import { commandLine } from '../support/command-line.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { until } from '../support/waiting.ts'

const test = realTest('postgres')
const key = (kid: number) => `${kid}:${randomBytes(32).toString('base64')}`
const NAMED =
  /keys of persons are wrapped under key 2, .*LEDGER_SECRETS_SYSTEM.*LEDGER_SECRETS_PROJECT.*keys derive project/

async function shown({ runtime: { knex, schema } }: TestLedger, sub: string) {
  const { rows } = await knex.raw<{ rows: { username: string | null; revision: number }[] }>(
    `SELECT username, revision FROM ${schema}.users WHERE sub = ?`,
    [sub],
  )
  return rows[0]
}

/** As `keys rewrap` does. */
async function rewrapAll({ runtime: { knex }, keys }: TestLedger): Promise<void> {
  const page = await rewrapPage(knex, { keys, ledger_id: await ledgerIdOf(knex) }, null)
  if (page.next !== null || page.left > 0) throw new Error('one page is enough here')
}

test('traps-running 23: a projector that lacks the key which persons are wrapped under empties no name: the registry waits, grants go on, a start with the key mends it', async (t) => {
  const [one, two] = [key(1), key(2)]
  const both = { SECRETS_SYSTEM: `${two},${one}` }
  const lacking = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const [ada, app] = [await lacking.user(), await lacking.client()]
  const pair = await lacking.grant({ to: app })
  const services = ['token-endpoint', 'admin'] as const
  const ledger = await startLedger(t, { beside: lacking, services, settings: { ...both, APPEND_TIMEOUT: '2' } })
  await rewrapAll(ledger)
  const before = { username: `${ada}.name`, revision: 1 }

  await t.throwsAsync(ledger.revokeAllOfUser(ada), { name: 'WaitTimeout' })
  const { topics } = lacking.runtime
  const alarms = () => lacking.lines.filter(({ alarm }) => alarm === 'operator_needed')
  await until(() => alarms().length > 0, 'an alarm')
  t.like(alarms()[0], { level: 50, topic: topics.registry, partition: 0 })
  t.regex(String(alarms()[0]?.['reason']), NAMED)
  t.deepEqual(await shown(ledger, ada), before)
  const form = { grant_type: 'refresh_token', refresh_token: pair.refresh_token }
  t.is((await ledger.post('/oauth2/token', form, { as: app })).status, 200, 'a grant of somebody else goes on')
  t.is(alarms().length, 1, 'told once a minute')
  t.deepEqual(
    lacking.lines.filter(({ alarm }) => alarm === 'unreadable'),
    [],
  )

  await lacking.stop()
  const mended = await startLedger(t, { beside: lacking, settings: both })
  await until(async () => (await shown(mended, ada))?.revision === 2, 'the revocation')
  t.deepEqual(await shown(mended, ada), { ...before, revision: 2 })
  t.is((await verify(mended.runtime)).difference, null)
})

test('whoever verifies or rebuilds without the key that persons are wrapped under is told so, and finds no difference', async (t) => {
  const [one, two] = [key(1), key(2)]
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: `${two},${one}` } })
  await ledger.user()
  const { ISSUER: LEDGER_ISSUER = '', DATABASE_URL: LEDGER_DATABASE_URL = '' } = ledger.settings
  const env = { LEDGER_ISSUER, LEDGER_DATABASE_URL, LEDGER_REQUIRE_HTTPS: 'false', LEDGER_SECRETS_SYSTEM: one }
  for (const args of [
    ['projection', 'verify'],
    ['projection', 'rebuild'],
  ]) {
    const { code, err, out } = await commandLine(env, ...args)
    t.is(code, 1, args.join(' '))
    t.regex(err, NAMED)
    t.notRegex(err + out, /differ|unreadable/)
  }
})
