import kafkajs from 'kafkajs'
import test from 'ava'
import { AppendError, LogReadError, type EventLog } from '../../../shared/event-log/event-log.ts'
import { inTime } from '../../support/in-time.ts'
import { freshPrefix, hasPart } from '../../support/real-parts.ts'
import { missingForKafka, startKafka, type KafkaCluster } from '../../support/start-kafka.ts'
import { openLog } from './subject.ts'
import { append as appendSurely, followAll, readAll } from '../reading.ts'
import { createTopic } from '../../support/topic-settings.ts'
import { until } from '../../support/waiting.ts'

// A cluster of its own, to kill and freeze.
const run = hasPart('kafka') && !missingForKafka() ? test.serial : test.serial.skip
let cluster: KafkaCluster
if (run === test.serial) {
  test.serial.before(async (t) => {
    t.timeout(120_000)
    cluster = await startKafka({ brokers: 2 })
  })
  test.after.always(() => cluster.stop())
}

run('no acknowledged record is lost when every broker is killed under load, and following goes on', async (t) => {
  t.timeout(120_000)
  const topic = `${freshPrefix()}.grants`
  const log = openLog(t, cluster.brokers, 2_000)
  await log.create([{ topic, partitions: 4 }])
  const followed = await followAll(t, log, [topic], 0)
  const load = startLoad(log, topic)
  t.teardown(load.stop)
  await until(() => load.acked.length > 200, 'load')
  await cluster.kill()
  await until(() => load.outcomes.size > 0, 'a failed append')
  const before = load.acked.length
  await cluster.restart()
  await until(() => load.acked.length > before + 200, 'appends after the outage', 60_000)
  await load.stop()
  t.true([...load.outcomes].every((outcome) => outcome === 'not_appended' || outcome === 'unknown'))
  t.true(load.slowest() < inTime(3_000), `${load.slowest()} ms`)
  const all = (await Promise.all([0, 1, 2, 3].map((partition) => readAll(log, { topic, partition })))).flat()
  const values = new Set(all.map(({ value }) => value.toString()))
  t.deepEqual(
    load.acked.filter((value) => !values.has(value)),
    [],
  )
  await until(() => followed.count() >= all.length, 'every record followed', 60_000)
  t.is(followed.count(), all.length)
})

run('a partition without a leader holds nobody else up, and is gone on with when it has one', async (t) => {
  t.timeout(120_000)
  const topic = `${freshPrefix()}.grants`
  // First: its patches are for what kafkajs has not loaded yet.
  const log = openLog(t, cluster.brokers, 3_000)
  const admin = new kafkajs.Kafka({ brokers: cluster.brokers, logLevel: kafkajs.logLevel.NOTHING }).admin()
  await admin.connect()
  const configEntries = [{ name: 'message.timestamp.type', value: 'LogAppendTime' }]
  const replicaAssignment = [1, 2].map((broker, partition) => ({ partition, replicas: [broker] }))
  await createTopic(admin, { topic, replicaAssignment, configEntries })
  await admin.disconnect()
  const record = (partition: number) => ({ topic, partition, key: 'key', value: 'value' })
  const append = (partition: number) => log.append(record(partition))
  await Promise.all([0, 1].map((partition) => appendSurely(log, record(partition))))
  const followed = await followAll(t, log, [topic], 2)
  await cluster.kill(2)
  const lost = t.throwsAsync(append(1), { instanceOf: AppendError })
  const all = t.throwsAsync(log.bounds([topic]), { instanceOf: LogReadError })
  const joining = followAll(t, openLog(t, cluster.brokers), [topic], 1)
  const started = performance.now()
  let count = 0
  while (performance.now() - started < 2_500) {
    await append(0)
    count++
  }
  t.true(count > 10, `${count} appends`)
  await lost
  await until(
    async () => (await log.boundsNow([topic])).silent[0]?.reason === 'it has no leader',
    'a partition without a leader',
  )
  const { bounds, silent } = await log.boundsNow([topic])
  t.deepEqual(
    [bounds, silent].map((places) => places.map(({ partition }) => partition)),
    [[0], [1]],
  )
  t.true((await readAll(log, { topic, partition: 0 })).length > count)
  // Who followed goes on, and so does who joins only now.
  const joined = await joining
  const ofFirst = { topic, partition: 0 }
  await until(
    () => followed.records(ofFirst).length > count && joined.records(ofFirst).length > count,
    'the records of the first partition',
  )
  // Who needs all of them is told which is missing.
  t.regex((await all).message, new RegExp(`^Kafka does not answer for ${topic}/1 \\(it has no leader\\)$`))
  await cluster.restart()
  await Promise.all([0, 1].map((partition) => appendSurely(log, record(partition))))
  t.is((await log.bounds([topic])).length, 2)
  const ofSecond = { topic, partition: 1 }
  await until(
    () => followed.records(ofSecond).length >= 2 && joined.records(ofSecond).length >= 2,
    'the records of the second partition',
  )
})

