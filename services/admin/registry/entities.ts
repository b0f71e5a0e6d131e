import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpContext, HttpMiddleware } from '../../../shared/http/context.ts'
import { parsed, readJson } from '../../../shared/http/input/json-body.ts'
import { mergePatched, readMergePatch } from '../../../shared/http/input/merge-patch.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { lives, type RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { Admin } from '../admin.ts'
import { nameFrom } from '../names.ts'
import { requirePseudonym } from '../people/pseudonym.ts'
import { type Kind, patchable } from '../kinds/kind.ts'
import { and, etagOf, ofRevision, readIfMatch, readPrecondition } from './preconditions.ts'
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
    const { revision, ...wanted } = await readJson(ctx, body(name))
    if (kind === 'user') requirePseudonym(admin, name)
    const entity = await writeEntity(admin, ctx, bearer, {
      ...wanted,
      key: registryKey(kind, name),
      precondition: and(precondition, ofRevision(revision)),
      error: 'invalid_request',
    })
    ctx.status = ctx.get('if-none-match') ? 201 : 200
    ctx.set('ETag', etagOf(entity))
    ctx.body = shown(entity)
  }
}

/**
 * PATCH of one entity (RFC 7396): members that the body does not name stay as they are, `null` is the default again.
 * `If-Match` as with PUT. OAuthError: 400 names a member, 401, 403, 404, 409, 412, 428.
 */
export function patchEntity(admin: Admin, kind: Kind): HttpMiddleware {
  return async (ctx) => {
    const { bearer, name, patch, before, exactly } = await readPatch(admin, ctx, kind)
    const { members, body } = kind.patching?.(before, patch) ?? { members: patchable(before), body: kind.body(name) }
    const { revision, ...wanted } = parsed(mergePatched(members, patch), body)
    const entity = await writeEntity(admin, ctx, bearer, {
      ...wanted,
      key: before.key,
      precondition: exactly(revision),
      error: 'invalid_request',
    })
    ctx.set('ETag', etagOf(entity))
    ctx.body = shown(entity)
  }
}

/**
 * A PATCH, who sends it, and what it is merged into. `exactly`: writes what comes of that only over this very revision,
 * which the body may name too. OAuthError: 400, 401, 403, 404, 428.
 */
export async function readPatch(admin: Admin, ctx: HttpContext, kind: Readable) {
  const bearer = await requireRight(admin, ctx, kind.right)
  const name = nameFrom(ctx, kind.id, kind.form)
  const precondition = readIfMatch(ctx)
  const patch = await readMergePatch(ctx)
  const before = await readLiving(admin, kind, name, admin.maxLagMs)
  const exactly = (revision: number | undefined) => {
    return and(and(precondition, ofRevision(revision)), ofRevision(before.revision))
  }
  return { bearer, name, patch, before, exactly }
}

type Readable = Pick<Kind, 'right' | 'form' | 'question'> & { kind: Kind['kind'] | 'client'; id: string }

/** GET of one entity, with its ETag. 404 when there is none. */
export function getEntity(admin: Admin, readable: Readable): HttpMiddleware {
  return async (ctx) => {
    await requireRight(admin, ctx, readable.right)
    const name = nameFrom(ctx, readable.id, readable.form)
    const entity = await readLiving(admin, readable, name, admin.checkMaxLagMs)
    ctx.set('ETag', etagOf(entity))
    ctx.body = shown(entity)
  }
}

/** The entity of this name. OAuthError not_found when there is none; Unsettled on a read model that is too old. */
export async function readLiving(
  admin: Admin,
  { kind, question }: Pick<Readable, 'kind' | 'question'>,
  name: string,
  maxLagMs: number,
): Promise<RegistryEntity> {
  const { checkpoint, now, entities } = await admin.registry.read(question(name))
  requireRecent(checkpoint, now, maxLagMs)
  const entity = entities.get(registryKey(kind, name))
  if (!lives(entity)) throw new OAuthError('not_found', `there is no ${kind} of this name`)
  return entity
}
