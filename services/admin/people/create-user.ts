import { randomUUID } from 'node:crypto'
import { z } from 'zod'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { lives } from '../../../shared/ledger/registry/state.ts'
import type { Admin } from '../admin.ts'
import { refuseIdempotencyKey } from '../idempotency-key.ts'
import { NAME } from '../names.ts'
import type { Wanted } from '../kinds/kind.ts'
import { USERS } from '../kinds/users.ts'
import { etagOf } from '../registry/preconditions.ts'
import { shown } from '../registry/shown.ts'
import { writeEntity } from '../registry/write.ts'
import { requirePseudonym } from './pseudonym.ts'

/**
 * POST /admin/users: creates a user, whose `sub` is generated where the body names none; 201 with Location and ETag.
 * OAuthError: as PUT, and 409 for a `sub` that a user has or a forgotten one had.
 */
export function createUser(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, USERS.right)
    refuseIdempotencyKey(ctx)
    const { sub, wanted } = await readJson(ctx, BODY)
    requirePseudonym(admin, sub)
    const entity = await writeEntity(admin, ctx, bearer, {
      ...wanted,
      key: registryKey('user', sub),
      precondition: null,
      error: 'invalid_request',
      fact: (revised, current) => {
        if (lives(current)) throw new OAuthError('conflict', 'there is a user of this sub')
        return wanted.fact(revised)
      },
    })
    ctx.status = 201
    ctx.set({ ETag: etagOf(entity), Location: `/admin/users/${encodeURIComponent(sub)}` })
    ctx.body = shown(entity)
  }
}

// Random: a UUIDv7 would say for ever when the person came.
const BODY = z
  .looseObject({ sub: NAME.default(() => randomUUID()) })
  .transform((body, context): { sub: string; wanted: Wanted } => {
    const { success, data, error } = USERS.body(body.sub).safeParse(body)
    if (success) return { sub: body.sub, wanted: data }
    for (const { path, message } of error.issues) context.addIssue({ code: 'custom', path, message })
    return z.NEVER
  })
