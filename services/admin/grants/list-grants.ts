import { z } from 'zod'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { placeOf } from '../../../shared/event-log/places.ts'
import {
  type GrantFilters,
  grantKeyLength,
  type GrantPage,
  type ListedGrant,
} from '../../../shared/read-model/lists/grant-page.ts'
import { GRANT_STATUSES } from '../../../shared/read-model/lists/grant-status.ts'
import type { Admin } from '../admin.ts'
import { keyAfter, linkNext, PAGING, readQuery } from '../lists/list-query.ts'
import { NAME, nameFrom } from '../names.ts'
import { findGrant, GRANT_ID, unknownGrant } from './find-grant.ts'
import { GRANTS } from './guard-grant.ts'

/** The query of a list of grants. */
export const GRANTS_QUERY = z.strictObject({
  ...PAGING,
  client_id: NAME.optional(),
  sub: NAME.optional(),
  status: z.enum(GRANT_STATUSES, { error: `must be one of ${GRANT_STATUSES.join(', ')}` }).optional(),
  grant_type: z.string().min(1).max(200).optional(),
})

/**
 * GET /admin/grants: a page of grants in the order in which they were begun, each with what became of it, its client,
 * its user and its key. A page may be short while its `Link` leads on: only so many grants are looked at for each. The
 * answer says the positions that it was read at. OAuthError: 400 names the parameter, 503 on a stale read model.
 */
export function listGrants(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    await requireRight(admin, ctx, GRANTS)
    const { query, given } = readQuery(ctx, GRANTS_QUERY)
    const { limit, after, ...filters } = query
    const page = await admin.grantPage({ filters, after: keyOf(after, filters), limit }, admin.checkMaxLagMs)
    linkNext(ctx, given, page.next)
    ctx.body = { grants: page.grants.map(shown), grants_positions: page.positions, ...readAt(page) }
  }
}

/** GET /admin/grants/:grant_id: the same of one grant. OAuthError not_found when there surely is none. */
export function getGrant(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    await requireRight(admin, ctx, GRANTS)
    const grant_id = nameFrom(ctx, 'grant_id', z.string())
    if (!GRANT_ID.test(grant_id)) throw unknownGrant()
    const page = await readOne(admin, grant_id)
    const [grant] = page.grants
    if (!grant) throw unknownGrant()
    const grants_position = page.positions[placeOf(admin.topics, grant_id).partition]
    ctx.body = { ...shown(grant), grants_position, ...readAt(page) }
  }
}

/** The page of one grant, which is empty only once it is known that there is no such grant. */
async function readOne(admin: Admin, grant_id: string): Promise<GrantPage> {
  const read = () => admin.grantPage({ filters: { grant_id }, after: null, limit: 1 }, admin.checkMaxLagMs)
  const page = await read()
  if (page.grants.length > 0) return page
  await findGrant(admin, grant_id)
  return read()
}

function keyOf(after: string | undefined, filters: GrantFilters): string[] | null {
  const key = keyAfter(after, grantKeyLength(filters))
  if (key === null || GRANT_ID.test(key.at(-1) ?? '')) return key
  throw new OAuthError('invalid_request', 'after: is not from a Link of this list')
}

function shown({ at, ...grant }: ListedGrant): Record<string, unknown> {
  return { ...grant, at: new Date(at).toISOString() }
}

function readAt({ registry, now }: GrantPage): { registry_position: number; read_at: string } {
  return { registry_position: registry.next, read_at: new Date(now).toISOString() }
}
