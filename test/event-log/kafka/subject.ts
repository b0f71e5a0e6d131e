import { connect as connectSocket, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'
import kafkajs, { type ISocketFactoryArgs } from 'kafkajs'
import { createKafkaLog } from '../../../shared/event-log/kafka/kafka-log.ts'
import { kafkaBrokers } from '../../support/real-parts.ts'
import type { Subject } from '../contract.ts'
import { until } from '../../support/waiting.ts'

/** The Kafka adapter as subject of the contract. */
export const kafkaSubject: Subject = {
  open: async (t) => openLog(t, kafkaBrokers()),
  unreachable: async (t) => openLog(t, ['127.0.0.1:1'], 1_000),
  forgetful: async (t) => {
    let losing = false
    const log = openLog(t, kafkaBrokers(), 3_000, { loses: () => losing })
    return { log, lose: (on) => (losing = on) }
  },
  cut: async (t, topic, before) => {
    const admin = new kafkajs.Kafka({ brokers: kafkaBrokers(), logLevel: kafkajs.logLevel.NOTHING }).admin()
    await admin.connect()
    t.teardown(() => admin.disconnect())
    // kafkajs must have heard of the topic first, and the broker that it asks may not have yet.
    const isKnown = () => admin.fetchTopicOffsets(topic).then(Boolean, () => false)
    await until(isKnown, 'a topic that the broker knows')
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: String(before) }] })
  },
}

type Wire = {
  /** While true, what the brokers answer does not arrive. */
  loses?: () => boolean
  /** Is shown every request. */
  sent?: (bytes: Buffer) => void
}

/** A log on these brokers, closed when the test ends. */
export function openLog(t: ExecutionContext, brokers: string[], appendTimeoutMs = 5_000, wire: Wire = {}) {
  const socketFactory = ({ host, port, onConnect }: ISocketFactoryArgs) =>
    tapped(connectSocket({ host, port }, onConnect), wire)
  const log = createKafkaLog({ brokers, clientId: 'test', appendTimeoutMs, socketFactory })
  t.teardown(() => log.close())
  return log
}

function tapped(socket: Socket, { loses = () => false, sent }: Wire): Socket {
  const [emit, write] = [socket.emit.bind(socket), socket.write.bind(socket)]
  socket.emit = (event: string, ...args: unknown[]) => (event === 'data' && loses() ? true : emit(event, ...args))
  if (sent)
    socket.write = (bytes: Buffer | string) => {
      // kafkajs writes each request whole.
      sent(Buffer.from(bytes as Buffer))
      return write(bytes)
    }
  return socket
}
