import type { Knex } from 'knex'
import type { Logger } from 'pino'
import type { Topics } from '../event-log/event-codec.ts'
import type { EventLog } from '../event-log/event-log.ts'
import type { Commit } from '../read-model/ledger.ts'
import type { PositionWaiter } from '../read-model/position-waiter.ts'
import type { Keys } from '../tokens/keys.ts'
import type { Settings } from './settings.ts'

/** What every service of one process is wired from. */
export type Runtime = {
  settings: Settings
  knex: Knex
  log: EventLog
  topics: Topics
  /** The read model's database schema. */
  schema: string
  waiter: PositionWaiter
  commit: Commit
  logger: Logger
  /** Absent where a process handles no tokens. */
  keys: Keys | null
}

/** The keys of a process that cannot work without. */
export function requireKeys({ keys }: Runtime): Keys {
  if (!keys) throw new Error('this service needs LEDGER_SECRETS_SYSTEM')
  return keys
}
