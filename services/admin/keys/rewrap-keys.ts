import { z } from 'zod'
import type { RewrapPage } from '../../../shared/accounts/rewrap.ts'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { GUARD_RESOURCE } from '../../../shared/ledger/registry/predefined.ts'
import type { KnownKeys } from '../../../shared/read-model/reads/keys.ts'
import type { Admin } from '../admin.ts'
import { FIRST_ANOTHER } from './key-in-use.ts'
import { KEYS } from './keys.ts'

const MAX_SUB = 1_000

/** `kid`: the one that the pages before were wrapped under; `after`: their `next`. */
export const REWRAP = z.strictObject({
  kid: z.int().min(1).max(255).optional(),
  after: z.string().max(MAX_SUB).nullable().default(null),
})

/**
 * POST /admin/keys/rewrap {kid?, after?}: wraps one page of the keys of persons under the key that is current here; 200
 * with a RewrapPage means that it is committed. It decides which key every name needs, so it needs the guard's right as
 * well. 409 where the log does not know the current key, where it is retired, or where it is another than `kid`: a
 * process that still has an older one first must not take back what was done.
 */
export function rewrapKeys(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    await requireRight(admin, ctx, KEYS)
    await requireRight(admin, ctx, GUARD_RESOURCE)
    const { kid, after } = await readJson(ctx, REWRAP)
    const { current } = admin.keys
    const problem = wrappingProblem(await admin.knownKeys(), current)
    if (problem !== null) throw new OAuthError('conflict', problem)
    if (kid !== undefined && kid !== current)
      throw new OAuthError('conflict', `kid ${current} is current here, and not ${kid}: ${FIRST_ANOTHER}`)
    ctx.body = (await admin.rewrapPage(after)) satisfies RewrapPage
  }
}

/** Why nothing may be wrapped under this kid; `null` = it may. */
export function wrappingProblem({ keys }: Pick<KnownKeys, 'keys'>, kid: number): string | null {
  const entity = keys.get(kid)
  if (entity?.deleted) return `key ${kid} was retired, and is current here: ${FIRST_ANOTHER}`
  return entity ? null : `the log does not know key ${kid} yet: nothing is wrapped under a key that may be another one`
}
