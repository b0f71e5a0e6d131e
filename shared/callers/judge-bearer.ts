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

/** Why an access token is not active: `code` is stable, `reason` is for people. */
export type Inactive = { code: InactiveCode | DeadReason; reason: string }

/** Why this access token is not active now, by itself or because of its client or user; `null` = it is active. */
export function inactiveBecause(view: TokenView, { generation, kid }: ParsedToken): Inactive | null {
  const { grant, client, user, now } = view
  const row = view.generations.get(generation)
  const liveness = accessTokenLiveness({ grant: grantStatus(grant), generation, kid, row, now })
  if (!liveness.active) return { code: liveness.code, reason: liveness.reason }
  if (grant.status === 'unknown') throw new Contradiction('read_model_contradicts', 'a grant that is not there lives')
  const dead = deadBecause({ grant, client, user })
  return dead && { code: dead, reason: DEAD[dead] }
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

const DEAD: Record<DeadReason, string> = {
  client_unknown: 'the client does not exist',
  client_deleted: 'the client was deleted',
  client_disabled: 'the client is disabled',
  client_grants_revoked: "all of the client's grants were revoked",
  user_unknown: 'the user does not exist',
  user_deleted: 'the user was deleted',
  user_disabled: 'the user is disabled',
  user_grants_revoked: "all of the user's grants were revoked",
}
