import type { Knex } from 'knex'
import type { People } from '../accounts/people.ts'
import type { EventLog } from '../event-log/event-log.ts'
import type { Topics } from '../event-log/places.ts'
import type { Stamps } from './stamps.ts'

/** Where the tables of a read model are: a database, and a schema in it. */
export type ReadModelTables = {
  knex: Knex
  schema: string
  /** What this process remembers of the checkpoints' stamps; without it, each reader remembers for itself. */
  stamps?: Stamps
}

/** The tables, and what opens the names of people that are written into them. */
export type Projection = ReadModelTables & {
  people: People
  /** Hears of people whose names could not be opened. */
  unreadable?: (subs: string[]) => void
}

/** A read model, and the topics of the log that it is folded from. */
export type ReadModel = ReadModelTables & { topics: Topics }

/** A read model beside the log that it is folded from. */
export type VerifySource = ReadModel & { log: EventLog; people: People }
