import type { EventContext } from '../../shared/event-log/event-codec.ts'
import { unavailable } from '../../shared/http/oauth-error.ts'
import { requireShown } from '../../shared/http/require-recent.ts'
import type { RevocationReason, RevokedBy } from '../../shared/ledger/events.ts'
import type { GrantState } from '../../shared/ledger/grant-state.ts'
import { revokeGrant } from '../../shared/ledger/revoke.ts'
import type { TokenView } from '../../shared/read-model/token-reads.ts'
import type { Admin } from './admin.ts'

type Reading = Pick<Admin, 'tokens'>

/** Why a grant is ended, and who does it. */
export type Ending = { reason: RevocationReason; revoked_by: RevokedBy; context: EventContext }

/** The latest state of a grant in the read model. */
export function readGrant({ tokens }: Reading, grant_id: string): Promise<TokenView> {
  return tokens({ client_id: null, grant_id, generation: 1 })
}

/** Ends a grant, whoever's it is, and answers it as it is once that is projected; one that has ended stays as it was. */
export async function endGrant(
  admin: Reading & Pick<Admin, 'commit'>,
  state: Exclude<GrantState, { status: 'unknown' }>,
  { reason, revoked_by, context }: Ending,
): Promise<Extract<GrantState, { status: 'revoked' }>> {
  if (state.status === 'revoked') return state
  const [event] = revokeGrant(state, { client_id: null, reason, revoked_by }).events
  if (!event) throw new Error('a grant that lives was not to be revoked')
  const { position } = await admin.commit(event, context)
  const { grant, checkpoint } = await readGrant(admin, state.grant_id)
  requireShown(checkpoint, position)
  if (grant.status !== 'revoked') throw unavailable('the revocation turned out void')
  return grant
}
