import { z } from 'zod'
import type { EventType, Fact, LedgerEvent } from '../ledger/events.ts'
import { MAX_GRACE_SECONDS } from '../ledger/grant/times.ts'

// What the read model's columns can hold: a larger number would hold up everything that is folded with it.
const MAX_INTEGER = 2 ** 31 - 1

// To compare it in ms, of the database too, must lose nothing.
const MAX_NUMERIC_DATE = 2 ** 40

const seconds = z.int().min(0).max(MAX_INTEGER)
const grace = z.int().min(0).max(MAX_GRACE_SECONDS)
const count = z.int().min(0).max(MAX_INTEGER)
const generation = z.int().min(1).max(MAX_INTEGER)
const kid = z.int().min(1).max(255)
const name = z.string().min(1)
const names = z.array(z.string())
// One spelling only: PostgreSQL takes two spellings for one, and whoever compares text for two.
const uuid = z.uuid().refine((id) => id === id.toLowerCase(), 'must be in small letters')
const grantId = uuid
const revision = z.int().min(1).max(MAX_INTEGER)
const reason = z.string()
/** What every change of an entity carries. A record of before has no more than its revision. */
const revised = { revision, guard_revision: count.optional(), reason: reason.optional() }

const principal = z.looseObject({ type: z.enum(['user', 'client']), id: name })
const revokedBy = z.looseObject({ type: z.enum(['user', 'client', 'system']), id: name })

