import { z } from 'zod'
import { EVENT_DATA } from '../../../shared/event-log/event-schemas.ts'
import type { Answer } from '../../../shared/http/openapi/operation.ts'
import { REGISTRY_KINDS } from '../../../shared/ledger/registry/kinds.ts'
import type { PutKind } from '../kinds/kind.ts'

const { ClientRegistered, ScopePut, GroupPut, AclPut, ResourcePut } = EVENT_DATA

const REVISION = { revision: z.int().min(1) }

const STORED_CLIENT = z.object(ClientRegistered.shape.client.shape)

const CLIENT = z.object({
  ...STORED_CLIENT.omit({ secret: true, previous_secret: true }).shape,
  description: z.string(),
  jwks: STORED_CLIENT.shape.jwks.unwrap(),
  previous_secret_expires_at: z.int().optional().meta({ description: 'NumericDate; while two secrets are valid.' }),
  ...REVISION,
})

/** What ended all grants of somebody, and its revision. */
export const REVOKED_ALL = z.object({ reason: z.string(), ...REVISION })

/** A client with a secret that is told once. */
export const WITH_SECRET = z.object({
  ...CLIENT.shape,
  client_secret: z.string().optional().meta({ description: 'In this answer and nowhere else.' }),
  client_secret_expires_at: z.int().optional().meta({ description: 'NumericDate; 0: it does not expire.' }),
})

const USER = z.object({
  sub: z.string(),
  username: z.string().nullable(),
  name: z.string().nullable(),
  email: z.string().nullable(),
  groups: z.array(z.string()),
  enabled: z.boolean(),
  personal_state: z.string().optional().meta({ description: 'Why nothing names the user.' }),
  ...REVISION,
})

/** What a GET, PUT or PATCH of each kind answers. */
export const SHOWN: Record<PutKind | 'client', z.ZodType> = {
  client: CLIENT,
  scope: z.object({ ...ScopePut.shape.scope.shape, ...REVISION }),
  group: z.object({ ...GroupPut.shape.group.shape, ...REVISION }),
  acl: z.object({ ...AclPut.shape.acl.shape, ...REVISION }),
  resource: z.object({ ...ResourcePut.shape.resource.shape, ...REVISION }),
  user: USER,
}

/** What a DELETE answers; `id`: what the entity is known by. */
export function deletedBy(id: string): Answer {
  const schema = z.object({ [id]: z.string(), deleted: z.literal(true), ...REVISION })
  return { what: 'It is gone; its revision goes on.', schema }
}

/** A page of a kind, with a Link while there is another one. */
export function pageOf(kind: PutKind | 'client'): Answer {
  return registryPageOf(REGISTRY_KINDS[kind].plural, SHOWN[kind])
}

/** A page of `rows`, each of this shape. */
export function registryPageOf(rows: string, row: z.ZodType): Answer {
  const position = { registry_position: z.int().min(0), read_at: z.iso.datetime() }
  const schema = z.object({ [rows]: z.array(row), ...position })
  return { what: 'A page, and where the registry was read at.', schema, headers: ['Link'] }
}
