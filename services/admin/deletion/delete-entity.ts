import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { OAuthError } from '../../../shared/http/oauth-error.ts'
import { isPredefined } from '../../../shared/ledger/registry/predefined.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { lives } from '../../../shared/ledger/registry/state.ts'
import type { Admin } from '../admin.ts'
import type { Kind } from '../kinds/kind.ts'
import { nameFrom } from '../names.ts'
import { readIfMatch } from '../registry/preconditions.ts'
import { writeEntity } from '../registry/write.ts'
import { deletionOf, type Deletable } from './deletions.ts'

/** A kind that DELETE ends. */
export type Deleting = Pick<Kind, 'right' | 'form' | 'question'> & { kind: Deletable; id: string }

/**
 * DELETE of one entity, of the revision in `If-Match`. OAuthError: 401, 403, 404, 409 for what every ledger begins
 * with, for what is still named elsewhere, with the places, and for the last administrator; 412, 428.
 */
export function deleteEntity(admin: Admin, { kind, right, id, form, question }: Deleting): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, right)
    const name = nameFrom(ctx, id, form)
    const precondition = readIfMatch(ctx)
    const key = registryKey(kind, name)
    if (isPredefined(key)) throw new OAuthError('conflict', `${kind} ${name} is predefined, and stays`)
    const { revision } = await writeEntity(admin, ctx, bearer, {
      key,
      question: question(name),
      precondition,
      fact: (revised, entity) => {
        if (!lives(entity)) throw new OAuthError('not_found', `there is no ${kind} of this name`)
        return deletionOf(kind, name, revised)
      },
      problems: () => [],
      requireFree: () => requireNowhereNamed(admin, kind, name),
      // Whoever lets it into an ACL of the ledger meanwhile comes first or second, and never at the same time.
      underGuard: kind === 'group' || kind === 'acl',
      error: 'invalid_request',
    })
    ctx.body = { [id]: name, deleted: true, revision }
  }
}

const MAX_TEXT = 400

/** OAuthError conflict naming where it is still named. */
async function requireNowhereNamed({ places }: Admin, kind: Deletable, name: string): Promise<void> {
  const { keys, more } = await places(kind, name)
  if (keys.length === 0) return
  const told = keys.filter((_, index) => keys.slice(0, index + 1).join(', ').length <= MAX_TEXT)
  const others = more || told.length < keys.length ? ' and others' : ''
  throw new OAuthError('conflict', `this ${kind} is still named by ${told.join(', ')}${others}`)
}
