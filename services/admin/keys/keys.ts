import { z } from 'zod'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { GUARD_RESOURCE } from '../../../shared/ledger/registry/predefined.ts'
import { PAGE_MARK } from '../../../shared/read-model/key-uses/key-uses.ts'
import type { Admin } from '../admin.ts'
import { nameFrom } from '../names.ts'
import { FIRST_ANOTHER, keyInUse, type KeyLookup, neverWas } from './key-in-use.ts'
import { retireKey as retire } from './retire-key.ts'
import { revokeGrantsOfKey } from './revoke-key.ts'

/** The right to see what a key is used for, and to end it. */
export const KEYS = 'ledger.admin:keys'

/** GET /admin/keys/:kid: what revoking this key would end. */
export function getKey(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    await requireRight(admin, ctx, KEYS)
    ctx.body = await keyInUse(lookupOf(admin), kidFrom(ctx))
  }
}

/** Which page of a key's grants to end. */
export const REVOKE_KEY = z.strictObject({
  after: z.string().regex(PAGE_MARK, 'must be a "next" of before').nullable().default(null),
})

/**
 * POST /admin/keys/:kid/revoke {after?}: ends one page of the grants that have something living of this key; 200
 * {revoked, next} means durable and projected, and `next` is the `after` of the next page. All grants are reached by
 * it, so it needs the guard's right as well. 409 while new tokens are made with this key, here or where the bearer got
 * its own, 404 for a kid that nobody ever had.
 */
export function revokeKey(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, KEYS)
    await requireRight(admin, ctx, GUARD_RESOURCE)
    const kid = kidFrom(ctx)
    const { after } = await readJson(ctx, REVOKE_KEY)
    if (kid === admin.keys.current) throw new OAuthError('conflict', `kid ${kid} is current here: ${FIRST_ANOTHER}`)
    if (kid === bearer.kid)
      throw new OAuthError('conflict', `your own token was made with kid ${kid}: ${FIRST_ANOTHER}`)
    if (after === null && !(await keyInUse(lookupOf(admin), kid)).known)
      throw new OAuthError('not_found', neverWas(kid))
    const { principal } = bearer
    const by = { revoked_by: principal, context: eventContext(ctx, principal) }
    ctx.body = await revokeGrantsOfKey(admin, { kid, after }, by)
  }
}

/** Whether nobody has the key any more. */
export const RETIREMENT = z.strictObject({ lost: z.boolean().default(false) })

/**
 * POST /admin/keys/:kid/retire {lost?}: says that nothing needs this key any more; 200 with what it is still named by
 * means durable and projected. It decides what every process may start without, so it needs the guard's right as well.
 * 409 while something that lives needs the key or new tokens are made with it, 404 for a kid that nobody ever had.
 */
export function retireKey(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const { principal } = await requireRight(admin, ctx, KEYS)
    await requireRight(admin, ctx, GUARD_RESOURCE)
    const retirement = { kid: kidFrom(ctx), ...(await readJson(ctx, RETIREMENT)) }
    const retirer = { ...admin, ...lookupOf(admin) }
    const { key, refused } = await retire(retirer, retirement, eventContext(ctx, principal))
    if (refused !== undefined) throw new OAuthError(key.known ? 'conflict' : 'not_found', refused)
    ctx.body = key
  }
}

function lookupOf({ keyUses, knownKeys, wrappingKids, pepperedKids, keys }: Admin): KeyLookup {
  return { keyUses, knownKeys, wrappingKids, pepperedKids, here: keys.kids }
}

/** A key's number in a path. */
export const KID = z.string().regex(/^(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])$/, 'must be a whole number from 1 to 255')

function kidFrom(ctx: HttpContext): number {
  return Number(nameFrom(ctx, 'kid', KID))
}
