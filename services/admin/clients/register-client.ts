import { v7 as uuidv7 } from 'uuid'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { usesSecret } from '../../../shared/ledger/client.ts'
import type { Client } from '../../../shared/ledger/events.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { hashClientSecret } from '../../../shared/tokens/client-secret.ts'
import type { Admin } from '../admin.ts'
import { repeatable } from '../idempotency-key.ts'
import { etagOf } from '../registry/preconditions.ts'
import { shown } from '../registry/shown.ts'
import type { Change } from '../registry/write.ts'
import { CLIENT } from './client-kind.ts'
import { CLIENT_METADATA, clientOf, clientProblems } from './client-metadata.ts'
import { newSecret, writeClientOnce } from './repeatable.ts'

/**
 * POST /admin/clients: registers a client (RFC 7591 §3.2.1). The secret of one that has one stands in this answer and
 * nowhere else; with an Idempotency-Key the request may be repeated, and is answered the same. 400
 * `invalid_client_metadata` names what is wrong; 409 when name and version are taken.
 */
export function registerClient(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, CLIENT.right)
    const metadata = await readJson(ctx, CLIENT_METADATA, 'invalid_client_metadata')
    const request = await repeatable(admin, ctx, bearer, { id: uuidv7(), revision: 1 })
    const plain = clientOf(request.id, metadata, admin.defaults)
    const secret = usesSecret(plain) ? newSecret(admin.keys, request) : null
    const client = { ...plain, secret: secret === null ? null : hashClientSecret(admin.keys, secret) }
    const change = registration(admin, client)
    const { entity, credentials } = await writeClientOnce(admin, ctx, bearer, { change, request, secret })
    ctx.status = 201
    ctx.set({ ETag: etagOf(entity), Location: `/admin/clients/${client.client_id}` })
    ctx.body = { ...shown(entity), ...credentials }
  }
}

function registration(admin: Admin, client: Client): Change {
  return {
    key: registryKey('client', client.client_id),
    question: { client_ids: [client.client_id], client_names: [client.client_name] },
    precondition: (entity) => entity === undefined,
    fact: (revised) => ({ type: 'ClientRegistered', data: { ...revised, client } }),
    problems: (view) => clientProblems(view, client, admin.appendTimeout),
    error: 'invalid_client_metadata',
  }
}
