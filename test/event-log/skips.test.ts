import test from 'ava'
import { grantLife } from '../../services/audit/replay/grant-life.ts'
import { replay } from '../../services/audit/replay/replay.ts'
import { verify } from '../../services/audit/verify/verify.ts'
import { foldLog, walkKey, walkLog } from '../../shared/event-log/fold-log.ts'
import type { Range } from '../../shared/event-log/event-log.ts'
import { placeOf, registryPlace } from '../../shared/event-log/places.ts'
import { readLedgerId } from '../../shared/event-log/registry-log.ts'
import { createSkips, readSkips } from '../../shared/event-log/skips.ts'
import { refreshed } from '../ledger/given.ts'
import {
  closeEmbedded,
  embeddedLedger,
  grantId,
  rebuiltBeside,
  seed,
  type WrittenLedger,
} from '../support/written-ledger.ts'
import { appendRaw, appendSkip, NO_SKIPS, UNREADABLE } from '../support/skipping.ts'

test.after.always(closeEmbedded)

const GRANT = grantId(1)

/** The seed, a refresh, a record that cannot be read, and another refresh: offsets 0 to 3 of the grant's partition. */
async function seeded() {
  const ledger = await embeddedLedger()
  await seed(ledger)
  const place = placeOf(ledger.topics, GRANT)
  await ledger.append(refreshed(2, { grant_id: GRANT }))
  const broken = await appendRaw(ledger, place, UNREADABLE['broken JSON'], GRANT)
  await ledger.append(refreshed(3, { grant_id: GRANT }))
  return { ledger, place, broken, range: { ...place, from: 0, to: 4 } }
}

const verdicts = async (ledger: WrittenLedger) => {
  const told: string[] = []
  for await (const { type, verdict } of replay(ledger, { grant_id: GRANT })) told.push(`${type} ${verdict}`)
  return told
}

test('without a skip a walk stops, with one of another hash as well, with the right one it goes on', async (t) => {
  const { ledger, range, broken } = await seeded()
  const stop = async () => {
    const skips = await readSkips(ledger.log, ledger.topics)
    for await (const step of walkLog(ledger.log, range, { skips })) if (step.stop) return step.stop.offset
    return null
  }
  t.is(await stop(), broken.offset)
  await appendSkip(ledger, broken, 'cd'.repeat(32))
  t.is(await stop(), broken.offset)
  await appendSkip(ledger, { ...broken, offset: 1 }, 'cd'.repeat(32))
  t.is(await stop(), broken.offset)
  await appendSkip(ledger, broken)
  t.is(await stop(), null)
})

test('a walk that stops looks again, and covers the bytes that it passes by in its chain', async (t) => {
  const { ledger, range, broken } = await seeded()
  const skips = createSkips(ledger.log, ledger.topics)
  await appendSkip(ledger, broken)
  const steps = []
  for await (const step of walkLog(ledger.log, range, { skips })) steps.push(step)
  t.deepEqual(
    steps.flatMap((step) => step.skipped.map(({ offset, actor }) => [offset, actor])),
    [[broken.offset, 'system/operator']],
  )
  await ledger.project()
  t.true((await verify(ledger)).equal)
  await ledger.knex.raw(`UPDATE ${ledger.schema}.checkpoints SET chain = sha256('without it') WHERE partition = 1`)
  t.like((await verify(ledger)).difference, { table: 'checkpoints', column: 'chain' })
})

test('a skipped record is shown where it stood, in a replay and in the life of its grant', async (t) => {
  const { ledger, broken } = await seeded()
  t.deepEqual((await verdicts(ledger)).at(-1), 'unreadable unreadable')
  await appendSkip(ledger, broken)
  t.deepEqual(await verdicts(ledger), [
    'TokenIssued valid',
    'TokenRefreshed valid',
    'skipped skipped',
    'TokenRefreshed valid',
  ])
  const life = await grantLife(ledger, GRANT, { now: Date.now(), personal: 'shown' })
  const skipped = life?.events.find(({ verdict }) => verdict === 'skipped')
  t.like(skipped, { position: broken, reason: 'written by hand', actor: 'system/operator' })
})

test('a record that can be read and is named is skipped by every fold alike', async (t) => {
  const { ledger, place, broken } = await seeded()
  await appendSkip(ledger, broken)
  await appendSkip(ledger, { ...place, offset: 1 })
  await ledger.project()
  const generations = async ({ knex, schema } = ledger) => {
    const { rows } = await knex.raw<{ rows: { g: number }[] }>(
      `SELECT access_generation AS g FROM ${schema}.grants WHERE grant_id = ?`,
      [GRANT],
    )
    return rows.map(({ g }) => g)
  }
  t.deepEqual(await generations(), [1])
  t.true((await verify(ledger)).equal)
  const rebuilt = await rebuiltBeside(ledger)
  t.deepEqual(await generations(rebuilt), [1])
  t.true((await verify(rebuilt)).equal)
  t.deepEqual(await verdicts(ledger), [
    'TokenIssued valid',
    'skipped skipped',
    'skipped skipped',
    'TokenRefreshed void',
  ])
})

test('nothing but RecordSkipped is decoded ahead, so one behind unreadable records counts', async (t) => {
  const { ledger, broken, range } = await seeded()
  const registry = registryPlace(ledger.topics)
  const before = await appendRaw(ledger, registry, UNREADABLE['an unknown type'])
  await appendRaw(ledger, registry, '{"type":"RecordSkipped"}')
  await appendSkip(ledger, broken)
  await appendSkip(ledger, before)
  const skips = await readSkips(ledger.log, ledger.topics)
  t.deepEqual([skips.countOf(range), skips.countOf(registry), skips.registryBegins], [1, 1, 0])
  const walked = []
  for await (const step of foldLog(walkKey(ledger.log, range, { skips, key: GRANT }))) walked.push(...step.judged)
  t.is(walked.length, 3)
  for await (const step of walkLog(ledger.log, range, { skips: NO_SKIPS })) t.is(step.stop?.offset, broken.offset)
})

test('which ledger a log is of, which every start asks, is read from its first record and from no other', async (t) => {
  const { ledger } = await seeded()
  const ranges: Range[] = []
  const log = { ...ledger.log, read: (range: Range) => (ranges.push(range), ledger.log.read(range)) }
  t.is(await readLedgerId(log, ledger.topics), '0b0c3f5e-1111-4222-8333-944455566677')
  t.deepEqual(ranges, [{ ...registryPlace(ledger.topics), from: 0, to: 1 }])
})
