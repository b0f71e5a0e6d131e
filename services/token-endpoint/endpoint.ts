import type { Limits } from '../../shared/accounts/limits/limits.ts'
import type { Assertions } from '../../shared/callers/client-assertion.ts'
import type { ProvingUsers } from '../../shared/callers/authenticate-user.ts'
import type { People } from '../../shared/accounts/people.ts'
import type { Commit } from '../../shared/read-model/commit/commit.ts'
import type { Clocks } from '../../shared/read-model/reads/clocks.ts'
import type { LoginReader } from '../../shared/read-model/passwords/read-login.ts'
import type { SettlingTokens } from '../../shared/read-model/reads/settled-token.ts'
import type { TokenReader } from '../../shared/read-model/reads/tokens.ts'
import type { Keys } from '../../shared/tokens/keys.ts'

/**
 * What every handler of the token endpoint works with; `maxLagMs`: refuse to append on a read model older than this.
 */
export type TokenEndpoint = SettlingTokens &
  ProvingUsers & {
    read: TokenReader
    readLogin: LoginReader
    people: Pick<People, 'indexOf'>
    commit: Commit
    keys: Keys
    assertions: Assertions
    clocks: Clocks
    limits: Limits
    /** False: the names of webMethods Integration Server take GET too. */
    requirePost: boolean
  }
