import test from 'ava'
import pino from 'pino'
import { startFreshness } from '../../services/projector/freshness.ts'
import { openPostgres } from '../../shared/database/open-database.ts'
import type { EventLog } from '../../shared/event-log/event-log.ts'
import { topicsOf } from '../../shared/event-log/places.ts'
import { until } from '../support/waiting.ts'

test('a database that is away is told once, without a stack, and not each second', async (t) => {
  const lines: string[] = []
  const logger = pino({}, { write: (line) => void lines.push(line) })
  let asked = 0
  const address = { connectionString: 'postgres://nobody@127.0.0.1:1/none' }
  const knex = openPostgres(address, { pool: 1, queryTimeoutMs: 1_000, warn: () => asked++ })
  t.teardown(() => knex.destroy())
  const options = { knex, schema: 'ledger_v1', topics: topicsOf('away'), leave: () => Promise.resolve(null) }
  const stop = startFreshness({ ...options, log: {} as EventLog, logger })
  await until(() => asked >= 3, 'three rounds')
  await stop()
  t.is(lines.length, 1, lines.join(''))
  t.regex(lines[0] ?? '', /freshness could not be marked/)
  t.regex(lines[0] ?? '', /ECONNREFUSED/)
  t.notRegex(lines[0] ?? '', /stack|\\n +at /)
})
