import type { Knex } from 'knex'
import type { EventLog } from '../event-log/event-log.ts'
import type { Topics } from '../event-log/places.ts'

/** Where the tables of a read model are: a database, and a schema in it. */
export type ReadModelTables = { knex: Knex; schema: string }

/** A read model, and the topics of the log that it is folded from. */
export type ReadModel = ReadModelTables & { topics: Topics }

/** A read model beside the log that it is folded from. */
export type VerifySource = ReadModel & { log: EventLog }
