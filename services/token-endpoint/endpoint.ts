import type { Logger } from 'pino'
import type { Topics } from '../../shared/event-log/places.ts'
import type { Commit } from '../../shared/read-model/commit/commit.ts'
import type { PositionWaiter } from '../../shared/read-model/position-waiter.ts'
import type { TokenReader } from '../../shared/read-model/reads/tokens.ts'
import type { Keys } from '../../shared/tokens/keys.ts'

/** What every handler of the token endpoint works with. */
export type TokenEndpoint = {
  read: TokenReader
  commit: Commit
  waiter: PositionWaiter
  keys: Keys
  topics: Topics
  logger: Logger
  /** Refuse to append on a read model older than this. */
  maxLagMs: number
  /** How long to wait for the read model to be fresh before 503. */
  timeoutMs: number
}
