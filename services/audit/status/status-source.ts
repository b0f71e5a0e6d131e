import type { VerifySource } from '../../../shared/read-model/read-model.ts'

export type AuditSource = VerifySource & {
  /** How old a healthy read model may be. */
  maxLagMs: number
  /** The kids that are configured here, the current one first; `null` = this process has no secrets. */
  kids: readonly number[] | null
}
