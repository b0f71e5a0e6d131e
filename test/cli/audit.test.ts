import test from 'ava'
import type { ReplayEntry } from '../../services/audit/replay/replay-entry.ts'
import { refreshed } from '../ledger/given.ts'
import { commandLine as tokenLedger } from '../support/command-line.ts'
import { realTest } from '../support/real-parts.ts'
import { grantId, postgresLedger, seed, type WrittenLedger } from '../support/written-ledger.ts'

function settingsOf({ url, schema, topics }: WrittenLedger & { url: string }): Record<string, string> {
  const LEDGER_KAFKA_TOPIC_PREFIX = topics.grants.replace('.grants', '')
  return {
    LEDGER_DATABASE_URL: url,
    LEDGER_ISSUER: 'https://ledger.example',
    LEDGER_READ_MODEL: schema,
    LEDGER_KAFKA_TOPIC_PREFIX,
  }
}

realTest('postgres')('the verbs of the auditor, on a real log', async (t) => {
  const ledger = await postgresLedger(t)
  await seed(ledger)
  await ledger.append(refreshed(2, { grant_id: grantId(1) }))
  await ledger.append(refreshed(2, { grant_id: grantId(1) }))
  await ledger.project()
  const env = settingsOf(ledger)

  const narrow = await tokenLedger(env, 'audit', 'replay', '--grant', grantId(1))
  t.is(narrow.code, 0, narrow.err)
  const short = narrow.out.trimEnd().split('\n')
  t.true(
    short.every((line) => line.length <= 80),
    narrow.out,
  )
  t.regex(short[0] ?? '', /^time +type +grant +verdict +actor$/)
  t.regex(short[3] ?? '', /^\d\d-\d\d \d\d:\d\d:\d\d TokenRefreshed +…\w{8} void generation_taken +client\/shop$/)

  const table = await tokenLedger(env, 'audit', 'replay', '--no-personal', '--wide', '--grant', grantId(1))
  t.is(table.code, 0, table.err)
  t.is(table.err, '')
  const [head = '', ...rows] = table.out.trimEnd().split('\n')
  t.deepEqual(head.split(/\s+/), [
    'position',
    'time',
    'type',
    'grant',
    'client',
    'principal',
    'verdict',
    'reason',
    'actor',
  ])
  t.is(rows.length, 3)
  t.regex(
    rows[2] ?? '',
    /^grants\/1@2 +\S+Z +TokenRefreshed +\S+ +shop +user\/ada +void +generation_taken +client\/shop$/,
  )

  const lines = await tokenLedger(env, 'audit', 'replay', '--type', 'TokenRefreshed', 'UserPut', '--format', 'jsonl')
  const entries = lines.out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ReplayEntry)
  t.deepEqual(
    entries.map(({ type }) => type),
    ['UserPut', 'TokenRefreshed', 'TokenRefreshed'],
  )

  const json = await tokenLedger(env, 'audit', 'replay', '--no-personal', '--user', 'nobody', '--format', 'json')
  t.deepEqual([json.code, JSON.parse(json.out), json.err], [0, [], 'nothing in the log matches\n'])

  const show = await tokenLedger(env, 'audit', 'show', '--grant', grantId(1))
  t.is(show.code, 0)
  t.regex(show.out, /VOID \(generation_taken\)/)
  t.is((await tokenLedger(env, 'audit', 'show', '--grant', grantId(2))).code, 1)
})

realTest('postgres')('the verbs of the operator: what is wrong is found, told, and mended', async (t) => {
  const ledger = await postgresLedger(t)
  await seed(ledger)
  await ledger.project()
  const env = settingsOf(ledger)
  const clean = await tokenLedger(env, 'audit', 'verify')
  t.is(clean.code, 0, clean.err)
  t.regex(clean.out, /^equal: .*13 partitions, 4 records, 0 of them void/)

  await ledger.knex.raw(`UPDATE ${ledger.schema}.users SET groups = '{Administrators}'`)
  const found = await tokenLedger(env, 'projection', 'verify')
  t.is(found.code, 1)
  t.is(
    found.out,
    'DIFFERENT: users, ada, column groups\n  the log says         []\n  the read model says  ["Administrators"]\n',
  )

  const stale = await tokenLedger(env, 'projection', 'status', '--wide')
  t.is(stale.code, 1)
  t.regex(stale.out, /\.registry\/0 +3 +3 +0 +never +ok +0 +it was never known to be complete\n/)
  t.regex(stale.out, /NOT HEALTHY: .*\n$/)
  const short = await tokenLedger(env, 'projection', 'status')
  t.true(
    short.out.split('\n').every((line) => line.length <= 80),
    short.out,
  )
  t.regex(short.out, /^registry\/0 +3 +3 +0 +never +ok +0 +it was never/m)

  const rebuilt = await tokenLedger(env, 'projection', 'rebuild')
  t.is(rebuilt.code, 0, rebuilt.err)
  t.regex(rebuilt.out, /^ledger_v2_2 is built; projectors keep it up now; "\S+ projection switch" has/)
  const mended = await tokenLedger({ ...env, LEDGER_READ_MODEL: 'ledger_v2_2' }, 'projection', 'verify')
  t.is(mended.code, 0, mended.err)
  t.regex(mended.out, /^equal/)
  const early = await tokenLedger(env, 'projection', 'switch', '--wait', '0')
  t.deepEqual([early.code, early.out], [1, ''])
  t.regex(
    early.err,
    /^error: ledger_v2_2 is not up to date: \S+: it was never known to be complete: a projector of this /,
  )

  const healthy = await whileFresh(ledger, () => tokenLedger(env, 'projection', 'status', '--format', 'json'))
  t.is(healthy.code, 0, healthy.out)
  t.is((JSON.parse(healthy.out) as unknown[]).length, 13)
})

