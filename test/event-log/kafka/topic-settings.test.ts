import { randomBytes } from 'node:crypto'
import kafkajs from 'kafkajs'
import { compressFrame } from 'lz4-napi'
import { shapeOf } from '../../../shared/event-log/places.ts'
import { startLedger } from '../../support/ledger.ts'
import { freshPrefix, realTest } from '../../support/real-parts.ts'
import { startKafka } from '../../support/start-kafka.ts'
import { configure, KEEPS_HISTORY } from '../../support/topic-settings.ts'
import { until } from '../../support/waiting.ts'
import { onceForFile } from '../../system/once-for-file.ts'
import { append, followAll, readAll } from '../reading.ts'
import { openLog } from './subject.ts'

const test = realTest('kafka', 'postgres')

/** A Kafka whose own defaults are the opposite of what a ledger needs. */
const hostile = onceForFile(async (t) => {
  const kafka = await startKafka()
  t.teardown(() => kafka.stop())
  const client = new kafkajs.Kafka({ brokers: kafka.brokers, logLevel: kafkajs.logLevel.NOTHING })
  const admin = client.admin()
  await admin.connect()
  t.teardown(() => admin.disconnect())
  const opposite = {
    'compression.type': 'zstd',
    'log.cleanup.policy': 'compact',
    'log.retention.ms': '60000',
    'unclean.leader.election.enable': 'true',
  }
  await configure(admin, '1', opposite, kafkajs.ConfigResourceTypes.BROKER)
  return { brokers: kafka.brokers, client, admin }
})

test('where every default of the broker would end a ledger it is made, migrated again, and sound', async (t) => {
  const { brokers } = await hostile()
  const ledger = await startLedger(t, { brokers })
  const again = await startLedger(t, { beside: ledger, services: ['token-check'] })
  t.deepEqual(await again.runtime.log.problems(shapeOf(ledger.runtime.topics)), [])
  const { access_token } = await ledger.grant({ to: await ledger.client() })
  t.true(await ledger.isActive(access_token))
})

for (const type of ['gzip', 'snappy', 'lz4', 'zstd']) {
  test(`what a broker made of our records under compression.type ${type} is read like any other`, async (t) => {
    const { brokers, admin } = await hostile()
    const topic = `${freshPrefix()}.grants`
    const log = openLog(t, brokers)
    await log.create([{ topic, partitions: 1 }])
    const values = [randomBytes(120_000).toString('hex'), 'short', 'again '.repeat(40_000)]
    await append(log, { topic, partition: 0, key: 'key', value: 'before' })
    await configure(admin, topic, { ...KEEPS_HISTORY, 'compression.type': type })
    const wrong = type === 'gzip' ? [] : [`${topic}: compression.type is ${type}, must be uncompressed`]
    await until(async () => (await log.problems([{ topic, partitions: 1 }])).join() === wrong.join(), 'the problem')
    await Promise.all(values.map((value) => append(log, { topic, partition: 0, key: 'key', value })))
    const expected = ['before', ...values]
    const read = await readAll(log, { topic, partition: 0 })
    t.deepEqual(
      read.map(({ value }) => value.toString()),
      expected,
    )
    const { records } = await followAll(t, log, [topic], expected.length)
    t.deepEqual(
      records({ topic, partition: 0 }).map(({ value }) => value.toString()),
      expected,
    )
  })
}

test('what a foreign producer compressed is unpacked by the broker, or read where an older ledger lets it in', async (t) => {
  const { brokers, client, admin } = await hostile()
  const log = openLog(t, brokers)
  packWithLz4()
  const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  t.teardown(() => producer.disconnect())
  for (const type of ['uncompressed', 'producer']) {
    const topic = `${freshPrefix()}.grants`
    await log.create([{ topic, partitions: 1 }])
    await configure(admin, topic, { ...KEEPS_HISTORY, 'compression.type': type })
    t.deepEqual(await log.problems([{ topic, partitions: 1 }]), [])
    const messages = ['one', 'two'].map((value) => ({ key: 'key', value: value.repeat(1_000), partition: 0 }))
    await producer.send({ topic, messages, compression: kafkajs.CompressionTypes.LZ4 })
    const read = await readAll(log, { topic, partition: 0 })
    t.deepEqual(
      read.map(({ value }) => value.toString()),
      messages.map(({ value }) => value),
    )
  }
})

test("what a writer's clock says is neither looked at nor a reason to refuse a record", async (t) => {
  const { brokers, admin } = await hostile()
  const topic = `${freshPrefix()}.grants`
  const log = openLog(t, brokers)
  await log.create([{ topic, partitions: 1 }])
  const narrow = { 'message.timestamp.before.max.ms': '1', 'message.timestamp.after.max.ms': '1' }
  await configure(admin, topic, { ...KEEPS_HISTORY, ...narrow })
  t.is((await append(log, { topic, partition: 0, key: 'key', value: 'value' })).offset, 0)
})

test('a topic that would take no record of ours is named', async (t) => {
  const { brokers, admin } = await hostile()
  const topic = `${freshPrefix()}.grants`
  const log = openLog(t, brokers)
  await log.create([{ topic, partitions: 1 }])
  await configure(admin, topic, { ...KEEPS_HISTORY, 'min.insync.replicas': '2', 'max.message.bytes': '900000' })
  const wrong = [
    `${topic}: max.message.bytes is 900000, must be 1048588`,
    `${topic}: min.insync.replicas is 2, must be at most 1, the number of replicas, or nothing can be appended`,
  ]
  await until(async () => (await log.problems([{ topic, partitions: 1 }])).join() === wrong.join(), wrong.join())
  t.pass()
})

/** As another producer would: ours compresses nothing. */
function packWithLz4(): void {
  const { LZ4 } = kafkajs.CompressionTypes
  const ours = kafkajs.CompressionCodecs[LZ4]() as object
  const compress = ({ buffer }: { buffer: Buffer }) => compressFrame(buffer)
  Reflect.set(kafkajs.CompressionCodecs, LZ4, () => ({ ...ours, compress }))
}
