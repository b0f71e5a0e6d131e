import type { Operations } from '../../../shared/http/openapi/operation.ts'
import { CLIENT } from '../clients/client-kind.ts'
import { CLIENT_METADATA } from '../clients/client-metadata.ts'
import { RENEWAL } from '../clients/renew-secret.ts'
import { listShape } from '../lists/list-entities.ts'
import { REVOKE_ALL } from '../registry/revoke-all.ts'
import { deletedBy, pageOf, REVOKED_ALL, SHOWN, WITH_SECRET } from './answers.ts'
import { CLIENT_PATCH } from './bodies.ts'
import { right } from './right.ts'

const CLIENTS = { tag: 'Clients', caller: 'bearer', description: right(CLIENT.right) } as const
const ONE = { ...CLIENTS, path: { client_id: CLIENT.form } } as const

/** What the routes of clients take and answer. */
export const CLIENT_OPERATIONS: Operations = {
  'POST /admin/clients': {
    ...CLIENTS,
    id: 'registerClient',
    summary: 'Register a client (RFC 7591 §3.2.1).',
    reads: ['Idempotency-Key'],
    body: { json: CLIENT_METADATA, example: { client_name: 'Billing app', scope: 'orders.read' } },
    answers: { 201: { what: 'It is registered.', schema: WITH_SECRET, headers: ['ETag', 'Location'] } },
    refusals: [409, 412, 422],
  },
  'GET /admin/clients': {
    ...CLIENTS,
    id: 'listClients',
    summary: 'List clients, a page at a time.',
    query: listShape(CLIENT.filters),
    answers: { 200: pageOf('client') },
  },
  'GET /admin/clients/:client_id': {
    ...ONE,
    id: 'getClient',
    summary: 'Read a client.',
    answers: { 200: { what: 'As it is now, without its secret.', schema: SHOWN.client, headers: ['ETag'] } },
    refusals: [404],
  },
  'PATCH /admin/clients/:client_id': {
    ...ONE,
    id: 'patchClient',
    summary: 'Change members of a client; what is not named stays.',
    reads: ['If-Match'],
    body: { patch: CLIENT_PATCH, example: { enabled: false } },
    answers: { 200: { what: 'It is changed.', schema: SHOWN.client, headers: ['ETag'] } },
    refusals: [404, 409, 412, 428],
  },
  'DELETE /admin/clients/:client_id': {
    ...ONE,
    id: 'deleteClient',
    summary: 'End a client and all its grants, for ever.',
    reads: ['If-Match'],
    answers: { 200: deletedBy('client_id') },
    refusals: [404, 409, 412, 428],
  },
  'POST /admin/clients/:client_id/secret': {
    ...ONE,
    id: 'renewClientSecret',
    summary: 'Give a client a new secret; that of before is valid for the overlap.',
    reads: ['If-Match', 'Idempotency-Key'],
    body: { json: RENEWAL, example: { overlap_seconds: 86_400 } },
    answers: { 200: { what: 'The new secret.', schema: WITH_SECRET, headers: ['ETag'] } },
    refusals: [404, 409, 412, 422],
  },
  'POST /admin/clients/:client_id/revoke-all': {
    ...ONE,
    id: 'revokeAllOfClient',
    summary: 'End all grants of a client up to now, those in flight too.',
    body: { json: REVOKE_ALL, example: { reason: 'leaked' } },
    answers: { 200: { what: 'They have ended.', schema: REVOKED_ALL, headers: ['ETag'] } },
    refusals: [404, 409, 412],
  },
}
