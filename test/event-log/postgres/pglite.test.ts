import test from 'ava'
import { createPostgresLog } from '../../../shared/event-log/postgres/postgres-log.ts'
import { openEmbedded } from '../../../shared/database/open-database.ts'
import { contract } from '../contract.ts'
import { createPostgresSubject } from './subject.ts'

// One session in the whole process: every log of this file shares it, as in dev mode.
const { knex, close } = await openEmbedded(null)
await createPostgresLog({ knex, appendTimeoutMs: 5_000 }).create([])
test.after.always(close)

contract(
  Object.assign(test.serial.bind(test), { serial: test.serial }),
  createPostgresSubject(async () => knex),
)
