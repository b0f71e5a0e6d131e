import { v7 as uuidv7 } from 'uuid'
import { envelop, outgoing } from '../../shared/event-log/event-codec.ts'
import { type GrantFact, type GrantTerms } from '../../shared/ledger/events.ts'
import { formatToken } from '../../shared/tokens/token-string.ts'
import { terms } from '../ledger/given.ts'
import { ISSUER, type LedgerOptions, startLedger, type TestLedger } from './ledger.ts'
import type { Pair } from './ledger-seeds.ts'
import type { Credentials } from './requests.ts'

type Teardown = Parameters<typeof startLedger>[0]

/** A ledger to whose log a test may write as if it were earlier. */
export type PastLedger = TestLedger & {
  /** Writes a fact as it was recorded that long ago (ms); resolves when it is projected. One at a time. */
  tell: (fact: GrantFact, ago: number) => Promise<void>
  /** A pair of this client that was issued that long ago: access tokens for 60 s, refresh tokens for 600 s. */
  issuedAgo: (to: Credentials, ago: number, over?: Partial<GrantTerms>) => Promise<Pair>
}

/** The seconds after which nothing of a grant of `issuedAgo` can be used any more. */
export const LIVES_S = 600

/** Starts one, with the log in the database. */
export async function startPastLedger(t: Teardown, options: LedgerOptions = {}): Promise<PastLedger> {
  let shiftMs = 0
  const ledger = await startLedger(t, { ...options, logShiftMs: () => shiftMs })
  const { log, topics, waiter } = ledger.runtime

  async function tell(fact: GrantFact, ago: number): Promise<void> {
    const record = outgoing(envelop(fact, ISSUER, { actor: 'system/test' }, Date.now() - ago), topics)
    shiftMs = -ago
    const { offset } = await log.append(record).finally(() => (shiftMs = 0))
    await waiter.past({ ...record, offset }, 20_000)
  }

  async function issuedAgo({ client_id }: Credentials, ago: number, over: Partial<GrantTerms> = {}): Promise<Pair> {
    const grant_id = uuidv7({ msecs: Date.now() - ago })
    const refresh = { lifetime: LIVES_S, absolute_lifetime: null, limit: null }
    const principal = { type: 'client' as const, id: client_id }
    const made = { grant_id, client_id, principal, access_token_lifetime: 60, refresh, ...over }
    await tell({ type: 'TokenIssued', data: terms(made) }, ago)
    const token = { kid: 1, grant_id, generation: 1 }
    return {
      grant_id,
      access_token: formatToken(ledger.keys, 'at', token),
      refresh_token: formatToken(ledger.keys, 'rt', token),
    }
  }

  return { ...ledger, tell, issuedAgo }
}
