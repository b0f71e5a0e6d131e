import { createServer } from 'node:net'
import { once } from 'node:events'
import test from 'ava'
import { createKafkaLog } from '../../../shared/event-log/kafka/kafka-log.ts'
import type { LogLogger } from '../../../shared/event-log/retrying.ts'

test('a broker that is away is told once, however often it is asked, and by how many connections', async (t) => {
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const broker = `127.0.0.1:${(closed.address() as { port: number }).port}`
  closed.close()
  await once(closed, 'close')
  const lines: string[] = []
  const logger: LogLogger = (level, message, { namespace }) => {
    if (typeof namespace === 'string') lines.push(`${level} ${namespace} ${message}`)
  }
  const log = createKafkaLog({ brokers: [broker], clientId: 'away', appendTimeoutMs: 500, logger })
  t.teardown(() => log.close())
  for (let asked = 0; asked < 3; asked++) await t.throwsAsync(log.bounds(['a']))
  await t.throwsAsync(log.clusterId())
  t.true(lines.some((line) => line.includes(`ECONNREFUSED ${broker}`)))
  t.deepEqual(lines, [...new Set(lines)])
})
