import type { Limits } from '../../shared/accounts/limits/limits.ts'
import type { Assertions } from '../../shared/callers/client-assertion.ts'
import type { AccessReader } from '../../shared/read-model/reads/access.ts'
import type { SettlingTokens } from '../../shared/read-model/reads/settled-token.ts'
import type { Keys } from '../../shared/tokens/keys.ts'

/**
 * What the handlers of the token-check API work with; `maxLagMs`: refuse to answer from a read model older than this.
 */
export type TokenCheck = SettlingTokens & {
  read: AccessReader
  /** The access and pepper subkeys are enough. */
  keys: Keys
  limits: Limits
  assertions: Assertions
  issuer: string
  /** False: the names of webMethods Integration Server take GET too. */
  requirePost: boolean
}
