import { createHmac } from 'node:crypto'
import { type Keys, PURPOSES } from './keys.ts'

/** For each purpose what proves a subkey to whoever has it, and tells nobody else anything. */
export type KeyChecks = { [purpose: string]: string }

/** Keys, and the ledger that they are derived for. */
export type LedgerKeys = { keys: Keys; ledger_id: string }

/** The checks of one kid, of every purpose that these keys have of it. */
export function checksOf({ keys, ledger_id }: LedgerKeys, kid: number): KeyChecks {
  const checked = PURPOSES.flatMap((purpose) => {
    const subkey = keys.subkey(purpose, kid)
    return subkey ? [[purpose, createHmac('sha256', subkey).update(`check${ledger_id}`).digest('base64url')]] : []
  })
  return Object.fromEntries(checked) as KeyChecks
}

/** The purposes that both know and that differ: this is another key under the same kid. */
export function differingPurposes(mine: KeyChecks, known: KeyChecks): string[] {
  return Object.keys(mine).filter((purpose) => known[purpose] !== undefined && known[purpose] !== mine[purpose])
}
