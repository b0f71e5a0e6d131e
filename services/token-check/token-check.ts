import type { Logger } from 'pino'
import type { PositionWaiter } from '../../shared/read-model/position-waiter.ts'
import type { AccessReader } from '../../shared/read-model/reads/access.ts'
import type { Keys } from '../../shared/tokens/keys.ts'

/** What the handlers of the token-check API work with. */
export type TokenCheck = {
  read: AccessReader
  waiter: PositionWaiter
  /** The access and pepper subkeys are enough. */
  keys: Keys
  topics: { grants: string; registry: string }
  issuer: string
  logger: Logger
  /** Refuse to answer from a read model older than this. */
  maxLagMs: number
  /** How long to wait for freshness where an answer needs it. */
  timeoutMs: number
}
