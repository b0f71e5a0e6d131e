import type { ExecutionContext } from 'ava'
import { startLedger, type TestLedger } from '../../support/ledger.ts'
import { databaseUrl, freshPrefix, kafkaBrokers, realTest } from '../../support/real-parts.ts'

const test = realTest('kafka', 'postgres')

async function install(t: ExecutionContext, settings: Record<string, string>): Promise<TestLedger> {
  return startLedger(t, { brokers: kafkaBrokers(), settings })
}

test('an installation with a database of its own does not join the topics of another, and says whose they are', async (t) => {
  const prefix = freshPrefix()
  const first = await install(t, { KAFKA_TOPIC_PREFIX: prefix, ISSUER: 'https://one.example' })
  const before = await first.length()
  const second = install(t, { KAFKA_TOPIC_PREFIX: prefix, ISSUER: 'https://two.example' })
  const { message } = (await t.throwsAsync(second)) ?? { message: '' }
  t.regex(message, /the log belongs to ledger \S+ of https:\/\/one\.example, and this is https:\/\/two\.example/)
  t.is(await first.length(), before)
})

test('a database of another ledger is refused at these topics, and stays what it is', async (t) => {
  const [one, other] = await Promise.all([
    install(t, { KAFKA_TOPIC_PREFIX: freshPrefix() }),
    install(t, { KAFKA_TOPIC_PREFIX: freshPrefix() }),
  ])
  await t.throwsAsync(
    startLedger(t, { beside: one, settings: { KAFKA_TOPIC_PREFIX: other.settings.KAFKA_TOPIC_PREFIX ?? '' } }),
    {
      message: /the log belongs to ledger \S+, the database to ledger/,
    },
  )
  const { problems } = (await one.send('/health/ready')).body
  t.deepEqual(problems, [])
})

test('two ledgers with prefixes of their own work side by side', async (t) => {
  const ledgers = await Promise.all([1, 2].map(async () => install(t, { KAFKA_TOPIC_PREFIX: freshPrefix() })))
  for (const ledger of ledgers) await assertRefreshes(t, ledger)
})

test('a database that was restored from another follows the same topics without taking any of its partitions', async (t) => {
  const original = await install(t, { KAFKA_TOPIC_PREFIX: freshPrefix() })
  // The key of names is made with the first user: both have it.
  await original.user()
  await original.stop()
  const from = new URL(original.settings.DATABASE_URL ?? '').pathname.slice(1)
  const settings = { DATABASE_URL: await databaseUrl(t, `TEMPLATE ${from}`) }
  const [again, copy] = await Promise.all([
    startLedger(t, { beside: original }),
    startLedger(t, { beside: original, settings }),
  ])
  await assertRefreshes(t, again)
  await assertRefreshes(t, copy)
})

/** In enough partitions that some would be another's. */
async function assertRefreshes(t: ExecutionContext, ledger: TestLedger): Promise<void> {
  const as = await ledger.client()
  const sub = await ledger.user()
  const pairs = await Promise.all(Array.from({ length: 8 }, () => ledger.grant({ to: as, sub })))
  const answers = await Promise.all(
    pairs.map(({ refresh_token }) =>
      ledger.post('/oauth2/token', { grant_type: 'refresh_token', refresh_token }, { as }),
    ),
  )
  t.deepEqual(
    answers.map(({ status }) => status),
    pairs.map(() => 200),
  )
}
