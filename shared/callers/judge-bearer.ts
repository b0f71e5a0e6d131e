import { decideAccess, type AccessDecision } from '../ledger/access/decision.ts'
import { groupsNamed, scopeNamed } from '../ledger/registry/naming.ts'
import {
  accessTokenLiveness,
  deadBecause,
  grantStatus,
  type DeadReason,
  type InactiveCode,
} from '../ledger/grant/liveness.ts'
import type { ParsedToken } from '../tokens/token-string.ts'
import type { AccessView } from '../read-model/reads/access.ts'
import type { TokenView } from '../read-model/reads/tokens.ts'
import { Contradiction } from '../read-model/unsettled.ts'

/**
 * Why this access token is not active now, by itself or because of its client or user; `null` = it is active. A stable
 * word: what an administrator wrote when he ended the grant is for auditors.
 */
export function inactiveBecause(view: TokenView, { generation, kid }: ParsedToken): InactiveCode | DeadReason | null {
  const { grant, client, user, now } = view
  const row = view.generations.get(generation)
  const liveness = accessTokenLiveness({ grant: grantStatus(grant), generation, kid, row, now })
  if (!liveness.active) return liveness.code
  if (grant.status === 'unknown') throw new Contradiction('read_model_contradicts', 'a grant that is not there lives')
  return deadBecause({ grant, client, user })
}

/**
 * May the bearer of an active token of this scope use the resource? Its groups are the current ones of its user or
 * client; of its scope only that counts which was not deleted since.
 */
export function decideForBearer(view: AccessView, scope: string, resource: string): AccessDecision {
  const { grant, client, user, scopes, resources, acls, named } = view
  const type = grant.status === 'unknown' ? 'client' : grant.principal.type
  const entity = type === 'user' ? user : client
  const groups = groupsNamed(named, entity?.value?.groups ?? [], entity?.last_offset ?? 0)
  const counting = countingScope(view, scope)
  const decision = decideAccess({ resource, principal: { type, groups }, scope: counting, scopes, resources, acls })
  if (decision.scope !== null || counting === scope) return decision
  return { ...decision, reason: `${decision.reason}; a scope of the token was deleted after it was granted` }
}

/** Of a token's scope what counts: a scope that was deleted gives nothing to grants of before, nor does a later one. */
export function countingScope({ grant, client, named }: AccessView, scope: string): string {
  if (grant.status === 'unknown') return scope
  const own = scopeNamed(named, scope, grant.registry_position)
  // A client that was written while the scope was being deleted may have gone on granting it.
  return client ? scopeNamed(named, own, client.last_offset) : own
}
