import { z } from 'zod'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { Admin } from '../admin.ts'
import { USERS } from '../kinds/users.ts'
import { keyAfter, linkNext, PAGING, readQuery } from '../lists/list-query.ts'

/** The query of the list of the forgotten. */
export const FORGOTTEN_QUERY = z.strictObject(PAGING)

/**
 * GET /admin/forgotten-users: each `sub` that was forgotten, in pages. OAuthError: 400 names the parameter, 503 on a
 * stale read model.
 */
export function listForgotten(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    await requireRight(admin, ctx, USERS.right)
    const { query, given } = readQuery(ctx, FORGOTTEN_QUERY)
    const page = await admin.forgottenPage({ after: keyAfter(query.after, 1), limit: query.limit })
    requireRecent(page.checkpoint, page.now, admin.checkMaxLagMs)
    linkNext(ctx, given, page.next)
    ctx.body = {
      forgotten: page.subs,
      registry_position: page.checkpoint.next,
      read_at: new Date(page.now).toISOString(),
    }
  }
}
