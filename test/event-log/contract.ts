import type { ExecutionContext } from 'ava'
import { chainNext, chainStart, recordHash } from '../../shared/event-log/chain.ts'
import {
  AppendError,
  LogReadError,
  type EventLog,
  type Follower,
  type LogBatch,
} from '../../shared/event-log/event-log.ts'
import { inTime } from '../support/in-time.ts'
import { freshPrefix, type RealTest } from '../support/real-parts.ts'
import { append as appendSurely, followAll, readAll } from './reading.ts'
import { arrival, until } from '../support/waiting.ts'

type T = ExecutionContext

/** What an adapter brings to the contract. */
export type Subject = {
  /** A log as another process would open it, on the same store each time; closed when the test ends. */
  open(t: T): Promise<EventLog>
  /** A log that nobody answers. */
  unreachable?(t: T): Promise<EventLog>
  /** A log with a short append timeout, whose answers get lost while `lose(true)`. */
  forgetful(t: T): Promise<{ log: EventLog; lose: (on: boolean) => void }>
  /** Removes the beginning of partition 0 behind the log's back. */
  cut(t: T, topic: string, before: number): Promise<void>
}

const PARTITIONS = 3

/** Every promise of the port, one test each. */
export function contract(test: RealTest, subject: Subject): void {
  async function withTopic(t: T) {
    const log = await subject.open(t)
    const topic = `${freshPrefix()}.grants`
    await log.create([{ topic, partitions: PARTITIONS }])
    const append = (value: string, partition = 0, key = 'key') => log.append({ topic, partition, key, value })
    return { log, topic, append, place: { topic, partition: 0 } }
  }

  test('an acknowledged record is read by every reader, byte for byte, at its offset and time', async (t) => {
    const { log, topic, place } = await withTopic(t)
    const values = ['', '{"a":"b\\"c\'"}', 'ü€😀', '\u0000\n\\x00 ? $1 :x {}', 'x'.repeat(300_000)]
    const acks = await Promise.all(values.map((value, i) => log.append({ ...place, key: `ключ/${i}`, value })))
    const other = await subject.open(t)
    const { records } = await followAll(t, other, [topic], values.length)
    t.deepEqual(await readAll(log, place), await readAll(other, place))
    for (const [i, { offset, timestamp }] of acks.entries()) {
      for (const reader of [await readAll(other, place), records(place)]) {
        const record = reader.find((one) => one.offset === offset)
        t.is(record?.value.toString(), values[i])
        t.is(record?.key.toString(), `ключ/${i}`)
        t.is(record?.timestamp, timestamp)
      }
    }
  })

  test('who has seen an offset never sees a new record below it', async (t) => {
    const { log, topic, place } = await withTopic(t)
    const other = await subject.open(t)
    const seen: number[][] = []
    let writing = true
    const watching = (async () => {
      while (writing) seen.push((await readAll(other, place)).map(({ offset }) => offset))
    })()
    const write = async (writer: EventLog) => {
      for (let i = 0; i < 60; i++) await writer.append({ topic, partition: 0, key: `${i % 7}`, value: `${i}` })
    }
    await Promise.all([write(log), write(other), write(log), write(other)])
    writing = false
    await watching
    const final = (await readAll(log, place)).map(({ offset }) => offset)
    t.is(final.length, 240)
    t.true(seen.length > 0)
    for (const offsets of seen) t.deepEqual(offsets, final.slice(0, offsets.length))
  })

  test('batches join without a gap, and offsets rise inside of them', async (t) => {
    const { log, topic, append } = await withTopic(t)
    await Promise.all(Array.from({ length: 700 }, (_, i) => append(`${i}`.padEnd(2_000), i % PARTITIONS)))
    const { batches } = await followAll(t, log, [topic], 700)
    const nexts = new Map<number, number>()
    for (const { partition, start, next, records } of batches) {
      t.is(start, nexts.get(partition) ?? 0)
      nexts.set(partition, next)
      let previous = start - 1
      for (const { offset } of records) {
        t.true(offset > previous && offset < next)
        previous = offset
      }
    }
  })

  test('sequential appends of one key keep their order', async (t) => {
    const { append, log, place } = await withTopic(t)
    const noise = Array.from({ length: 50 }, (_, i) => append('noise', i % PARTITIONS, 'other'))
    const acks = []
    for (let i = 0; i < 20; i++) acks.push(await append(`${i}`))
    await Promise.all(noise)
    const mine = (await readAll(log, place)).filter(({ key }) => key.toString() === 'key')
    t.deepEqual(
      mine.map(({ offset, value }) => [offset, value.toString()]),
      acks.map(({ offset }, i) => [offset, `${i}`]),
    )
  })

  test('the end is above every acknowledged offset, for everyone, at once', async (t) => {
    const { append, topic } = await withTopic(t)
    const other = await subject.open(t)
    for (let i = 0; i < 20; i++) {
      const { offset } = await append(`${i}`)
      const [bound] = await other.bounds([topic])
      t.true(bound !== undefined && bound.partition === 0 && bound.end > offset)
    }
  })

  test('an append whose answer is lost ends as unknown, and may have landed', async (t) => {
    const { topic, place } = await withTopic(t)
    const { log, lose } = await subject.forgetful(t)
    const first = await appendSurely(log, { ...place, key: 'key', value: 'before' })
    lose(true)
    const error = await t.throwsAsync(log.append({ topic, partition: 0, key: 'key', value: 'lost' }), {
      instanceOf: AppendError,
    })
    lose(false)
    t.is(error.outcome, 'unknown')
    const other = await subject.open(t)
    const landed = (await readAll(other, place)).filter(({ offset }) => offset > first.offset)
    t.true(landed.length >= 1)
    t.true(landed.every(({ value }) => value.toString() === 'lost'))
    const after = await appendSurely(log, { ...place, key: 'key', value: 'after' })
    t.true(after.offset > (landed.at(-1)?.offset ?? 0))
  })

  if (subject.unreachable) {
    const unreachable = subject.unreachable.bind(subject)
    test('an append that cannot reach the log ends as surely not appended, in time', async (t) => {
      const log = await unreachable(t)
      const started = performance.now()
      const record = { topic: 'nowhere', partition: 0, key: 'key', value: 'value' }
      const results = await Promise.allSettled([log.append(record), log.append({ ...record, partition: 1 })])
      t.true(performance.now() - started < inTime(3_000))
      for (const result of results) {
        t.is(
          result.status === 'rejected' && result.reason instanceof AppendError && result.reason.outcome,
          'not_appended',
        )
      }
    })

    test('questions to a log that cannot be reached say so', async (t) => {
      const log = await unreachable(t)
      for (const ask of [
        () => log.clusterId(),
        () => log.bounds(['nowhere']),
        () => log.boundsNow(['nowhere']),
        () => log.firstRecords([{ topic: 'nowhere', partition: 0 }]),
        () => log.problems([]),
      ]) {
        const error = await t.throwsAsync(ask(), { instanceOf: LogReadError })
        t.is(error.reason, 'unreachable')
      }
    })
  }

  test('a record that is too large is refused as such, and the others are appended', async (t) => {
    const { append, log, place } = await withTopic(t)
    const large = append('x'.repeat(950_000))
    const [small, error] = await Promise.all([append('small'), t.throwsAsync(large, { instanceOf: AppendError })])
    t.is(error.outcome, 'too_large')
    t.deepEqual(
      (await readAll(log, place)).map(({ offset }) => offset),
      [small.offset],
    )
  })

  test('many large records at once are all appended', async (t) => {
    const { append } = await withTopic(t)
    const acks = await Promise.all(Array.from({ length: 12 }, () => append('x'.repeat(800_000))))
    t.is(new Set(acks.map(({ offset }) => offset)).size, 12)
  })

  for (const offset of [1, -1]) {
    test(`a position ${offset > 0 ? 'beyond the end' : 'before the beginning'} is refused, never reset`, async (t) => {
      const { log, topic, place, append } = await withTopic(t)
      await append('one')
      const [bound] = await log.bounds([topic])
      const outside = offset > 0 ? (bound?.end ?? 0) + 1 : -1
      const begin: Follower['begin'] = async (places) =>
        places.map((each) => ({ ...each, offset: each.partition === 0 ? outside : 0 }))
      const following = await log.follow(freshPrefix(), [topic], { begin, take: async ({ next }) => next })
      const ended = await t.throwsAsync(arrival(following.ended, 'the end of following'), { instanceOf: LogReadError })
      t.is(ended.reason, 'out_of_range')
      const range = offset > 0 ? { from: 0, to: outside } : { from: outside, to: 1 }
      const read = await t.throwsAsync(readAll(log, { ...place, ...range }), { instanceOf: LogReadError })
      t.is(read.reason, 'out_of_range')
    })
  }

  test('a partition that was left is followed again from where the follower says, once it is offered', async (t) => {
    const { log, topic, append, place } = await withTopic(t)
    const asked: number[] = []
    const taken: number[] = []
    let mended = false
    const following = await log.follow(freshPrefix(), [topic], {
      begin: async (places) => {
        asked.push(places.length)
        return places.map((each) => ({ ...each, offset: mended ? 1 : 0 }))
      },
      take: async ({ records, next }) => {
        taken.push(...records.map(({ offset }) => offset))
        return mended ? next : null
      },
    })
    t.teardown(() => following.stop())
    await append('one')
    await until(() => taken.length === 1, 'the first record')
    await append('two')
    // Another that was not left is not asked for again.
    mended = true
    await until(async () => {
      await following.offer([place, { topic, partition: 1 }])
      return taken.length > 1
    }, 'the second record')
    t.deepEqual(taken, [0, 1])
    t.is(asked.at(-1), 1)
    await append('three')
    await until(() => taken.length === 3, 'the third record')
  })

  test('a follower that wants to go on beyond the end is stopped with an error', async (t) => {
    const { log, topic, append } = await withTopic(t)
    await append('one')
    const begin: Follower['begin'] = async (places) => places.map((place) => ({ ...place, offset: 0 }))
    const following = await log.follow(freshPrefix(), [topic], { begin, take: async ({ next }) => next + 10 })
    const error = await t.throwsAsync(arrival(following.ended, 'the end of following'), { instanceOf: LogReadError })
    t.is(error.reason, 'out_of_range')
  })

  test('a log whose beginning is gone is a problem, and its bounds tell', async (t) => {
    const { log, topic, append } = await withTopic(t)
    for (let i = 0; i < 4; i++) await append(`${i}`)
    t.deepEqual(await log.problems([{ topic, partitions: PARTITIONS }]), [])
    await subject.cut(t, topic, 2)
    const [problem, ...more] = await log.problems([{ topic, partitions: PARTITIONS }])
    t.deepEqual(more, [])
    t.is(problem, `${topic}/0 begins at offset 2, not at 0`)
    t.deepEqual((await log.bounds([topic]))[0], { topic, partition: 0, first: 2, end: 4 })
    const error = await t.throwsAsync(readAll(log, { topic, partition: 0, from: 0, to: 4 }), {
      instanceOf: LogReadError,
    })
    t.is(error.reason, 'out_of_range')
  })

  test('the first record of a partition is the same for every reader, whatever its size and whatever comes later', async (t) => {
    const { log, topic, append } = await withTopic(t)
    const places = [0, 1, 2].map((partition) => ({ topic, partition }))
    t.deepEqual(await log.firstRecords(places), [])
    await Promise.all([append('x'.repeat(800_000), 0), append('small', 1)])
    const other = await subject.open(t)
    const firsts = async (reader: EventLog) => {
      const found = await reader.firstRecords(places)
      return found.map(({ partition, record }) => [partition, recordHash(record).toString('hex')])
    }
    const first = await firsts(log)
    t.deepEqual(
      first,
      await Promise.all(
        [0, 1].map(async (partition) => {
          const [record] = await readAll(other, { topic, partition })
          return [partition, record && recordHash(record).toString('hex')]
        }),
      ),
    )
    await Promise.all([append('later', 0), append('later', 1), append('x', 2)])
    t.deepEqual((await firsts(other)).slice(0, 2), first)
    t.is((await firsts(log)).length, 3)
  })

  test('a partition whose beginning is gone has no first record', async (t) => {
    const { log, topic, place, append } = await withTopic(t)
    for (const partition of [0, 0, 1]) await append('value', partition)
    await subject.cut(t, topic, 1)
    const found = await log.firstRecords([place, { topic, partition: 1 }])
    t.deepEqual(
      found.map(({ partition }) => partition),
      [1],
    )
  })

  test('create is idempotent, also at once; a missing topic and another number of partitions are problems', async (t) => {
    const { log, topic, append } = await withTopic(t)
    const other = await subject.open(t)
    await append('kept')
    const second = `${topic}.second`
    const shapes = [
      { topic, partitions: PARTITIONS },
      { topic: second, partitions: 1 },
    ]
    await Promise.all([log.create(shapes), other.create(shapes)])
    t.deepEqual(await log.problems(shapes), [])
    t.is((await readAll(log, { topic, partition: 0 })).length, 1)
    const missing = { topic: `${topic}.missing`, partitions: 1 }
    const problems = await log.problems([{ topic, partitions: PARTITIONS + 1 }, missing])
    t.true(problems.some((problem) => problem === `${topic} has ${PARTITIONS} partitions, not ${PARTITIONS + 1}`))
    t.true(problems.some((problem) => problem.startsWith(`${missing.topic} does not exist`)))
  })

  test('every process is told the same cluster id', async (t) => {
    const [one, two] = await Promise.all([subject.open(t), subject.open(t)])
    await one.create([{ topic: `${freshPrefix()}.grants`, partitions: 1 }])
    t.truthy(await one.clusterId())
    t.is(await one.clusterId(), await two.clusterId())
  })

  test('followers of different groups and readers do not disturb each other', async (t) => {
    const { log, topic, append, place } = await withTopic(t)
    await Promise.all(Array.from({ length: 30 }, (_, i) => append(`${i}`, i % PARTITIONS)))
    const one = await followAll(t, log, [topic], 30)
    const two = await followAll(t, await subject.open(t), [topic], 30)
    await one.following.stop()
    await append('later')
    await until(() => two.count() === 31, 'the later record')
    t.is(one.count(), 30)
    t.is((await readAll(log, place)).length, 11)
  })

  test('a batch that the follower rejects is delivered again, and nothing is skipped', async (t) => {
    const { log, topic, append } = await withTopic(t)
    await append('first')
    const offered: number[][] = []
    const take = async (batch: LogBatch) => {
      offered.push(batch.records.map(({ offset }) => offset))
      if (offered.length < 3) throw new Error('the database is down')
      return batch.next
    }
    const { following } = await followAll(t, log, [topic], 0, take)
    await until(() => offered.length >= 3, 'three offers of the first batch')
    await append('second')
    await until(() => offered.length >= 4, 'the next batch')
    t.deepEqual(offered.slice(0, 3), [offered[0], offered[0], offered[0]])
    t.deepEqual(offered[3], [1])
    await following.stop()
  })

  test('a partition that the follower leaves is left alone, and the others go on', async (t) => {
    const { log, topic, append } = await withTopic(t)
    const taken: number[] = []
    const take = async ({ partition, next, records }: LogBatch) => {
      taken.push(...records.map(() => partition))
      return partition === 0 ? null : next
    }
    await followAll(t, log, [topic], 0, take)
    await Promise.all([append('a', 0), append('b', 1)])
    await until(() => taken.includes(0) && taken.includes(1), 'a batch of each partition')
    await append('c', 0)
    await append('d', 1)
    await until(
      () => taken.filter((partition) => partition === 1).length === 2,
      'another record of the other partition',
    )
    t.is(taken.filter((partition) => partition === 0).length, 1)
  })

  test('partitions that the follower does not name at the beginning are not delivered', async (t) => {
    const { log, topic, append } = await withTopic(t)
    await Promise.all([append('a', 0), append('b', 1)])
    const taken: number[] = []
    const following = await log.follow(freshPrefix(), [topic], {
      begin: async () => [{ topic, partition: 1, offset: 0 }],
      take: async ({ partition, next }) => (taken.push(partition), next),
    })
    t.teardown(() => following.stop())
    await until(() => taken.length > 0, 'a first batch')
    await append('c', 1)
    await until(() => taken.length > 1, 'a second batch')
    t.deepEqual(new Set(taken), new Set([1]))
  })

  test('a follower may go back, and begin in the middle', async (t) => {
    const { log, topic, append } = await withTopic(t)
    for (let i = 0; i < 5; i++) await append(`${i}`)
    const starts: number[] = []
    const following = await log.follow(freshPrefix(), [topic], {
      begin: async () => [{ topic, partition: 0, offset: 3 }],
      take: async ({ start, next, records }) => {
        starts.push(start)
        t.is(records[0]?.offset, start)
        return starts.length === 1 ? 1 : next
      },
    })
    t.teardown(() => following.stop())
    await until(() => starts.length === 2, 'a batch from where the follower went back to')
    t.deepEqual(starts, [3, 1])
  })

  test('a read delivers exactly its range, at the pace of its reader, and can be broken off', async (t) => {
    const { log, topic, append, place } = await withTopic(t)
    await Promise.all(Array.from({ length: 40 }, () => append('x'.repeat(100_000))))
    t.deepEqual(
      (await readAll(log, { topic, partition: 0, from: 3, to: 7 })).map(({ offset }) => offset),
      [3, 4, 5, 6],
    )
    t.deepEqual(await readAll(log, { ...place, from: 5, to: 5 }), [])
    for await (const batch of log.read({ ...place, from: 0, to: 40 })) {
      t.true(batch.records.length < 40)
      break
    }
    const aborting = new AbortController()
    const reading = async () => {
      for await (const { next } of log.read({ ...place, from: 0, to: 40 }, aborting.signal)) {
        t.true(next < 40)
        aborting.abort()
      }
    }
    t.is(await reading().catch((error: unknown) => error), aborting.signal.reason)
  })

  test('all partitions are read at once', async (t) => {
    const log = await subject.open(t)
    const topic = `${freshPrefix()}.grants`
    await log.create([{ topic, partitions: 13 }])
    await Promise.all(
      Array.from({ length: 130 }, (_, i) => log.append({ topic, partition: i % 13, key: 'key', value: `${i}` })),
    )
    const bounds = await log.bounds([topic])
    const all = await Promise.all(bounds.map(({ partition }) => readAll(log, { topic, partition })))
    t.deepEqual(
      all.map((records) => records.length),
      Array.from({ length: 13 }, () => 10),
    )
  })

  test('the chain of a partition is the same for every reader, however it was batched', async (t) => {
    const { log, topic, append, place } = await withTopic(t)
    for (let i = 0; i < 10; i++) await append(`${i}`)
    const chainOf = (records: LogBatch['records']) => records.reduce(chainNext, chainStart(topic, 0)).toString('hex')
    const parts = [await readAll(log, { ...place, from: 0, to: 4 }), await readAll(log, { ...place, from: 4, to: 10 })]
    const { records } = await followAll(t, await subject.open(t), [topic], 10)
    t.is(chainOf(parts.flat()), chainOf(records(place)))
  })

  test('close sends what waits; afterwards nothing is appended', async (t) => {
    const { topic, place, log } = await withTopic(t)
    const closing = await subject.open(t)
    const record = { topic, partition: 0, key: 'key', value: 'value' }
    const waiting = Promise.all(Array.from({ length: 50 }, () => closing.append(record)))
    await closing.close()
    t.is((await waiting).length, 50)
    const error = await t.throwsAsync(closing.append(record), { instanceOf: AppendError })
    t.is(error.outcome, 'not_appended')
    t.is((await readAll(log, place)).length, 50)
  })
}