realTest('postgres')('with --format json or jsonl stdout is data only, also where something is wrong', async (t) => {
  const ledger = await postgresLedger(t)
  await seed(ledger)
  await ledger.project()
  const verbs = [
    ['projection', 'status'],
    ['keys', 'status'],
    ['audit', 'replay'],
  ]
  await Promise.all(
    verbs.map(async (verb) => {
      const [json, jsonl] = await Promise.all(
        ['json', 'jsonl'].map((format) => tokenLedger(settingsOf(ledger), ...verb, '--format', format)),
      )
      t.notThrows(() => JSON.parse(json?.out ?? '') as unknown, json?.out)
      const lines = jsonl?.out.split('\n').slice(0, -1) ?? []
      t.notThrows(() => lines.map((line) => JSON.parse(line) as unknown), jsonl?.out)
    }),
  )
})

/** Marks the read model fresh, as a projector does, for as long as the work takes. */
async function whileFresh<T>({ knex, schema }: WrittenLedger, work: () => Promise<T>): Promise<T> {
  const mark = () => knex.raw(`UPDATE ${schema}.checkpoints SET fresh_as_of = clock_timestamp()`)
  await mark()
  let isDone = false
  const working = work().finally(() => (isDone = true))
  while (!isDone) await mark()
  return working
}

const LOCAL = { LEDGER_DATA_DIR: '/nonexistent' }
const WRONG: [args: string[], env: Record<string, string>, message: RegExp][] = [
  [
    ['audit', 'replay', '--grant', '7'],
    LOCAL,
    /^see: bin\/token-ledger audit replay --help\nerror: --grant must be a UUID\n$/,
  ],
  [
    ['audit', 'replay', '--type', 'TokenIsued'],
    LOCAL,
    /\nerror: --type TokenIsued is not an event type; did you mean TokenIssued\? There are .*RecordSkipped\n$/,
  ],
  [['audit', 'replay', '--format', 'xml'], LOCAL, /Allowed choices are table, json, jsonl/],
  [
    ['projection', 'skip', '--topic', 't', '--partition', '0', '--offset', '0', '--sha256', 'x', '--reason', 'y'],
    LOCAL,
    /\nerror: --sha256 must be 64 hexadecimal digits\n$/,
  ],
  [['projection', 'rebild'], LOCAL, /^see: bin\/token-ledger projection --help\nerror: unknown command 'rebild'.*\n/],
  [
    ['audit', 'verify'],
    { LEDGER_ADMIN_URL: 'http://127.0.0.1:1' },
    /LEDGER_URL, LEDGER_CLIENT_ID, LEDGER_CLIENT_SECRET/,
  ],
]

test('wrong usage is exit code 2, and says what is wrong', async (t) => {
  for (const [args, env, message] of WRONG) {
    const { code, err } = await tokenLedger(env, ...args)
    t.is(code, 2, args.join(' '))
    t.regex(err, message)
  }
})

test('what cannot be reached is exit code 3, and help is 0', async (t) => {
  const service = {
    LEDGER_URL: 'http://127.0.0.1:1',
    LEDGER_ADMIN_URL: 'http://127.0.0.1:1',
    LEDGER_CLIENT_ID: 'a',
    LEDGER_CLIENT_SECRET: 'b',
  }
  const remote = await tokenLedger(service, 'audit', 'replay')
  t.is(remote.code, 3)
  t.regex(remote.err, /127\.0\.0\.1:1 does not answer/)
  const dev = await tokenLedger(LOCAL, 'projection', 'status')
  t.is(dev.code, 3)
  t.regex(dev.err, /npm start/)
  const database = {
    LEDGER_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
    LEDGER_ISSUER: 'https://ledger.example',
  }
  const away = await tokenLedger(database, 'audit', 'verify')
  t.is(away.code, 3)
  t.regex(away.err, /^cannot reach LEDGER_DATABASE_URL \(127\.0\.0\.1:1\): [^\n]*ECONNREFUSED[^\n]*\n$/)
  for (const args of [
    ['audit', 'replay', '--help'],
    ['help', 'audit', 'replay'],
    ['audit', 'help', 'replay'],
  ]) {
    const help = await tokenLedger({}, ...args)
    t.is(help.code, 0)
    t.regex(help.out, /^Usage: bin\/token-ledger audit replay .*Examples:/s, args.join(' '))
  }
})
