import { randomBytes } from 'node:crypto'
import { verify } from '../../services/audit/verify/verify.ts'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import type { RegistryFact } from '../../shared/ledger/events.ts'
import { user } from '../ledger/given.ts'
import { commandLine } from '../support/command-line.ts'
import { startLedger, type TestLedger } from '../support/ledger.ts'
import { realTest } from '../support/real-parts.ts'
import { rebuiltBeside } from '../support/written-ledger.ts'
import { countPlainUserRecords } from '../../shared/process/soundness/plain-users.ts'

const test = realTest('postgres')
const one = `1:${randomBytes(32).toString('base64')}`
const WARNING = (records: string) =>
  new RegExp(
    `the log names people in clear in ${records} of UserPut/1 and UserGrantsRevoked/1, for ever, also where they were ` +
      'put again or forgotten since: only a new ledger mends that',
  )

/** As a release before did. */
async function append({ runtime: { log, topics, waiter } }: TestLedger, fact: RegistryFact): Promise<void> {
  const record = outgoing(envelop(fact, 'https://ledger.example', { actor: 'system/test' }, Date.now()), topics)
  const { offset } = await log.append(record)
  await waiter.past({ ...record, offset }, 20_000)
}

test('migrate and keys status tell how many records name people in clear, also when these were put again or forgotten', async (t) => {
  const ledger = await startLedger(t, { settings: { SECRETS_SYSTEM: one } })
  const env = {
    LEDGER_ISSUER: ledger.settings.ISSUER ?? '',
    LEDGER_DATABASE_URL: ledger.settings.DATABASE_URL ?? '',
    LEDGER_SECRETS_SYSTEM: one,
  }
  const run = (...args: string[]) => commandLine(env, ...args)
  await ledger.user()
  const sealedOnly = await run('migrate')
  t.is(sealedOnly.code, 0)
  t.notRegex(sealedOnly.err, /WARNING/)
  t.notRegex((await run('keys', 'status')).out, /in clear/)

  const old = user({ sub: 'old' })
  await append(ledger, { type: 'UserPut', data: { revision: 1, user: old } })
  t.regex((await run('migrate')).err, WARNING('1 record'))
  await append(ledger, { type: 'UserGrantsRevoked', data: { revision: 2, user: old, reason: 'lost' } })
  await append(ledger, { type: 'UserPut', data: { revision: 2, user: old } })
  await ledger.user({ sub: 'old' })
  const forgotten = { type: 'UserForgotten', data: { revision: 4, sub: 'old', reason: 'asked' } } as const
  await append(ledger, forgotten)
  const told = await run('migrate')
  t.is(told.code, 0)
  t.regex(told.err, WARNING('3 records'), 'a void one stands there as well')
  t.notRegex(told.err, /Ada/)
  const [table, json, jsonl] = await Promise.all(
    ['table', 'json', 'jsonl'].map((format) => run('keys', 'status', '--format', format)),
  )
  t.regex(table?.out ?? '', WARNING('3 records'))
  t.like(JSON.parse(json?.out ?? ''), { well: true, plain_user_records: 3 })
  t.regex(jsonl?.err ?? '', WARNING('3 records'))

  const beside = await rebuiltBeside(ledger.runtime)
  t.is(await countPlainUserRecords(beside), 3)
  t.is((await verify(beside)).difference, null)
  const { knex, schema } = ledger.runtime
  await knex.raw(`UPDATE ${schema}.checkpoints SET plain_user_records = 0`)
  t.like((await verify(ledger.runtime)).difference, { table: 'checkpoints', column: 'plain_user_records' })
})