const terms = {
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

// An algorithm that is unknown lets nobody in (callers/authenticate-client.ts); the fold need not know it.
const secret = {
  kid,
  hash: name,
  secret_algorithm: name.optional(),
  salt: name.optional(),
  cost: z.looseObject({ n: count, r: count, p: count }).optional(),
}
const jwks = z.looseObject({ keys: z.array(z.looseObject({ kty: name, kid: z.string().optional() })) })
const client = z.looseObject({
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
const scope = z.looseObject({ name, description: z.string(), includes: names })
const group = z.looseObject({ name, description: z.string() })
const acl = z.looseObject({ name, allowed_groups: names, denied_groups: names })
const resource = z.looseObject({
  name,
  execute_acl: name.nullable(),
  templates: z.array(z.looseObject({ method: name, path: name })),
})
const plainUser = z.looseObject({
  sub: name,
  groups: names,
  enabled: z.boolean(),
  personal: z.looseObject({ username: name, name: z.string().nullable(), email: z.string().nullable() }),
})
/** `key_id` names the key of that person, AES-256-GCM (tokens/personal-data.ts). */
const sealedUser = z.looseObject({
  sub: name,
  groups: names,
  enabled: z.boolean(),
  username_index: z.string().regex(/^[\w-]{43}$/),
  personal: z.looseObject({ key_id: uuid, iv: base64url, data: base64url, tag: base64url }),
})

/** Purposes are words of ours, checks HMAC-SHA-256 in base64url. */
const checks = z.record(z.string().regex(/^[a-z_]{1,32}$/), z.string().regex(/^[\w-]{43}$/))

/** The `data` of every event type, version 1. Fields that a schema does not know are kept. */
export const EVENT_DATA = {
  AuthorizationGranted: z.looseObject({
    ...terms,
    redirect_uri: z.string().nullable(),
    code_challenge: z.string().nullable(),
    code_challenge_method: z.enum(['S256', 'plain']).nullable(),
    code_lifetime: seconds,
  }),
  TokenIssued: z.looseObject(terms),
  TokenRefreshed: z.looseObject({
    grant_id: grantId,
    client_id: name,
    access_generation: generation,
    refresh_generation: generation,
    kid,
    scope: z.string(),
    access_token_lifetime: seconds.nullable(),
    refresh_grace_seconds: grace,
  }),
  TokenReuseDetected: z.looseObject({
    grant_id: grantId,
    client_id: name,
    // The fold asks for the generation that came of it.
    presented_generation: generation.max(MAX_INTEGER - 1),
    refresh_grace_seconds: grace,
  }),
  TokenRevoked: z.looseObject({ grant_id: grantId, client_id: name, reason, revoked_by: revokedBy }),
  LedgerCreated: z.looseObject({ ledger_id: uuid }),
  ClientRegistered: z.looseObject({ ...revised, client }),
  ClientChanged: z.looseObject({ ...revised, client }),
  ClientSecretRenewed: z.looseObject({ ...revised, client }),
  ClientDeleted: z.looseObject({ ...revised, client_id: name }),
  ClientGrantsRevoked: z.looseObject({ ...revised, client, reason }),
  ScopePut: z.looseObject({ ...revised, scope }),
  ScopeDeleted: z.looseObject({ ...revised, name }),
  GroupPut: z.looseObject({ ...revised, group }),
  GroupDeleted: z.looseObject({ ...revised, name }),
  AclPut: z.looseObject({ ...revised, acl }),
  AclDeleted: z.looseObject({ ...revised, name }),
  ResourcePut: z.looseObject({ ...revised, resource }),
  ResourceDeleted: z.looseObject({ ...revised, name }),
  UserPut: z.looseObject({ ...revised, user: plainUser }),
  UserDeleted: z.looseObject({ ...revised, sub: name }),
  UserGrantsRevoked: z.looseObject({ ...revised, user: plainUser, reason }),
  // Room above for a deletion, which takes two.
  UserPasswordSet: z.looseObject({
    ...revised,
    user: sealedUser,
    password_epoch: z
      .int()
      .min(1)
      .max(2 ** 30),
  }),
  UserForgotten: z.looseObject({ ...revised, sub: name }),
  KeyIntroduced: z.looseObject({ ...revised, kid, checks }),
  KeyRetired: z.looseObject({ ...revised, kid }),
  RecordSkipped: z.looseObject({
    topic: name,
    partition: z.int().min(0).max(MAX_INTEGER),
    offset: z.int().min(0),
    sha256: z.string().regex(/^[0-9a-f]{64}$/),
    reason: name,
  }),
} satisfies { [Type in EventType]: z.ZodType<Extract<Fact, { type: Type }>['data']> }

/** The `data` of what has a version 2, which alone is written since. */
export const EVENT_DATA_2 = {
  UserPut: z.looseObject({ ...revised, user: sealedUser }),
  UserGrantsRevoked: z.looseObject({ ...revised, user: sealedUser, reason }),
} satisfies { [Type in EventType]?: z.ZodType<Extract<Fact, { type: Type }>['data']> }

const envelope = z.looseObject({
  specversion: z.literal('1.0'),
  id: name,
  source: name,
  subject: name,
  time: z.iso.datetime({ offset: true }),
  datacontenttype: z.literal('application/json'),
  dataschema: name,
  requestid: z.string().optional(),
  traceparent: z.string().optional(),
  actor: z.string().optional(),
  clientaddress: z.string().optional(),
})

/** Every event in its CloudEvents 1.0 envelope (structured JSON), as a union on `type`. */
export const EVENT = z.discriminatedUnion('type', variants(EVENT_DATA, 1)) as unknown as z.ZodType<LedgerEvent>
/** The same of version 2. */
export const EVENT_2 = z.discriminatedUnion('type', variants(EVENT_DATA_2, 2)) as unknown as z.ZodType<LedgerEvent>

// A changed rule gets a new `dataschema`, so an event of a version that this release does not know must not be read as
// this one.
function variants(ofTypes: Record<string, z.ZodType>, version: 1 | 2): [Variant, ...Variant[]] {
  const all = Object.entries(ofTypes).map(([type, data]) =>
    envelope.extend({ type: z.literal(type), data, dataschema: z.string().endsWith(`/${type}/${version}`) }),
  )
  return all as unknown as [Variant, ...Variant[]]
}

type Variant = z.ZodObject<{ type: z.ZodLiteral<string> }>