run('an append to a frozen broker ends within the timeout as unknown, and the log recovers', async (t) => {
  t.timeout(120_000)
  const topic = `${freshPrefix()}.grants`
  const log = openLog(t, cluster.brokers, 1_500)
  await log.create([{ topic, partitions: 2 }])
  const record = (partition: number) => ({ topic, partition, key: 'key', value: 'value' })
  const append = (partition: number) => log.append(record(partition))
  await Promise.all([0, 1].map((partition) => appendSurely(log, record(partition))))
  await cluster.pause()
  const started = performance.now()
  const failures = await Promise.allSettled([append(0), append(1)])
  t.true(performance.now() - started < inTime(2_500))
  for (const result of failures) {
    t.is(result.status === 'rejected' && result.reason instanceof AppendError && result.reason.outcome, 'unknown')
  }
  await cluster.resume()
  await Promise.all([0, 1].map((partition) => appendSurely(log, record(partition))))
  t.pass()
})

run('a broker frozen at the first contact of all is appended to within seconds after it wakes', async (t) => {
  t.timeout(120_000)
  const topic = `${freshPrefix()}.grants`
  await openLog(t, cluster.brokers).create([{ topic, partitions: 2 }])
  const record = { topic, partition: 0, key: 'key', value: 'value' }
  await cluster.pause()
  const log = openLog(t, cluster.brokers, 3_500)
  const places = [0, 1].map((partition) => ({ topic, partition }))
  const [failure, unwritable] = await Promise.all([
    t.throwsAsync(log.append(record), { instanceOf: AppendError }),
    log.unwritable(places),
  ])
  t.is(failure?.outcome, 'not_appended')
  t.deepEqual(
    unwritable.map(({ partition }) => partition),
    [0, 1],
  )
  await cluster.resume()
  const resumed = performance.now()
  await appendSurely(log, record)
  t.true(performance.now() - resumed < inTime(8_000))
  t.deepEqual(await log.unwritable(places), [])
})

function startLoad(log: EventLog, topic: string) {
  const acked: string[] = []
  const outcomes = new Set<string>()
  let writing = true
  let slowest = 0
  const write = async (writer: number) => {
    for (let i = 0; writing; i++) {
      const value = `${writer}/${i}`
      const started = performance.now()
      const append = log.append({ topic, partition: writer % 4, key: 'key', value })
      await append.then(
        () => acked.push(value),
        (error: unknown) => outcomes.add(error instanceof AppendError ? error.outcome : String(error)),
      )
      slowest = Math.max(slowest, performance.now() - started)
    }
  }
  const writers = Promise.all(Array.from({ length: 8 }, (_, writer) => write(writer)))
  const stop = async () => {
    writing = false
    await writers
  }
  return { acked, outcomes, stop, slowest: () => slowest }
}
