import type { Knex } from 'knex'
import type { EventLog } from '../event-log/event-log.ts'
import type { Topics } from '../event-log/places.ts'

/** A read model: the database and the schema that it is in, and the topics of the log that it is folded from. */
export type ReadModel = { knex: Knex; schema: string; topics: Topics }

/** A read model beside the log that it is folded from. */
export type VerifySource = ReadModel & { log: EventLog }
