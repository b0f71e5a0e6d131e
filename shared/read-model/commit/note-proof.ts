import type { Logger } from 'pino'
import { checksOf, differingPurposes, type LedgerKeys } from '../../tokens/key-checks.ts'
import type { ReadModel } from '../read-model.ts'
import { readKeys } from '../reads/keys.ts'
import type { NoteProof } from '../reads/settled-token.ts'
import { type Commit, NO_VIEW } from './commit.ts'

/**
 * Introduces a key of before, beside the request that proved it: in a ledger that has none yet nothing stored can prove
 * one. One attempt at a time for each kid; after one that failed the next proof tries again.
 */
export function createNoteProof(
  readModel: ReadModel,
  { commit, logger, ...ledgerKeys }: LedgerKeys & { commit: Commit; logger: Logger },
): NoteProof {
  const underWay = new Set<number>()

  async function introduce(kid: number): Promise<void> {
    const checks = checksOf(ledgerKeys, kid)
    await commit({ type: 'KeyIntroduced', data: { revision: 1, kid, checks } }, { actor: 'system/keys' }, NO_VIEW)
    const first = (await readKeys(readModel)).keys.get(kid)
    const differing = differingPurposes(checks, first?.value?.checks ?? {})
    if (differing.length === 0) return logger.info({ kid }, 'a key was proved by what lives, and is introduced')
    logger.error({ alarm: 'key_differs', kid, purposes: differing }, 'another process has another key under this kid')
  }

  return (kid, known) => {
    if (known.has(kid) || underWay.has(kid)) return
    underWay.add(kid)
    introduce(kid)
      .catch((error: unknown) => logger.warn({ kid, problem: String(error) }, 'a proved key could not be introduced'))
      .finally(() => underWay.delete(kid))
  }
}
