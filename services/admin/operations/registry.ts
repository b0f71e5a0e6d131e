import { z } from 'zod'
import { EVENT_DATA } from '../../../shared/event-log/event-schemas.ts'
import type { Operation, Operations } from '../../../shared/http/openapi/operation.ts'
import { NAME } from '../names.ts'
import { CLIENT_METADATA } from '../clients/client-metadata.ts'
import { FORGET } from '../registry/forget.ts'
import type { Kind } from '../kinds/kind.ts'
import { KINDS } from '../kinds/kinds.ts'
import { REVOKE_ALL } from '../registry/revoke-all.ts'
import { right } from './right.ts'

const { ClientRegistered, ScopePut, GroupPut, AclPut, ResourcePut } = EVENT_DATA

const CLIENT = z.object(ClientRegistered.shape.client.shape).omit({ secret: true })

const USER = z.object({
  sub: z.string(),
  username: z.string().nullable(),
  name: z.string().nullable(),
  email: z.string().nullable(),
  groups: z.array(z.string()),
  enabled: z.boolean(),
  personal_state: z.string().optional().meta({ description: 'Why nothing names the user.' }),
})

/** What a GET or PUT of each kind answers. */
const SHOWN: Record<Kind['kind'], z.ZodType> = {
  scope: z.object(ScopePut.shape.scope.shape),
  group: z.object(GroupPut.shape.group.shape),
  acl: z.object(AclPut.shape.acl.shape),
  resource: z.object(ResourcePut.shape.resource.shape),
  user: USER,
}

const EXAMPLES: Record<Kind['kind'], unknown> = {
  scope: { description: 'Read invoices.', includes: ['billing'] },
  group: { description: 'Accounting' },
  acl: { allowed_groups: ['Accounting'] },
  resource: { execute_acl: 'Accounting' },
  user: { username: 'bob', groups: ['Accounting'] },
}

const REGISTERED = z.object({
  ...CLIENT.shape,
  client_secret: z.string().optional().meta({ description: 'In this answer and nowhere else.' }),
  client_secret_expires_at: z.literal(0).optional(),
})

function kindOperations(kind: Kind): Operations {
  const { kind: name, path, id, form, right: service } = kind
  const tag = titled(path)
  const of = { tag, description: right(service), caller: 'bearer', path: { [id]: form } } as const
  const shown = { schema: SHOWN[name], headers: ['ETag'] } as const
  return {
    [`PUT /admin/${path}/:${id}`]: {
      ...of,
      id: `put${titled(name)}`,
      summary: `Create or change one of the ${path}; the body is the whole of it.`,
      reads: ['If-None-Match', 'If-Match'],
      body: { json: kind.body(''), example: EXAMPLES[name] },
      answers: { 200: { what: 'It is changed.', ...shown }, 201: { what: 'It is created.', ...shown } },
      refusals: [409, 412, 428],
    },
    [`GET /admin/${path}/:${id}`]: {
      ...of,
      id: `get${titled(name)}`,
      summary: `Read one of the ${path}.`,
      answers: { 200: { what: 'As it is now.', ...shown } },
      refusals: [404],
    },
  }
}

function titled(word: string): string {
  return word === 'acl' ? 'Acl' : word === 'acls' ? 'ACLs' : `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`
}

function revokeAll(whose: 'client' | 'user', id: string, service: string): Operation {
  return {
    id: `revokeAllOf${titled(whose)}`,
    tag: `${titled(whose)}s`,
    summary: `End all grants of a ${whose} up to now, those in flight too.`,
    description: right(service),
    caller: 'bearer',
    path: { [id]: NAME },
    body: { json: REVOKE_ALL, example: { reason: 'left the company' } },
    answers: { 200: { what: 'They have ended.', schema: REVOKE_ALL, headers: ['ETag'] } },
    refusals: [404, 409],
  }
}

/** What the routes of the registry take and answer. */
export const REGISTRY_OPERATIONS: Operations = {
  'POST /admin/clients': {
    id: 'registerClient',
    tag: 'Clients',
    summary: 'Register a client (RFC 7591 §3.2.1).',
    description: right(CLIENTS),
    caller: 'bearer',
    body: { json: CLIENT_METADATA, example: { client_name: 'Billing app', scope: 'billing.read' } },
    answers: { 201: { what: 'It is registered.', schema: REGISTERED, headers: ['ETag', 'Location'] } },
    refusals: [409, 412],
  },
  'GET /admin/clients/:client_id': {
    id: 'getClient',
    tag: 'Clients',
    summary: 'Read a client.',
    description: right(CLIENTS),
    caller: 'bearer',
    path: { client_id: NAME },
    answers: { 200: { what: 'As it is now, without its secret.', schema: CLIENT, headers: ['ETag'] } },
    refusals: [404],
  },
  'POST /admin/clients/:client_id/revoke-all': revokeAll('client', 'client_id', CLIENTS),
  ...Object.fromEntries(KINDS.flatMap((kind) => Object.entries(kindOperations(kind)))),
  'POST /admin/users/:sub/revoke-all': revokeAll('user', 'sub', 'ledger.admin:users'),
  'POST /admin/users/:sub/forget': {
    id: 'forgetUser',
    tag: 'Users',
    summary: 'Forget a person for ever: the grants end, and what names the person is gone.',
    description: right('ledger.admin:users'),
    caller: 'bearer',
    path: { sub: NAME },
    body: { json: FORGET, example: { reason: 'asked for it' } },
    answers: {
      200: { what: 'The person is forgotten.', schema: z.object({ sub: z.string(), forgotten: z.literal(true) }) },
    },
    refusals: [404, 409],
  },
}
