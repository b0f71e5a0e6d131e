import type { GrantFact, RevocationReason, RevokedBy } from '../events.ts'
import type { GrantState } from './state.ts'
import { refuse, type Refusal } from './refusal.ts'

export type RevokeCommand = {
  /** The client that asks; `null` = an administrator, who may revoke anybody's. */
  client_id: string | null
  reason: RevocationReason
  revoked_by: RevokedBy
}

export type RevokeDecision = { events: GrantFact[]; refused?: Refusal }

/**
 * Decides a revocation (RFC 7009 §2.1): a token of any generation ends its whole grant. Unknown or already revoked:
 * nothing to do, which is success. Another client's: `unauthorized_client`, and nothing happens to it.
 */
export function revokeGrant(state: GrantState, command: RevokeCommand): RevokeDecision {
  if (state.status === 'unknown') return { events: [] }
  const { reason, revoked_by } = command
  const { grant_id, client_id } = state
  if (command.client_id !== null && command.client_id !== client_id) {
    return { events: [], refused: refuse('unauthorized_client', 'client_mismatch') }
  }
  if (state.status === 'revoked') return { events: [] }
  return { events: [{ type: 'TokenRevoked', data: { grant_id, client_id, reason, revoked_by } }] }
}
