import { decideAccess, type AccessDecision } from '../ledger/access/decision.ts'
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
 * client.
 */
export function decideForBearer(view: AccessView, scope: string, resource: string): AccessDecision {
  const { grant, client, user, scopes, resources, acls } = view
  const type = grant.status === 'unknown' ? 'client' : grant.principal.type
  const groups = (type === 'user' ? user : client)?.value?.groups ?? []
  return decideAccess({ resource, principal: { type, groups }, scope, scopes, resources, acls })
}
