import type { Commit } from '../../shared/read-model/ledger.ts'
import type { KeyUseReader } from '../../shared/read-model/key-uses.ts'
import type { RegistryReader } from '../../shared/read-model/registry-reads.ts'
import type { TokenReader } from '../../shared/read-model/token-reads.ts'
import type { ClientDefaults } from './client-metadata.ts'
import type { Guard } from './guarded.ts'
import type { Serially } from './serially.ts'

/** What the handlers of the admin API work with. */
export type Admin = Guard & {
  registry: RegistryReader
  tokens: TokenReader
  keyUses: KeyUseReader
  commit: Commit
  /** For what a client's metadata leaves out. */
  defaults: ClientDefaults
  /** Refuse to decide a write on a read model older than this. */
  maxLagMs: number
  /** Writes that could end the last administrator are decided one after the other. */
  serially: Serially
}
