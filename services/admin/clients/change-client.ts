import type { HttpMiddleware } from '../../../shared/http/context.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import type { RegistryView } from '../../../shared/ledger/registry/state.ts'
import type { Admin } from '../admin.ts'
import { readPatch } from '../registry/entities.ts'
import { etagOf } from '../registry/preconditions.ts'
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
    const { bearer, name: client_id, patch, before, exactly } = await readPatch(admin, ctx, CLIENT)
    const old = livingClient(before)
    const { client, revision } = patchedClient(old, patch, admin.defaults)
    const problemsOf = (view: RegistryView, one: Client) => clientProblems(view, one, admin.appendTimeout)
    const entity = await writeEntity(admin, ctx, bearer, {
      key: before.key,
      question: { client_ids: [client_id], client_names: [client.client_name] },
      precondition: exactly(revision),
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
