import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { lives } from '../../../shared/ledger/registry/state.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { Admin } from '../admin.ts'
import { nameFrom } from '../names.ts'
import { requirePseudonym } from '../people/pseudonym.ts'
import type { Kind } from './kinds.ts'
import { etagOf, readPrecondition } from './preconditions.ts'
import { shown } from './shown.ts'
import { writeEntity } from './write.ts'

/**
 * PUT of a scope, group, ACL, resource or user: 201 creates (`If-None-Match: *`), 200 changes (`If-Match: "revision"`);
 * the body is the whole entity. OAuthError: 400, 401, 403, 409, 412, 428.
 */
export function putEntity(admin: Admin, { kind, right, id, form, body }: Kind): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, right)
    const name = nameFrom(ctx, id, form)
    const precondition = readPrecondition(ctx)
    const wanted = await readJson(ctx, body(name))
    if (kind === 'user') requirePseudonym(admin, name)
    const change = { ...wanted, key: registryKey(kind, name), precondition, error: 'invalid_request' as const }
    const entity = await writeEntity(admin, ctx, bearer, change)
    ctx.status = ctx.get('if-none-match') ? 201 : 200
    ctx.set('ETag', etagOf(entity))
    ctx.body = shown(entity)
  }
}

type Readable = Pick<Kind, 'right' | 'form' | 'question'> & { kind: Kind['kind'] | 'client'; id: string }

/** GET of one entity, with its ETag. 404 when there is none. */
export function getEntity(admin: Admin, { kind, right, id, form, question }: Readable): HttpMiddleware {
  return async (ctx) => {
    await requireRight(admin, ctx, right)
    const name = nameFrom(ctx, id, form)
    const { checkpoint, now, entities } = await admin.registry.read(question(name))
    requireRecent(checkpoint, now, admin.checkMaxLagMs)
    const entity = entities.get(registryKey(kind, name))
    if (!lives(entity)) throw new OAuthError('not_found', `there is no ${kind} of this name`)
    ctx.set('ETag', etagOf(entity))
    ctx.body = shown(entity)
  }
}
