import type { VerifySource } from '../../../shared/read-model/read-model.ts'
import type { Keys } from '../../../shared/tokens/keys.ts'

export type AuditSource = VerifySource & {
  /** How old a healthy read model may be. */
  maxLagMs: number
  /** The keys that are configured here, the current one first; `null` = this process has no secrets. */
  configured: ConfiguredKeys | null
}

/** Keys by their kids, as they are for the ledger that they are looked at with. */
export type ConfiguredKeys = { kids: readonly number[]; keysOf: (ledger_id: string) => Keys }
