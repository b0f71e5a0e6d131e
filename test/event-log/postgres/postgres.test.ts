import { setTimeout as pause } from 'node:timers/promises'
import knexFactory from 'knex'
import { AppendError } from '../../../shared/event-log/event-log.ts'
import { createPostgresLog } from '../../../shared/event-log/postgres/postgres-log.ts'
import { inTime } from '../../support/in-time.ts'
import { databaseUrl, realTest } from '../../support/real-parts.ts'
import { missingForPostgres, startPostgres } from '../../support/start-postgres.ts'
import type { ExecutionContext } from 'ava'
import { contract } from '../contract.ts'
import { createPostgresSubject } from './subject.ts'
import { append, followAll, readAll } from '../reading.ts'
import { until } from '../../support/waiting.ts'

const test = realTest('postgres')
const urls = new WeakMap<ExecutionContext, Promise<string>>()

// One database a test: what `open` answers in it stands for processes of their own.
async function connect(t: ExecutionContext) {
  const url = urls.get(t) ?? databaseUrl(t)
  const isFirst = !urls.has(t)
  urls.set(t, url)
  const knex = knexFactory({ client: 'pg', connection: await url, pool: { min: 0, max: 8 } })
  t.teardown(() => knex.destroy())
  if (isFirst) await createPostgresLog({ knex, appendTimeoutMs: 5_000 }).create([])
  return knex
}

contract(test, createPostgresSubject(connect))

test('records cannot be changed, deleted or truncated, and ends cannot go back', async (t) => {
  const knex = await connect(t)
  const log = createPostgresLog({ knex, appendTimeoutMs: 5_000 })
  await log.create([{ topic: 'topic', partitions: 1 }])
  await log.append({ topic: 'topic', partition: 0, key: 'key', value: 'value' })
  const attempts = [
    `UPDATE ledger.log_records SET value = 'forged'`,
    'DELETE FROM ledger.log_records',
    'TRUNCATE ledger.log_records',
    'UPDATE ledger.log_partitions SET next = 0',
    'DELETE FROM ledger.log_partitions',
    'UPDATE ledger.log_identity SET cluster_id = gen_random_uuid()',
  ]
  for (const sql of attempts) await t.throwsAsync(async () => void (await knex.raw(sql)), { code: 'P0001' })
  t.is((await readAll(log, { topic: 'topic', partition: 0 }))[0]?.value.toString(), 'value')
})

test('a log without its guard is not sound', async (t) => {
  const knex = await connect(t)
  const log = createPostgresLog({ knex, appendTimeoutMs: 5_000 })
  await log.create([{ topic: 'topic', partitions: 1 }])
  for (const disabled of ['DISABLE TRIGGER', 'ENABLE REPLICA TRIGGER']) {
    await knex.raw(`ALTER TABLE ledger.log_records ${disabled} append_only`)
    const problems = await log.problems([{ topic: 'topic', partitions: 1 }])
    t.regex(problems.join(), /^ledger.log_records is not append-only: its trigger append_only is missing or disabled$/)
  }
})

test("the time is the log's, also when its clock steps back", async (t) => {
  let clockShiftMs = 0
  const faults = { clockShiftMs: () => clockShiftMs }
  const log = createPostgresLog({ knex: await connect(t), appendTimeoutMs: 5_000, faults })
  await log.create([{ topic: 'topic', partitions: 1 }])
  const record = { topic: 'topic', partition: 0, key: 'key', value: 'value' }
  const first = await log.append(record)
  clockShiftMs = -60_000
  const second = await log.append(record)
  t.true(second.offset > first.offset && second.timestamp < first.timestamp)
  t.true(Number.isInteger(second.timestamp))
  t.deepEqual(
    (await readAll(log, record)).map(({ timestamp }) => timestamp),
    [first.timestamp, second.timestamp],
  )
})

if (!missingForPostgres()) {
  test('no acknowledged record is lost when the server is killed under load, and following goes on', async (t) => {
    const server = await startPostgres()
    t.teardown(() => server.stop())
    const knex = knexFactory({ client: 'pg', connection: server.url, log: { error: () => undefined } })
    t.teardown(() => knex.destroy())
    const log = createPostgresLog({ knex, appendTimeoutMs: 2_000 })
    t.teardown(() => log.close())
    await log.create([{ topic: 'topic', partitions: 2 }])
    const followed = await followAll(t, log, ['topic'], 0)
    const acked: string[] = []
    const outcomes = new Set<string>()
    let writing = true
    t.teardown(() => (writing = false))
    const write = async (writer: number) => {
      for (let i = 0; writing; i++) {
        const value = `${writer}/${i}`
        try {
          await log.append({ topic: 'topic', partition: writer % 2, key: 'key', value })
          acked.push(value)
        } catch (error) {
          outcomes.add(error instanceof AppendError ? error.outcome : String(error))
          await pause(20)
        }
      }
    }
    const writers = Promise.all(Array.from({ length: 4 }, (_, writer) => write(writer)))
    await until(() => acked.length > 50, 'load')
    await server.kill()
    await until(() => outcomes.size > 0, 'a failed append')
    const before = acked.length
    await server.restart()
    await until(() => acked.length > before + 50, 'appends after the crash')
    writing = false
    await writers
    t.true([...outcomes].every((outcome) => outcome === 'not_appended' || outcome === 'unknown'))
    const all = [0, 1].map((partition) => readAll(log, { topic: 'topic', partition }))
    const values = new Set((await Promise.all(all)).flat().map(({ value }) => value.toString()))
    t.deepEqual(
      acked.filter((value) => !values.has(value)),
      [],
    )
    await until(() => followed.count() === values.size, 'every record followed')
    t.is(followed.count(), values.size)
  })

  test('an append to a server that is frozen ends within the timeout as unknown', async (t) => {
    const server = await startPostgres()
    t.teardown(() => server.stop())
    const knex = knexFactory({ client: 'pg', connection: server.url })
    t.teardown(() => knex.destroy())
    const log = createPostgresLog({ knex, appendTimeoutMs: 1_000 })
    await log.create([{ topic: 'topic', partitions: 1 }])
    const record = { topic: 'topic', partition: 0, key: 'key', value: 'value' }
    await append(log, record)
    await server.pause()
    const started = performance.now()
    const error = await t.throwsAsync(log.append(record), { instanceOf: AppendError })
    t.true(performance.now() - started < inTime(2_000))
    t.is(error.outcome, 'unknown')
    await server.resume()
    await append(log, record)
    t.true((await readAll(log, record)).length >= 3)
  })
}
