import { z } from 'zod'
import { MAX_GRACE_SECONDS } from '../../ledger/grant/times.ts'

// What the data of events are made of.

// What the read model's columns can hold: a larger number would hold up everything that is folded with it.
export const MAX_INTEGER = 2 ** 31 - 1

// To compare it in ms, of the database too, must lose nothing.
export const MAX_NUMERIC_DATE = 2 ** 40

export const seconds = z.int().min(0).max(MAX_INTEGER)
export const grace = z.int().min(0).max(MAX_GRACE_SECONDS)
const count = z.int().min(0).max(MAX_INTEGER)
export const generation = z.int().min(1).max(MAX_INTEGER)
export const kid = z.int().min(1).max(255)
export const name = z.string().min(1)
export const names = z.array(z.string())
// One spelling only: PostgreSQL takes two spellings for one, and whoever compares text for two.
export const uuid = z.uuid().refine((id) => id === id.toLowerCase(), 'must be in small letters')
export const grantId = uuid
const revision = z.int().min(1).max(MAX_INTEGER)
export const reason = z.string()
/** What every change of an entity carries. A record of before has no more than its revision. */
export const revised = { revision, guard_revision: count.optional(), reason: reason.optional() }

const principal = z.looseObject({ type: z.enum(['user', 'client']), id: name })
export const revokedBy = z.looseObject({ type: z.enum(['user', 'client', 'system']), id: name })

export const terms = {
  grant_id: grantId,
  client_id: name,
  principal,
  grant_type: name,
  scope: z.string(),
  access_token_lifetime: seconds.nullable(),
  refresh: z
    .looseObject({ lifetime: seconds.nullable(), absolute_lifetime: seconds.nullable(), limit: count.nullable() })
    .nullable(),
  refresh_grace_seconds: grace,
  refresh_rotation: z.boolean(),
  registry_position: z.int().min(0),
  kid,
}

const base64url = z.string().regex(/^[\w-]+$/)
const index = z.string().regex(/^[\w-]{43}$/)

// An algorithm that is unknown lets nobody in (callers/authenticate-client.ts); the fold need not know it.
const secret = {
  kid,
  hash: name,
  secret_algorithm: name.optional(),
  salt: name.optional(),
  cost: z.looseObject({ n: count, r: count, p: count }).optional(),
}
const jwks = z.looseObject({ keys: z.array(z.looseObject({ kty: name, kid: z.string().optional() })) })
export const client = z.looseObject({
  client_id: name,
  client_name: z.string(),
  client_version: z.string(),
  client_type: z.enum(['confidential', 'public']),
  grant_types: names,
  redirect_uris: names,
  scope: z.string(),
  token_endpoint_auth_method: z.enum(['client_secret_basic', 'client_secret_post', 'private_key_jwt', 'none']),
  access_token_lifetime: seconds.nullable(),
  refresh_token_limit: count.nullable(),
  refresh_token_lifetime: seconds.nullable(),
  refresh_token_absolute_lifetime: seconds.nullable(),
  refresh_grace_seconds: grace,
  refresh_rotation: z.boolean(),
  groups: names,
  resource_server_folders: names.nullable(),
  enabled: z.boolean(),
  secret: z.looseObject(secret).nullable(),
  // A record of before has none of these.
  description: z.string().optional(),
  jwks: jwks.nullable().optional(),
  previous_secret: z
    .looseObject({ ...secret, expires_at: z.int().min(0).max(MAX_NUMERIC_DATE) })
    .nullable()
    .optional(),
})
export const scope = z.looseObject({ name, description: z.string(), includes: names })
export const group = z.looseObject({ name, description: z.string() })
export const acl = z.looseObject({ name, allowed_groups: names, denied_groups: names })
export const resource = z.looseObject({
  name,
  execute_acl: name.nullable(),
  templates: z.array(z.looseObject({ method: name, path: name })),
})
export const plainUser = z.looseObject({
  sub: name,
  groups: names,
  enabled: z.boolean(),
  personal: z.looseObject({ username: name, name: z.string().nullable(), email: z.string().nullable() }),
})
/**
 * `key_id` names the key of that person, AES-256-GCM; indexes are HMAC-SHA-256 in base64url (tokens/personal-data.ts).
 */
export const sealedUser = z.looseObject({
  sub: name,
  groups: names,
  enabled: z.boolean(),
  username_index: index,
  personal: z.looseObject({ key_id: uuid, iv: base64url, data: base64url, tag: base64url }),
  // A record of before has none.
  external: z.array(z.looseObject({ issuer: name, sub_index: index })).optional(),
})

/** Purposes are words of ours, checks HMAC-SHA-256 in base64url. */
export const checks = z.record(z.string().regex(/^[a-z_]{1,32}$/), z.string().regex(/^[\w-]{43}$/))
