import { z } from 'zod'
import type { EventType, Fact, LedgerEvent } from '../ledger/events.ts'
import {
  acl,
  checks,
  client,
  generation,
  grace,
  grantId,
  group,
  kid,
  MAX_INTEGER,
  MAX_NUMERIC_DATE,
  name,
  names,
  plainUser,
  reason,
  resource,
  revised,
  revokedBy,
  scope,
  sealedUser,
  seconds,
  terms,
  uuid,
} from './schemas/shapes.ts'

/** The `data` of every event type, version 1. Fields that a schema does not know are kept. */
export const EVENT_DATA = {
  AuthorizationGranted: z.looseObject({
    ...terms,
    redirect_uri: z.string().nullable(),
    code_challenge: z.string().nullable(),
    code_challenge_method: z.enum(['S256', 'plain']).nullable(),
    code_lifetime: seconds,
    // A record of before has none of these.
    consent: z.enum(['asked', 'remembered']).optional(),
    auth_time: z.int().min(0).max(MAX_NUMERIC_DATE).optional(),
    amr: names.optional(),
    sid: z.string().optional(),
    nonce: z.string().optional(),
  }),
  CodeExchanged: z.looseObject({ grant_id: grantId, client_id: name, kid }),
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
