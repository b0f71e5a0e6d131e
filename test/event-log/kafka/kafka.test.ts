import kafkajs from 'kafkajs'
import type { Follower } from '../../../shared/event-log/event-log.ts'
import { freshPrefix, kafkaBrokers, realTest } from '../../support/real-parts.ts'
import { contract } from '../contract.ts'
import { kafkaSubject, openLog } from './subject.ts'
import { readAll } from '../reading.ts'
import { createTopic } from '../../support/topic-settings.ts'
import { arrival, until } from '../../support/waiting.ts'

const test = realTest('kafka')

contract(test, kafkaSubject)

test('a record whose answer got lost once is sent again: acknowledged, and twice in the log', async (t) => {
  const topic = `${freshPrefix()}.grants`
  let losing = false
  let lost = 0
  const log = openLog(t, kafkaBrokers(), 20_000, { loses: () => losing && ++lost > 0 })
  const other = openLog(t, kafkaBrokers())
  await log.create([{ topic, partitions: 1 }])
  const record = { topic, partition: 0, key: 'key', value: 'value' }
  const before = await log.append({ ...record, value: 'before' })
  losing = true
  const appending = log.append(record)
  await until(async () => ((await other.bounds([topic]))[0]?.end ?? 0) > before.offset + 1, 'a second copy in the log')
  await until(() => lost > 0, 'a lost answer')
  losing = false
  const ack = await appending
  const copies = (await readAll(other, record)).filter(({ value }) => value.toString() === 'value')
  t.true(copies.length >= 2)
  t.true(copies.some(({ offset }) => offset === ack.offset))
})

test('every setting that would lose or reorder history is a problem, by name', async (t) => {
  const topic = `${freshPrefix()}.grants`
  const log = openLog(t, kafkaBrokers())
  const admin = new kafkajs.Kafka({ brokers: kafkaBrokers(), logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  t.teardown(() => admin.disconnect())
  const wrong = {
    'cleanup.policy': 'compact',
    'retention.ms': '604800000',
    'retention.bytes': '1000000',
    'message.timestamp.type': 'CreateTime',
    'unclean.leader.election.enable': 'true',
    'compression.type': 'zstd',
    'max.message.bytes': '100000',
  }
  const configEntries = Object.entries(wrong).map(([name, value]) => ({ name, value }))
  await createTopic(admin, { topic, numPartitions: 1, replicationFactor: 1, configEntries })
  const problems = await log.problems([{ topic, partitions: 1 }])
  for (const [name, value] of Object.entries(wrong)) {
    t.true(problems.some((problem) => problem.startsWith(`${topic}: ${name} is ${value}, must be `)))
  }
  t.is(problems.length, 7)
})

test('followers of one group share the partitions, and take over what another leaves', async (t) => {
  const topic = `${freshPrefix()}.grants`
  const group = freshPrefix()
  const log = openLog(t, kafkaBrokers())
  await log.create([{ topic, partitions: 4 }])
  const positions = new Map<number, number>()
  const assigned: number[][] = [[], []]
  const taken: string[] = []
  // Both keep their positions in one place, as projectors do in the read model.
  const follower = (index: number): Follower => ({
    begin: async (places) => {
      assigned[index] = places.map(({ partition }) => partition)
      return places.map((place) => ({ ...place, offset: positions.get(place.partition) ?? 0 }))
    },
    take: async ({ partition, next, records }) => {
      taken.push(...records.map(({ value }) => value.toString()))
      positions.set(partition, next)
      return next
    },
  })
  const first = await log.follow(group, [topic], follower(0))
  await until(() => assigned[0]?.length === 4, 'all partitions at the first follower')
  const second = await log.follow(group, [topic], follower(1))
  t.teardown(() => second.stop())
  await until(() => assigned[0]?.length === 2 && assigned[1]?.length === 2, 'partitions shared by two')
  const append = (value: string) =>
    Promise.all(
      [0, 1, 2, 3].map((partition) => log.append({ topic, partition, key: 'key', value: `${value}/${partition}` })),
    )
  await append('shared')
  await until(() => taken.length === 4, 'a record of each partition')
  await first.stop()
  await append('alone')
  await until(() => taken.length >= 8, 'a second record of each')
  t.is(assigned[1]?.length, 4)
  t.deepEqual(
    taken.toSorted(),
    ['alone', 'shared'].flatMap((value) => [0, 1, 2, 3].map((p) => `${value}/${p}`)),
  )
})

test("a record that carries its writer's time is not read, and nobody follows past it", async (t) => {
  const topic = `${freshPrefix()}.grants`
  const log = openLog(t, kafkaBrokers())
  const kafka = new kafkajs.Kafka({ brokers: kafkaBrokers(), logLevel: kafkajs.logLevel.NOTHING })
  const [admin, producer] = [kafka.admin(), kafka.producer({ allowAutoTopicCreation: false })]
  await Promise.all([admin.connect(), producer.connect()])
  t.teardown(() => Promise.all([admin.disconnect(), producer.disconnect()]))
  const configEntries = [
    { name: 'message.timestamp.type', value: 'CreateTime' },
    // Its time is long ago, and what is old is deleted by default.
    { name: 'retention.ms', value: '-1' },
  ]
  await createTopic(admin, { topic, numPartitions: 1, replicationFactor: 1, configEntries })
  await producer.send({ topic, messages: [{ key: 'key', value: 'value', timestamp: '1' }] })

  await t.throwsAsync(readAll(log, { topic, partition: 0 }), { name: 'WriterTimeError' })
  const taken: number[] = []
  const following = await log.follow(freshPrefix(), [topic], {
    begin: async (places) => places.map((place) => ({ ...place, offset: 0 })),
    take: async ({ next }) => (taken.push(next), next),
  })
  t.teardown(() => following.stop())
  await t.throwsAsync(arrival(following.ended, 'the end of following'), { name: 'WriterTimeError' })
  t.deepEqual(taken, [])
})

test('an append asks for the acknowledgement of every replica in sync', async (t) => {
  const topic = `${freshPrefix()}.grants`
  const asked: number[] = []
  const log = openLog(t, kafkaBrokers(), 5_000, { sent: (bytes) => asked.push(...acksOf(bytes)) })
  await log.create([{ topic, partitions: 1 }])
  await log.append({ topic, partition: 0, key: 'key', value: 'value' })
  t.true(asked.length > 0)
  t.deepEqual(new Set(asked), new Set([-1]))
})

const PRODUCE = 0

/** The `acks` of a produce request, versions 3 to 8: length, key, version, correlation, client, transaction, acks. */
function acksOf(bytes: Buffer): number[] {
  if (bytes.readInt16BE(4) !== PRODUCE) return []
  const transaction = 14 + Math.max(0, bytes.readInt16BE(12))
  return [bytes.readInt16BE(transaction + 2 + Math.max(0, bytes.readInt16BE(transaction)))]
}
