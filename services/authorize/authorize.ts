import type { Limits } from '../../shared/accounts/limits/limits.ts'
import type { People } from '../../shared/accounts/people.ts'
import type { SessionLives } from '../../shared/accounts/sessions/sessions.ts'
import type { ProvingUsers } from '../../shared/callers/authenticate-user.ts'
import type { HttpContext } from '../../shared/http/context.ts'
import type { PkcePolicy } from '../../shared/ledger/grant/commands/authorize.ts'
import type { Cookies } from '../../shared/pages/cookies.ts'
import type { Site } from '../../shared/pages/site.ts'
import type { Commit } from '../../shared/read-model/commit/commit.ts'
import type { ConsentReader } from '../../shared/read-model/lists/consents.ts'
import type { GrantPageReader } from '../../shared/read-model/lists/grant-page.ts'
import type { RegistryReader } from '../../shared/read-model/reads/registry.ts'
import type { Notify } from '../../shared/accounts/sessions/notify.ts'
import type { LoginReader } from '../../shared/read-model/passwords/read-login.ts'
import type { SessionView } from '../../shared/read-model/sessions/read-session.ts'
import type { TokenReader } from '../../shared/read-model/reads/tokens.ts'
import type { Keys } from '../../shared/tokens/keys.ts'
import type { Paths } from './paths.ts'
import type { Upstream } from './upstream/upstream.ts'

/** Somebody who is logged in: alive, and with the password of then, in the statement that found the session. */
export type Session = {
  /** Tells the session to those who read the log; it lets nobody in. */
  sid: string
  sub: string
  username: string | null
  /** When this login was made (ms, the database's clock), and how (RFC 8176). */
  logged_in_at: number
  /** When the person proved who it is: before that where another server had a session already. */
  auth_time: number
  amr: readonly string[]
  /** The registry position of that statement. */
  registry_position: number
  /** The database's clock in it. */
  now: number
  /** Up to where the registry ended the user's grants and sessions. */
  not_before: number | null
}

/**
 * A login that is to become a session. `auth_time`: ms; absent: now. `remember: false`: the browser forgets it when it
 * is closed.
 */
export type NewSession = {
  sub: string
  amr: string[]
  registry_position: number
  auth_time?: number | undefined
  remember?: boolean | undefined
}

/** What every handler of login and consent works with. */
export type Authorize = ProvingUsers & {
  issuer: string
  read: TokenReader
  readLogin: LoginReader
  readConsents: ConsentReader
  people: Pick<People, 'indexOf'>
  commit: Commit
  keys: Keys
  limits: Limits
  cookies: Cookies
  site: Site
  paths: Paths
  pkce: PkcePolicy
  code_lifetime: number
  /** The login application; `null`: people log in here. */
  login_url: string | null
  /** Whether people may log in with a password. */
  takesPasswords: boolean
  /** Other servers that they may log in with. */
  upstream: Upstream
  /** Where the browser goes on to after a logout; `null`: nowhere. */
  logout_url: string | null
  sessions: {
    /** What is known of the cookie that came, and of this client, in one statement; `null`: none came. */
    read(ctx: HttpContext, client_id: string): Promise<SessionView | null>
    /** The session of the cookie that came, while it counts; `first`: what was read of it already. */
    find(ctx: HttpContext, first?: SessionView | null): Promise<Session | null>
    /** Makes a session and its cookie; whoever had one before has another id now. */
    open(ctx: HttpContext, session: NewSession): Promise<void>
  }
  sessionLives: SessionLives
  grantPage: GrantPageReader
  registry: Pick<RegistryReader, 'read'>
  /** Sends one-time links to people; absent where nobody could. */
  notify: Notify | null
  /** The grant that stands for this approval: this one, unless it was made before. */
  grantOf(consent_id: string, grant_id: string): Promise<string>
}
