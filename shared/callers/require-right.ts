import type { HttpContext, HttpMiddleware } from '../http/context.ts'
import { OAuthError } from '../http/oauth-error.ts'
import type { AccessDecision } from '../ledger/access/decision.ts'
import type { Principal } from '../ledger/events.ts'
import type { AccessReader, AccessView } from '../read-model/reads/access.ts'
import { TO_USE } from '../read-model/reads/settled.ts'
import { readSettledToken, type SettlingTokens } from '../read-model/reads/settled-token.ts'
import { Contradiction } from '../read-model/unsettled.ts'
import type { Keys } from '../tokens/keys.ts'
import { type ParsedToken, presentedToken } from '../tokens/token-string.ts'
import { insufficientScope, invalidToken, readBearer } from './bearer.ts'
import { decideForBearer, inactiveBecause } from './judge-bearer.ts'

/** What it takes to judge a bearer: the admin API is a resource server of its own ledger. */
export type Guard = Omit<SettlingTokens, 'maxLagMs'> & {
  access: AccessReader
  keys: Keys
  /** Refuse to judge on a read model older than this. */
  checkMaxLagMs: number
}

/** Whoever carried the token, and the key that it was made with. */
export type Bearer = { principal: Principal; kid: number }

type Live = { principal: Principal; client_id: string; scope: string }

/**
 * The bearer of the request, if its token is live and may use this service of the ledger now. OAuthError: 401 without a
 * live access token, 403 insufficient_scope naming the scopes that would do (RFC 6750 §3.1), 503 on a stale read model.
 */
export async function requireRight(guard: Guard, ctx: HttpContext, resource: string): Promise<Bearer> {
  const { bearer, decision } = await judge(guard, ctx, resource)
  if (!decision.allowed) throw refused(guard, ctx, resource, decision)
  return bearer
}

/** The same question of a bearer who may go on either way. */
export async function hasRight(guard: Guard, ctx: HttpContext, resource: string): Promise<boolean> {
  return (await judge(guard, ctx, resource)).decision.allowed
}

type Judged = { bearer: Bearer; decision: AccessDecision }

async function judge(guard: Guard, ctx: HttpContext, resource: string): Promise<Judged> {
  const presented = presentedToken(guard.keys, readBearer(ctx.get('authorization')))
  if (presented?.kind !== 'at') throw invalidToken(NOT_OURS)
  const { grant_id, generation } = presented
  const key = { client_id: null, grant_id, generation, resource }
  const read = () => guard.access(key)
  const settling = { ...guard, maxLagMs: guard.checkMaxLagMs }
  const { view, token } = await readSettledToken(settling, { purpose: TO_USE, presented, first: await read(), read })
  if (!token) throw invalidToken(NOT_OURS)
  const { principal, scope, client_id } = liveBearer(view, token)
  ctx.state.client_id = client_id
  return { bearer: { principal, kid: token.kid }, decision: decideForBearer(view, scope, resource) }
}

const NOT_OURS = 'not an access token of this ledger'

function liveBearer(view: AccessView, token: ParsedToken): Live {
  const inactive = inactiveBecause(view, token)
  if (inactive) throw invalidToken(inactive)
  const { grant, generations } = view
  const row = generations.get(token.generation)
  if (grant.status === 'unknown' || !row)
    throw new Contradiction('read_model_contradicts', `grant ${token.grant_id} lives without the token's generation`)
  return { principal: grant.principal, client_id: grant.client_id, scope: row.scope }
}

/** The bearer is told which service it asked for and which scopes would do; ACL and group are for our log only. */
function refused({ logger }: Guard, ctx: HttpContext, resource: string, decision: AccessDecision): OAuthError {
  const { reason, code, needed_scope } = decision
  logger.info({ request_id: ctx.state.requestId, resource, code, reason }, 'not allowed to administer')
  const { headers } = insufficientScope(needed_scope.join(' ') || 'ledger.admin')
  return new OAuthError('insufficient_scope', `the access token does not allow ${resource}`, { headers, reason })
}

/** Middleware that lets only bearers through which may use this service of the ledger: for the audit API. */
export function createRightsCheck(guard: Guard): (resource: string) => HttpMiddleware {
  return (resource) => async (ctx, next) => {
    await requireRight(guard, ctx, resource)
    await next()
  }
}
