import test from 'ava'
import { chainNext, chainStart, recordHash } from '../../shared/event-log/chain.ts'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import type { EventLog, LogBatch, LogRecord } from '../../shared/event-log/event-log.ts'
import { foldLog, foldStart, readBatch, walkKey, walkLog } from '../../shared/event-log/fold-log.ts'
import { NO_SKIPS } from '../support/skipping.ts'
import { placeOf } from '../../shared/event-log/places.ts'
import { issued, refreshed } from '../ledger/given.ts'

const TOPICS = { grants: 'test.grants', registry: 'test.registry' }
const [MINE, OTHER] = ['01890a5d-ac96-774b-bcce-00000000000c', '01890a5d-ac96-774b-bcce-000000000018']
const PLACE = placeOf(TOPICS, MINE)

const facts = [
  issued({ grant_id: MINE }),
  issued({ grant_id: OTHER }),
  refreshed(2, { grant_id: MINE }),
  refreshed(2, { grant_id: MINE }),
]
const records = facts.map((fact, offset): LogRecord => {
  const { key, value } = outgoing(envelop(fact, 'https://ledger.example', { actor: 'test' }, 1000), TOPICS)
  return { offset, timestamp: 1000, key: Buffer.from(key), value: Buffer.from(value), leader_epoch: offset + 7 }
})
const unreadable = (offset: number, key = MINE): LogRecord => ({
  offset,
  timestamp: 1000,
  key: Buffer.from(key),
  value: Buffer.from('{}'),
})

const batchOf = (own: LogRecord[], start = own[0]?.offset ?? 0): LogBatch => ({
  ...PLACE,
  start,
  next: (own.at(-1)?.offset ?? start) + 1,
  records: own,
})

/** A log that delivers these batches, whatever it is asked. */
function logOf(...batches: LogBatch[]): Pick<EventLog, 'read'> {
  return {
    read: async function* () {
      yield* batches
    },
  }
}

const walked = async <S>(steps: AsyncIterable<S>): Promise<S[]> => {
  const all: S[] = []
  for await (const step of steps) all.push(step)
  return all
}
const range = (to: number) => ({ ...PLACE, from: 0, to })

test('a step moves the position over what it read: next offset, first and last record, chain, leader', (t) => {
  const { start, position, stop } = readBatch(batchOf(records), foldStart(PLACE), NO_SKIPS)
  const chain = records.reduce((link, record) => chainNext(link, record), chainStart(PLACE.topic, PLACE.partition))
  const [first = unreadable(0), , , last = unreadable(3)] = records
  t.is(start, 0)
  t.is(stop, null)
  const hashes = { first_hash: recordHash(first), last_hash: recordHash(last) }
  t.deepEqual(position, { next: 4, last_offset: 3, ...hashes, chain, leader_epoch: 10 })
})

test('a position that was folded before first records were kept does not take a later record for the first', (t) => {
  const { position } = readBatch(batchOf(records.slice(0, 2)), foldStart(PLACE), NO_SKIPS)
  t.is(readBatch(batchOf(records), { ...position, first_hash: null }, NO_SKIPS).position.first_hash, null)
})

test('a batch that begins before the position is read from there on, and one without records moves only the offset', (t) => {
  const first = readBatch(batchOf(records.slice(0, 2)), foldStart(PLACE), NO_SKIPS)
  const second = readBatch(batchOf(records), first.position, NO_SKIPS)
  t.is(second.start, 2)
  t.deepEqual(
    second.records.map(({ position }) => position.offset),
    [2, 3],
  )
  t.deepEqual(second.position, readBatch(batchOf(records), foldStart(PLACE), NO_SKIPS).position)
  const hole = readBatch({ ...PLACE, start: 4, next: 9, records: [] }, second.position, NO_SKIPS)
  t.deepEqual(hole.position, { ...second.position, next: 9 })
})

test('a step stops before the first record that cannot be read, and the walk ends there', async (t) => {
  const before = batchOf(records.slice(0, 2))
  const broken = batchOf([...records.slice(2, 3), unreadable(3)])
  const log = logOf(before, broken, batchOf([unreadable(4)])) as EventLog
  const steps = await walked(walkLog(log, range(5), { skips: NO_SKIPS }))
  t.is(steps.length, 2)
  t.like(steps[1]?.stop, { offset: 3, key: MINE, timestamp: 1000 })
  t.like(steps[1]?.position, { next: 3, last_offset: 2 })
})

test('a walk reads nothing from its end on, also where a batch reaches further', async (t) => {
  const read: number[] = []
  const onRead = (offsets: number) => void read.push(offsets)
  const [step] = await walked(walkLog(logOf(batchOf(records)) as EventLog, range(2), { skips: NO_SKIPS, onRead }))
  t.like(step?.position, { next: 2, last_offset: 1 })
  t.deepEqual(read, [2])
  t.deepEqual(await walked(walkLog(logOf(batchOf(records)) as EventLog, range(0), { skips: NO_SKIPS })), [])
})

test('a walk over one key decodes no other record, and gives its grant the verdicts of the whole walk', async (t) => {
  const log = logOf(batchOf([...records, unreadable(4, OTHER)])) as EventLog
  const verdicts = async (key?: string) =>
    (
      await walked(
        foldLog(
          key === undefined
            ? walkLog(log, range(5), { skips: NO_SKIPS })
            : walkKey(log, range(5), { skips: NO_SKIPS, key }),
        ),
      )
    ).flatMap((step) => step.judged.map((one) => [one.recorded.position.offset, one.void]))
  t.deepEqual(await verdicts(MINE), [
    [0, null],
    [2, null],
    [3, 'generation_taken'],
  ])
  t.deepEqual(
    (await verdicts()).filter(([offset]) => offset !== 1),
    await verdicts(MINE),
  )
})
