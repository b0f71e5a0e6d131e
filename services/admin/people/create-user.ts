import { randomUUID } from 'node:crypto'
import { v7 as uuidv7 } from 'uuid'
import { z } from 'zod'
import { PersonForgotten } from '../../../shared/accounts/person-keys.ts'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { lives } from '../../../shared/ledger/registry/state.ts'
import { requireRecent } from '../../../shared/read-model/reads/freshness.ts'
import type { Admin } from '../admin.ts'
import { type Repeatable, repeatable } from '../idempotency-key.ts'
import { NAME } from '../names.ts'
import type { Wanted } from '../kinds/kind.ts'
import { USERS } from '../kinds/users.ts'
import { etagOf } from '../registry/preconditions.ts'
import { shown } from '../registry/shown.ts'
import type { Change } from '../registry/write.ts'
import { writeOnce } from '../registry/write-once.ts'
import { requirePseudonym } from './pseudonym.ts'

/**
 * POST /admin/users: creates a user, whose `sub` is generated where the body names none; 201 with Location and ETag.
 * With an Idempotency-Key the request may be repeated, and is answered with the user as it stands. OAuthError: as PUT,
 * and 409 for a `sub` that a user has or a forgotten one had, also after this request.
 */
export function createUser(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, USERS.right)
    const { sub, wantedFor } = await readJson(ctx, BODY)
    requirePseudonym(admin, sub ?? '')
    const revision = sub === undefined ? 1 : await nextRevision(admin, sub)
    const request = await repeatable(admin, ctx, bearer, { id: sub ?? randomUUID(), revision, salt: uuidv7() })
    const { entity } = await writeOnce(admin, ctx, bearer, {
      change: creation(request, wantedFor(request.id)),
      request,
      // Whoever names the sub is not alone with it.
      ...(sub !== undefined && {
        isOurs: async ({ last_offset }) => (await admin.eventIdAt(last_offset)) === request.salt,
      }),
    })
    ctx.status = 201
    ctx.set({ ETag: etagOf(entity), Location: `/admin/users/${encodeURIComponent(request.id)}` })
    ctx.body = shown(entity)
  }
}

function creation({ id, key, revision, salt }: Repeatable, wanted: Wanted): Change {
  return {
    ...wanted,
    key: registryKey('user', id),
    event_id: salt,
    precondition: null,
    error: 'invalid_request',
    fact: (revised, current) => {
      if (lives(current)) throw new OAuthError('conflict', 'there is a user of this sub')
      if (key !== null && revised.revision > revision)
        throw new OAuthError('conflict', 'the user of this sub was deleted since')
      return wanted.fact(revised)
    },
  }
}

/** The revision that a user of this sub begins with: somebody may have been deleted under it. PersonForgotten. */
async function nextRevision({ registry, maxLagMs }: Admin, sub: string): Promise<number> {
  const { checkpoint, now, entities } = await registry.read({ subs: [sub] })
  requireRecent(checkpoint, now, maxLagMs)
  const entity = entities.get(registryKey('user', sub))
  if (entity?.forgotten === true) throw new PersonForgotten()
  return (entity?.revision ?? 0) + 1
}

type Body = { sub: string | undefined; wantedFor: (sub: string) => Wanted }

const BODY = z.looseObject({ sub: NAME.optional() }).transform((body, context): Body => {
  // Random: a UUIDv7 would say for ever when the person came.
  const { success, error } = USERS.body(body.sub ?? randomUUID()).safeParse(body)
  if (success) return { sub: body.sub, wantedFor: (sub) => USERS.body(sub).parse(body) }
  for (const { path, message } of error.issues) context.addIssue({ code: 'custom', path, message })
  return z.NEVER
})
