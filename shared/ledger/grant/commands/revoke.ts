import type { GrantFact, RevocationReason, RevokedBy } from '../../events.ts'
import { refuse, type Refusal } from './refusal.ts'
import type { AuthorizedGrant, GrantState, LiveGrant } from '../state.ts'
import { isClosed } from '../sweepable.ts'

/** Why a grant is ended, and by whom. */
export type Revocation = { reason: RevocationReason; revoked_by: RevokedBy }

/** `client_id`: the client that asks; `now`: the database's clock in ms, of the statement that read the state. */
export type RevokeCommand = Revocation & { client_id: string; now: number }

type Revoked = Extract<GrantFact, { type: 'TokenRevoked' }>

/** `repeat`: there is nothing (more) to end, which is success. */
export type RevokeDecision =
  | { event: Revoked; refused?: undefined; repeat?: undefined }
  | { repeat: true; event?: undefined; refused?: undefined }
  | { refused: Refusal; event?: undefined; repeat?: undefined }

/**
 * Decides a client's revocation (RFC 7009 §2.1): a token of any generation ends its whole grant. Unknown or already
 * revoked, or dead for so long that nothing is appended any more: a repeat. Another client's: `unauthorized_client`,
 * and nothing happens to it.
 */
export function revokeGrant(state: GrantState, command: RevokeCommand): RevokeDecision {
  if (state.status === 'unknown') return { repeat: true }
  if (command.client_id !== state.client_id) return { refused: refuse('unauthorized_client', 'client_mismatch') }
  if (state.status === 'revoked' || isClosed(state, command.now)) return { repeat: true }
  return { event: revocationOf(state, command) }
}

/** The event that ends a grant, whoever's it is. */
export function revocationOf(
  { grant_id, client_id }: LiveGrant | AuthorizedGrant,
  { reason, revoked_by }: Revocation,
): Revoked {
  return { type: 'TokenRevoked', data: { grant_id, client_id, reason, revoked_by } }
}
