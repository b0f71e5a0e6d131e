import type { EventContext } from '../../../shared/event-log/event-codec.ts'
import { placeOf } from '../../../shared/event-log/places.ts'
import { OAuthError, unavailable } from '../../../shared/http/oauth-error.ts'
import type { RevocationReason, RevokedBy } from '../../../shared/ledger/events.ts'
import { revokeGrant } from '../../../shared/ledger/grant/revoke.ts'
import type { GrantState } from '../../../shared/ledger/grant/state.ts'
import { requireShown } from '../../../shared/read-model/reads/freshness.ts'
import type { TokenView } from '../../../shared/read-model/reads/tokens.ts'
import type { Admin } from '../admin.ts'

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

const UUID_FORM = /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/

type Found = TokenView & { grant: Exclude<TokenView['grant'], { status: 'unknown' }> }

export async function findGrant(admin: Admin, grant_id: string): Promise<Found> {
  if (!UUID_FORM.test(grant_id)) throw unknownGrant()
  const first = await readGrant(admin, grant_id)
  const view = first.grant.status === 'unknown' ? await readFreshGrant(admin, grant_id, first) : first
  const { grant } = view
  if (grant.status === 'unknown') throw unknownGrant()
  return { ...view, grant }
}

/** Only once the read model shows all that was in the log is "never heard of it" an answer. */
async function readFreshGrant(admin: Admin, grant_id: string, { now }: TokenView): Promise<TokenView> {
  const place = { topic: admin.topics.grants, partition: placeOf(grant_id) }
  await admin.waiter.freshAsOf(place, now, admin.timeoutMs)
  return readGrant(admin, grant_id)
}

function unknownGrant(): OAuthError {
  return new OAuthError('not_found', 'there is no such grant')
}
