import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readMergePatch } from '../../../shared/http/input/merge-patch.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import type { RegistryView } from '../../../shared/ledger/registry/state.ts'
import type { Admin } from '../admin.ts'
import { nameFrom } from '../names.ts'
import { readLiving } from '../registry/entities.ts'
import { and, etagOf, ofRevision, readIfMatch } from '../registry/preconditions.ts'
import { shown } from '../registry/shown.ts'
import { writeEntity } from '../registry/write.ts'
import { patchedClient } from './client-changes.ts'
import { CLIENT, livingClient } from './client-kind.ts'
import { clientProblems } from './client-metadata.ts'

/**
 * PATCH of a client (RFC 7396): what the body does not name stays as it is. `"enabled": false` refuses it everywhere
 * until it is true again; nothing ends. OAuthError: 400 names a member, 404, 409 a taken name, 412, 428.
 */
export function patchClient(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, CLIENT.right)
    const client_id = nameFrom(ctx, CLIENT.id, CLIENT.form)
    const precondition = readIfMatch(ctx)
    const patch = await readMergePatch(ctx)
    const before = await readLiving(admin, CLIENT, client_id, admin.maxLagMs)
    const old = livingClient(before)
    const { client, revision } = patchedClient(old, patch, admin.defaults)
    const problemsOf = (view: RegistryView, one: Client) => clientProblems(view, one, admin.appendTimeout)
    const entity = await writeEntity(admin, ctx, bearer, {
      key: before.key,
      question: { client_ids: [client_id], client_names: [client.client_name] },
      // What the patch was merged into is what it changes.
      precondition: and(and(precondition, ofRevision(revision)), ofRevision(before.revision)),
      fact: (revised, entity) => {
        livingClient(entity)
        return { type: 'ClientChanged', data: { ...revised, client } }
      },
      // A scope that is gone, for one, is no reason to refuse what does not name it.
      problems: (view) => problemsOf(view, client).filter((problem) => !problemsOf(view, old).includes(problem)),
      error: 'invalid_client_metadata',
    })
    ctx.set('ETag', etagOf(entity))
    ctx.body = shown(entity)
  }
}
