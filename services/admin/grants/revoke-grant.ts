import { z } from 'zod'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { standingWithout } from '../../../shared/ledger/access/administrators.ts'
import type { Admin } from '../admin.ts'
import { nameFrom, REASON } from '../names.ts'
import { requireAdministratorLeft } from '../standing.ts'
import { endGrant } from './end-grant.ts'
import { findGrant } from './find-grant.ts'
import { GRANTS, guardGrant } from './guard-grant.ts'

/** What has been dead for so long that nothing is appended any more, and was never revoked. */
const EXPIRED = { status: 'expired', reason: null }

/** Why a grant is ended. */
export const REVOKE = z.strictObject({ reason: REASON })

/**
 * POST /admin/grants/:grant_id/revoke {reason}: ends all tokens of a grant; 200 means durable and projected. Repeating
 * it changes nothing. 404 for an unknown grant, 409 for one without which nobody could administer the ledger: other
 * processes may revoke the last two at once, since grants lie in no order (ADR 0014).
 */
export function revokeGrantById(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, GRANTS)
    const { reason } = await readJson(ctx, REVOKE)
    const { grant, checkpoint, now } = await findGrant(admin, nameFrom(ctx, 'grant_id', z.string()))
    const { grant_id, client_id, principal, scope } = grant
    const subs = principal.type === 'user' ? [principal.id] : []
    const question = { client_ids: [client_id], subs }
    const read = await admin.registry.read(question)
    const isGuarded = await guardGrant(admin, ctx, read, { client_id, principal, scope })
    const revoked_by = bearer.principal
    const by = { revoked_by, context: eventContext(ctx, revoked_by), decidedOn: checkpoint, now }
    const end = () => endGrant(admin, grant, { reason, ...by })
    const endGuarded = async () => {
      const latest = await admin.registry.read(question)
      await requireAdministratorLeft(admin, latest, (standing) => standingWithout(standing, grant_id))
      return end()
    }
    const ended = await (isGuarded ? admin.serially(endGuarded) : end())
    const answer = ended.status === 'revoked' ? { status: ended.status, reason: ended.reason } : EXPIRED
    ctx.body = { grant_id, ...answer }
  }
}
