import { v7 as uuidv7 } from 'uuid'
import { requireRight } from '../../../shared/callers/require-right.ts'
import type { HttpMiddleware } from '../../../shared/http/context.ts'
import { readJson } from '../../../shared/http/input/json-body.ts'
import { registryKey } from '../../../shared/ledger/registry/kinds.ts'
import { generateClientSecret, hashClientSecret } from '../../../shared/tokens/client-secret.ts'
import type { Admin } from '../admin.ts'
import { CLIENT_METADATA, clientOf, clientProblems } from './client-metadata.ts'
import { etagOf } from './preconditions.ts'
import { shown } from './shown.ts'
import { writeEntity } from './write.ts'

/** The right to read and write clients. */
export const CLIENTS = 'ledger.admin:clients'

/**
 * POST /admin/clients: registers a client (RFC 7591 §3.2.1). The secret of a confidential one stands in this answer and
 * nowhere else. 400 `invalid_client_metadata` names what is wrong; 409 when name and version are taken.
 */
export function registerClient(admin: Admin): HttpMiddleware {
  return async (ctx) => {
    const bearer = await requireRight(admin, ctx, CLIENTS)
    const metadata = await readJson(ctx, CLIENT_METADATA, 'invalid_client_metadata')
    const client_id = uuidv7()
    const secret = metadata.client_type === 'confidential' ? generateClientSecret() : null
    const client = {
      ...clientOf(client_id, metadata, admin.defaults),
      secret: secret === null ? null : hashClientSecret(admin.keys, secret),
    }
    const entity = await writeEntity(admin, ctx, bearer, {
      key: registryKey('client', client_id),
      question: { client_ids: [client_id], client_names: [client.client_name] },
      precondition: null,
      fact: (revised) => ({ type: 'ClientRegistered', data: { ...revised, client } }),
      problems: (view) => clientProblems(view, client, admin.appendTimeout),
      error: 'invalid_client_metadata',
    })
    ctx.status = 201
    ctx.set({ ETag: etagOf(entity), Location: `/admin/clients/${client_id}` })
    // RFC 7591 §3.2.1: 0 = the secret does not expire.
    const credentials = secret === null ? {} : { client_secret: secret, client_secret_expires_at: 0 }
    ctx.body = { ...shown(entity), ...credentials }
  }
}
