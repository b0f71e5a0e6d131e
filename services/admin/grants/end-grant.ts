import type { EventContext } from '../../../shared/event-log/event-codec.ts'
import { revocationOf, type Revocation } from '../../../shared/ledger/grant/revoke.ts'
import type { GrantState, RevokedGrant } from '../../../shared/ledger/grant/state.ts'
import { commitAndRead, type DecidedOn } from '../../../shared/read-model/commit/commit.ts'
import { requireRevoked } from '../../../shared/read-model/commit/require-revoked.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import type { Admin } from '../admin.ts'

type Reading = Pick<Admin, 'tokens'>

/** Why a grant is ended, by whom, through which request, and on what of its partition that was decided. */
export type Ending = Revocation & { context: EventContext; decidedOn: DecidedOn }

/** The latest state of a grant in the read model. */
export function readGrant({ tokens }: Reading, grant_id: string): Promise<TokenView> {
  return tokens({ client_id: null, grant_id, generation: FIRST_GENERATION })
}

/**
 * An administrator names a grant and presents no token of it: its first generation is what `issueGrant` answers with.
 */
const FIRST_GENERATION = 1

/**
 * Ends a grant, whoever's it is, and answers it as it is once that is projected; one that has ended stays as it was.
 */
export async function endGrant(
  admin: Reading & Pick<Admin, 'commit'>,
  state: Exclude<GrantState, { status: 'unknown' }>,
  { context, decidedOn, ...revocation }: Ending,
): Promise<RevokedGrant> {
  if (state.status === 'revoked') return state
  const written = { fact: revocationOf(state, revocation), context, decidedOn }
  const { view } = await commitAndRead(admin.commit, written, () => readGrant(admin, state.grant_id))
  return requireRevoked(view.grant, state)
}
