import { skipRecord } from '../../services/cli/connect/skip-record.ts'
import { renderEntries } from '../../services/cli/render/entries.ts'
import { renderVerify } from '../../services/cli/render/projection.ts'
import { hidePeople } from '../../services/audit/people/show-people.ts'
import { replay } from '../../services/audit/replay/replay.ts'
import { verify } from '../../services/audit/verify/verify.ts'
import { OperatorError } from '../../shared/config/operator-error.ts'
import { placeOf } from '../../shared/event-log/places.ts'
import { recordSha256 } from '../../shared/event-log/chain.ts'
import { recordAt } from '../../shared/event-log/skips.ts'
import { refreshed } from '../ledger/given.ts'
import { commandLine as tokenLedger } from '../support/command-line.ts'
import { realTest } from '../support/real-parts.ts'
import { appendRaw, UNREADABLE } from '../support/skipping.ts'
import { grantId, postgresLedger, seed } from '../support/written-ledger.ts'

const test = realTest('postgres')
const GRANT = grantId(1)

/** The seed, and behind the grant's first event one that cannot be read and one that can. */
async function stopped(t: Parameters<typeof postgresLedger>[0]) {
  const ledger = await postgresLedger(t)
  await seed(ledger)
  const place = placeOf(ledger.topics, GRANT)
  const broken = await appendRaw(ledger, place, UNREADABLE['broken JSON'], GRANT)
  await ledger.append(refreshed(2, { grant_id: GRANT }))
  await ledger.project()
  const sha256Of = async (offset: number) => {
    const record = await recordAt(ledger.log, place, offset)
    return record ? recordSha256(record) : ''
  }
  return { ledger, place, broken, sha256Of, source: { ...ledger, issuer: 'https://ledger.example' } }
}

async function text(pieces: AsyncIterable<string>): Promise<string> {
  let all = ''
  for await (const piece of pieces) all += piece
  return all
}

/** The last words of a printed command, as a shell would hand them over. */
const argumentsOf = (out: string) => {
  const [, line = ''] = /^ +bin\/token-ledger (projection skip .*) --reason "WHY"$/m.exec(out) ?? []
  return [...line.split(' '), '--reason', 'a test wrote it']
}

test('the command that status, verify and replay print has the record skipped', async (t) => {
  const { ledger, broken } = await stopped(t)
  const env = {
    LEDGER_DATABASE_URL: ledger.url,
    LEDGER_ISSUER: 'https://ledger.example',
    LEDGER_READ_MODEL: ledger.schema,
    LEDGER_KAFKA_TOPIC_PREFIX: ledger.topics.grants.replace('.grants', ''),
  }
  const told = await tokenLedger(env, 'projection', 'status')
  const replayed = await tokenLedger(env, 'audit', 'replay')
  const verified = async () => renderVerify(await verify(ledger), 'table') as string
  t.deepEqual([told.code, replayed.code], [1, 1])
  t.deepEqual(argumentsOf(await verified()), argumentsOf(told.out))
  t.deepEqual(argumentsOf(replayed.err), argumentsOf(told.out))

  const skipped = await tokenLedger(env, ...argumentsOf(told.out))
  t.is(skipped.code, 0, skipped.err)
  t.regex(skipped.out, /^skipped: written to \S+\.registry\/0 at offset 3; projectors go on within seconds\n$/)
  await ledger.project()
  t.regex(await verified(), /^equal: .*13 partitions, 6 records, 0 of them void, 1 skipped beside them\)\n$/)
  const lines = await text(
    renderEntries(hidePeople(replay(ledger, { grant_id: GRANT })), 'table', { width: null, colour: false }),
  )
  t.regex(lines, new RegExp(`@${broken.offset} .* skipped .* skipped +a test wrote it +system/operator\\n`))

  const again = await tokenLedger(env, ...argumentsOf(told.out))
  t.deepEqual([again.code, again.out], [1, ''])
  t.regex(again.err, /^error: it is skipped already, by system\/operator: a test wrote it\n$/)
})

test('nothing is written for what is not there, is another record, or needs no skipping', async (t) => {
  const { ledger, place, broken, sha256Of, source } = await stopped(t)
  const ends = async () => (await ledger.log.bounds([ledger.topics.registry]))[0]?.end
  const before = await ends()
  const wanted = { ...broken, sha256: await sha256Of(broken.offset), reason: 'why' }
  const readable = { ...wanted, offset: 2, sha256: await sha256Of(2) }
  const folded = { ...wanted, offset: 0, sha256: await sha256Of(0) }
  const refusals: [Partial<typeof wanted>, number, RegExp][] = [
    [{ topic: 'elsewhere' }, 2, /^this ledger has no partition elsewhere\/1: its topics are /],
    [{ partition: 12 }, 2, /^this ledger has no partition \S+\/12: /],
    [{ offset: 3 }, 2, /\/1 has no offset 3: it holds \[0, 3\)$/],
    [{ sha256: 'ab'.repeat(32) }, 1, new RegExp(`@1 is another one: its sha256 is ${wanted.sha256}$`)],
    [{ offset: 2 }, 1, /@2 is another one/],
    [readable, 1, /^nothing to skip: this release reads the record at \S+@2/],
    [folded, 1, /^nothing to skip: the read model has folded the record at \S+@0$/],
  ]
  for (const [over, exitCode, message] of refusals) {
    const refused = await t.throwsAsync(skipRecord(source, { ...wanted, ...over }), {
      instanceOf: OperatorError,
      message,
    })
    t.is(refused.exitCode, exitCode)
  }
  t.is(await ends(), before)

  // Its projector could not read it; this release can, and so needs only to be run.
  const stopAt = (reason: string) =>
    ledger.knex.raw(
      `UPDATE ${ledger.schema}.checkpoints SET next = 2, status = 'stopped', status_reason = ? WHERE topic = ? AND partition = 1`,
      [reason, place.topic],
    )
  await skipRecord(source, wanted)
  await stopAt('the record at offset 2 cannot be read: type: Invalid input')
  await t.throwsAsync(skipRecord(source, readable), { message: /^nothing to skip: this release reads/ })
  // A read model of another shape is no fault of the record.
  await stopAt('the record at offset 2 cannot be folded: SQLSTATE 42703')
  await t.throwsAsync(skipRecord(source, readable), { message: /^nothing to skip: this release reads/ })
  // The database could not take it: that is in the way of every release.
  await stopAt('the record at offset 2 cannot be folded: SQLSTATE 22003')
  await skipRecord(source, readable)
  const verdicts: string[] = []
  for await (const { verdict } of replay(ledger, { grant_id: GRANT })) verdicts.push(verdict)
  t.deepEqual(verdicts, ['valid', 'skipped', 'skipped'])
})
