import type { Knex } from 'knex'
import type { EventLog } from '../event-log/event-log.ts'
import type { Topics } from '../event-log/places.ts'

export type VerifySource = { knex: Knex; log: EventLog; topics: Topics; schema: string }
