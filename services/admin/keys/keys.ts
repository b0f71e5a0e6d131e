import { z } from 'zod'
import { eventContext } from '../../../shared/callers/event-context.ts'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { GUARD_RESOURCE } from '../../../shared/ledger/registry/predefined.ts'
import type { KeyUseReader } from '../../../shared/read-model/reads/key-uses.ts'
import type { Admin } from '../admin.ts'
import { nameFrom } from '../names.ts'
import { revokeGrantsOfKey } from './revoke-key.ts'

/** The right to see what a key is used for, and to end it. */
export const KEYS = 'ledger.admin:keys'

/** What ends with a key, and the clients whose secret needs it and does not end. */
export type KeyInUse = {
  kid: number
  grants: number
  refresh_tokens: number
  access_tokens: number
  authorization_codes: number
  clients: string[]
}

/** What lives of this kid, by a reader's answer. */
export async function keyInUse(keyUses: KeyUseReader, kid: number): Promise<KeyInUse> {
  const use = (await keyUses.uses()).find((one) => one.kid === kid)
  const { grants = 0, refresh_tokens = 0, access_tokens = 0, authorization_codes = 0, clients = [] } = use ?? {}
  return { kid, grants, refresh_tokens, access_tokens, authorization_codes, clients }
}

/** GET /admin/keys/:kid: what revoking this key would end. */
export function getKey(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    await requireRight(admin, ctx, KEYS)
    ctx.body = await keyInUse(admin.keyUses, kidFrom(ctx))
  }
}

const BODY = z.strictObject({ after: z.uuid().toLowerCase().nullable().default(null) })

/**
 * POST /admin/keys/:kid/revoke {after?}: ends one page of the grants that have something living of this key; 200
 * {revoked, next} means durable and projected, and `next` is the `after` of the next page. All grants are reached by
 * it, so it needs the guard's right as well. 409 while new tokens are made with this key, here or where the bearer got
 * its own.
 */
export function revokeKey(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, KEYS)
    await requireRight(admin, ctx, GUARD_RESOURCE)
    const kid = kidFrom(ctx)
    const { after } = await readJson(ctx, BODY)
    if (kid === admin.keys.current) throw new OAuthError('conflict', `kid ${kid} is current here: ${FIRST_ANOTHER}`)
    if (kid === bearer.kid)
      throw new OAuthError('conflict', `your own token was made with kid ${kid}: ${FIRST_ANOTHER}`)
    const { principal } = bearer
    const by = { revoked_by: principal, context: eventContext(ctx, principal) }
    ctx.body = await revokeGrantsOfKey(admin, { kid, after }, by)
  }
}

/** What must be done before a key can be revoked. */
export const FIRST_ANOTHER = 'put another key first in every process, then repeat'

const KID = z.string().regex(/^(?:[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])$/, 'must be a whole number from 1 to 255')

function kidFrom(ctx: HttpContext): number {
  return Number(nameFrom(ctx, 'kid', KID))
}
