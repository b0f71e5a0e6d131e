import type { GrantState, RevokedGrant } from '../../ledger/grant/state.ts'
import { Contradiction } from '../unsettled.ts'

/**
 * The grant once its revocation was folded. A Contradiction when it is not revoked then: whoever revokes an unrevoked
 * grant of this client ends it, so that is not what was folded.
 */
export function requireRevoked(grant: GrantState, { grant_id }: { grant_id: string }): RevokedGrant {
  if (grant.status === 'revoked') return grant
  const reason = `the revocation of grant ${grant_id} was folded, and the grant is ${grant.status}`
  throw new Contradiction('read_model_contradicts', reason)
}
