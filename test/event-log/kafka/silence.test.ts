import type { ExecutionContext } from 'ava'
import { createKafkaLog } from '../../../shared/event-log/kafka/kafka-log.ts'
import { FIND_COORDINATOR, startKafkaProxy } from '../../support/kafka-proxy.ts'
import { freshPrefix, kafkaBrokers, realTest } from '../../support/real-parts.ts'
import { until } from '../../support/waiting.ts'
import { append as appendSurely, followAll } from '../reading.ts'
import { openLog } from './subject.ts'

const test = realTest('kafka')

/** A log behind this proxy that tells what it lives through, and a topic that is there already. */
async function withTopic(t: ExecutionContext, brokers: string[]) {
  const topic = `${freshPrefix()}.grants`
  await openLog(t, kafkaBrokers()).create([{ topic, partitions: 2 }])
  const told: string[] = []
  const logger = (_level: string, message: string, { err }: Record<string, unknown>) =>
    void told.push(`${message} ${err instanceof Error ? err.message : ''}`)
  const log = createKafkaLog({ brokers, clientId: 'test', appendTimeoutMs: 3_500, logger })
  t.teardown(() => log.close())
  const append = (partition: number) => log.append({ topic, partition, key: 'key', value: 'value' })
  return { topic, log, append, hasTold: (words: RegExp) => told.some((line) => words.test(line)) }
}

test('a broker that is silent at the first contact is appended to as soon as it speaks', async (t) => {
  const proxy = await startKafkaProxy(t, kafkaBrokers(), { held: true })
  const { log, topic, append, hasTold } = await withTopic(t, proxy.brokers)
  const outcomes = [append(0), append(1), log.boundsNow([topic])].map((asked) =>
    asked.then(
      () => 'answered',
      (error: unknown) => String(error),
    ),
  )
  await until(() => hasTold(/ApiVersions.* timed out/), 'a first contact in vain')
  for (const outcome of await Promise.all(outcomes)) t.not(outcome, 'answered')
  proxy.pass()
  await Promise.all([0, 1].map((partition) => appendSurely(log, { topic, partition, key: 'key', value: 'value' })))
  t.is((await log.boundsNow([topic])).bounds.length, 2)
})

test('one broker of the list that never answers keeps nobody from the others', async (t) => {
  const mute = await startKafkaProxy(t, kafkaBrokers().slice(0, 1), { held: true })
  const { log, topic } = await withTopic(t, [...mute.brokers, ...kafkaBrokers()])
  t.is(typeof (await appendSurely(log, { topic, partition: 0, key: 'key', value: 'value' })).offset, 'number')
  t.is((await log.bounds([topic])).length, 2)
})

test('an answer that breaks off in the middle is not the beginning of the next', async (t) => {
  const proxy = await startKafkaProxy(t, kafkaBrokers())
  const { log, topic } = await withTopic(t, proxy.brokers)
  const record = { topic, partition: 0, key: 'key', value: 'value' }
  await appendSurely(log, record)
  proxy.tear()
  const { offset } = await appendSurely(log, record)
  t.true(offset > 0)
})

test('a coordinator that is slower than any patience ends no follower', async (t) => {
  const proxy = await startKafkaProxy(t, kafkaBrokers())
  proxy.delay(FIND_COORDINATOR, 6_000)
  const { log, topic, append, hasTold } = await withTopic(t, proxy.brokers)
  await appendSurely(log, { topic, partition: 0, key: 'key', value: 'value' })
  const following = followAll(t, log, [topic], 1)
  await until(() => hasTold(/Failed to find group coordinator/), 'the end of a consumer')
  proxy.delay(FIND_COORDINATOR, 0)
  const followed = await following
  await append(1)
  await until(() => followed.count() >= 2, 'the second record')
  t.pass()
})
