import { z } from 'zod'
import { type Guard, requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { type NamedKind, REGISTRY_KINDS } from '../../../shared/ledger/registry/kinds.ts'
import { registryKeyLength } from '../../../shared/read-model/lists/registry-page.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { Admin } from '../admin.ts'
import { shown } from '../registry/shown.ts'
import { keyAfter, linkNext, PAGING, readQuery } from './list-query.ts'

/** A kind that is listed; `filters`: the parameters that narrow it. */
export type Listed = { kind: NamedKind; right: string; filters: z.ZodRawShape }

const PREFIX = z.string().min(1).max(500).optional()

/** The query of a list that these parameters narrow. */
export const listShape = (filters: z.ZodRawShape) => z.strictObject({ ...PAGING, prefix: PREFIX, ...filters })

/**
 * GET of a list: a page in the order of the id, or of the name where a `prefix` of it is given, with a `Link` to the
 * next one while there is one. The answer says the position of the registry that it was read at. OAuthError: 400 names
 * the parameter, 503 on a stale read model.
 */
export function listEntities(
  admin: Pick<Admin, keyof Guard | 'registryPage'>,
  { kind, right, filters }: Listed,
): HttpMiddleware {
  const shape = listShape(filters)
  return async (ctx) => {
    await requireRight(admin, ctx, right)
    const { query, given } = readQuery(ctx, shape)
    const { limit, after, prefix, ...narrowing } = query
    const key = keyAfter(after, registryKeyLength({ kind, prefix }))
    const page = await admin.registryPage({ kind, filters: givenOnly(narrowing), prefix, after: key, limit })
    requireRecent(page.checkpoint, page.now, admin.checkMaxLagMs)
    linkNext(ctx, given, page.next)
    ctx.body = {
      [REGISTRY_KINDS[kind].plural]: page.entities.map(shown),
      registry_position: page.checkpoint.next,
      read_at: new Date(page.now).toISOString(),
    }
  }
}

const FILTERS = z.record(z.string(), z.union([z.string(), z.boolean()]))

function givenOnly(narrowing: Record<string, unknown>): z.infer<typeof FILTERS> {
  return FILTERS.parse(Object.fromEntries(Object.entries(narrowing).filter(([, value]) => value !== undefined)))
}
