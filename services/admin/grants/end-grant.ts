import type { EventContext } from '../../../shared/event-log/event-codec.ts'
import { revocationOf, type Revocation } from '../../../shared/ledger/grant/commands/revoke.ts'
import type { GrantState } from '../../../shared/ledger/grant/state.ts'
import { isClosed } from '../../../shared/ledger/grant/sweepable.ts'
import { commitAndRead, type DecidedOn } from '../../../shared/read-model/commit/commit.ts'
import { requireRevoked } from '../../../shared/read-model/commit/require-revoked.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import type { Admin } from '../admin.ts'

type KnownGrant = Exclude<GrantState, { status: 'unknown' }>

type Reading = Pick<Admin, 'tokens'>

/**
 * Why a grant is ended, by whom, through which request, and on what of its partition that was decided; `now`: the
 * database's clock in ms, of the statement that decides.
 */
export type Ending = Revocation & { context: EventContext; decidedOn: DecidedOn; now: number }

/** The latest state of a grant in the read model. */
export function readGrant({ tokens }: Reading, grant_id: string): Promise<TokenView> {
  return tokens({ client_id: null, grant_id, generation: FIRST_GENERATION })
}

/**
 * An administrator names a grant and presents no token of it: its first generation is what `issueGrant` answers with.
 */
const FIRST_GENERATION = 1

/**
 * Ends a grant, whoever's it is, and answers it as it is once that is projected. One that was ended stays as it was,
 * and so does one that has been dead for so long that nothing is appended any more.
 */
export async function endGrant(
  admin: Reading & Pick<Admin, 'commit'>,
  state: KnownGrant,
  { context, decidedOn, now, ...revocation }: Ending,
): Promise<KnownGrant> {
  if (state.status === 'revoked' || isClosed(state, now)) return state
  const written = { fact: revocationOf(state, revocation), context, decidedOn }
  const { view } = await commitAndRead(admin.commit, written, () => readGrant(admin, state.grant_id))
  return requireRevoked(view.grant, state)
}
