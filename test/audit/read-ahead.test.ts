import test from 'ava'
import { readAhead } from '../../services/audit/read-ahead.ts'
import { type EventLog, type LogBatch, LogReadError } from '../../shared/event-log/event-log.ts'

const RANGE = { topic: 'grants', partition: 0, from: 0, to: 9 }

/** A log that tells what was asked of it, and fails behind its third batch. */
function told() {
  const steps: string[] = []
  const read = async function* (): AsyncGenerator<LogBatch> {
    try {
      for (let n = 0; n < 3; n++) {
        steps.push(`read ${n}`)
        yield { ...RANGE, start: n, next: n + 1, records: [] }
      }
      throw new LogReadError('unreachable', 'gone')
    } finally {
      steps.push('ended')
    }
  }
  return { steps, log: readAhead({ read } as unknown as EventLog) }
}

test('the next batch is on its way while a reader has one, and no more than that', async (t) => {
  const { steps, log } = told()
  for await (const { start } of log.read(RANGE)) {
    steps.push(`has ${start}`)
    if (start === 1) break
  }
  t.deepEqual(steps, ['read 0', 'read 1', 'has 0', 'read 2', 'has 1', 'ended'])
})

test('a log that fails is told behind what could be read', async (t) => {
  const { steps, log } = told()
  const starts: number[] = []
  const reading = (async () => {
    for await (const { start } of log.read(RANGE)) starts.push(start)
  })()
  await t.throwsAsync(reading, { instanceOf: LogReadError })
  t.deepEqual(starts, [0, 1, 2])
  t.is(steps.at(-1), 'ended')
})
