import type { Knex } from 'knex'
import type { IdempotentRequest, Made } from '../../shared/accounts/idempotent-requests.ts'
import type { Hashing } from '../../shared/accounts/passwords/hashing.ts'
import type { People } from '../../shared/accounts/people.ts'
import type { Notify } from '../../shared/accounts/sessions/notify.ts'
import type { RewrapPage } from '../../shared/accounts/rewrap.ts'
import type { Guard } from '../../shared/callers/require-right.ts'
import type { AuthorizeCommand } from '../../shared/ledger/grant/commands/authorize.ts'
import type { Commit } from '../../shared/read-model/commit/commit.ts'
import type { PasswordSetting } from '../../shared/read-model/passwords/set-password.ts'
import type { KeyUseReader } from '../../shared/read-model/key-uses/key-uses.ts'
import type { KnownKeys } from '../../shared/read-model/reads/keys.ts'
import type { ForgottenPageReader } from '../../shared/read-model/lists/forgotten-page.ts'
import type { GrantPageReader } from '../../shared/read-model/lists/grant-page.ts'
import type { PlacesReader } from '../../shared/read-model/lists/places.ts'
import type { RegistryPageReader } from '../../shared/read-model/lists/registry-page.ts'
import type { RegistryReader } from '../../shared/read-model/reads/registry.ts'
import type { TokenReader } from '../../shared/read-model/reads/tokens.ts'
import type { Serially } from './serially.ts'

/** What the handlers of the admin API work with. */
export type Admin = Guard & {
  registry: RegistryReader
  registryPage: RegistryPageReader
  forgottenPage: ForgottenPageReader
  grantPage: GrantPageReader
  /** Who names an entity that is to be deleted. */
  places: PlacesReader
  people: People
  passwords: PasswordSetting
  hashing: Hashing
  /** Where the pages of people stand. */
  issuer: string
  /** Sends one-time links to people; `null`: whoever makes one hands it over. */
  notify: Notify | null
  /** What a request with an Idempotency-Key makes. KeyUsedOtherwise. */
  claimRequest: (request: IdempotentRequest, made: Made) => Promise<Made>
  /** Whether a `sub` may be a mail address. */
  subMayBeAddress: boolean
  /** What a login application may do. */
  logins: LoginRequests
  tokens: TokenReader
  keyUses: KeyUseReader
  knownKeys: () => Promise<KnownKeys>
  /** How many keys of persons are wrapped under each kid. */
  wrappingKids: () => Promise<ReadonlyMap<number, number>>
  /** How many passwords are stored under each kid. */
  pepperedKids: () => Promise<ReadonlyMap<number, number>>
  /** Wraps one page of them under the current kid. */
  rewrapPage: (after: string | null) => Promise<RewrapPage>
  commit: Commit
  /** Sweeps what has been dead for an hour, this many bearer tokens at most (0 = all): how many it removed. */
  sweep: (maxTokens: number, alive: () => void) => Promise<number>
  /**
   * Which event the registry's log holds at an offset; null where it holds none. LogReadError if it does not answer.
   */
  eventIdAt: (offset: number) => Promise<string | null>
  /** The append timeout in seconds: a grace must be longer. */
  appendTimeout: number
  /** For what a client's metadata leaves out. */
  defaults: ClientDefaults
  /** What holds for every code. */
  authorizations: Pick<AuthorizeCommand, 'pkce' | 'code_lifetime'>
  /** Refuse to decide a write on a read model older than this. */
  maxLagMs: number
  /** Writes that could end the last administrator are decided one after the other. */
  serially: Serially
}

/** `groups`: those that a login application may give and take; `issuer`: where browsers come back to. */
export type LoginRequests = { knex: Knex; issuer: string; groups: readonly string[]; createsPeople: boolean }

/** What holds for a client whose metadata says nothing. Seconds; `null` = never. */
export type ClientDefaults = {
  access_token_lifetime: number | null
  refresh_token_lifetime: number | null
  refresh_token_absolute_lifetime: number | null
  refresh_grace_seconds: { confidential: number; public: number }
}
