import { Kafka, logLevel, Partitioners } from 'kafkajs'

/**
 * The limit of the log: kafkajs alone, batches of the same records, each batch acknowledged before the next is sent.
 */
type Order = {
  brokers: string[]
  topic: string
  records: { partition: number; key: string; value: string }[]
  measureMs: number
}

process.on('message', (order: Order) => void run(order).then((result) => process.send?.(result)))

async function run({ brokers, topic, records, measureMs }: Order): Promise<{ records: number; seconds: number }> {
  const producer = new Kafka({ brokers, clientId: 'bench', logLevel: logLevel.NOTHING }).producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
  })
  await producer.connect()
  const send = () => producer.sendBatch({ acks: -1, topicMessages: [{ topic, messages: records }] })
  await repeat(send, measureMs / 3)
  const rounds = await repeat(send, measureMs)
  await producer.disconnect()
  return { records: rounds * records.length, seconds: measureMs / 1000 }
}

async function repeat(work: () => Promise<unknown>, ms: number): Promise<number> {
  const until = performance.now() + ms
  let rounds = 0
  for (; performance.now() < until; rounds++) await work()
  return rounds
}
