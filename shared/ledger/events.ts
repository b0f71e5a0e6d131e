import type { Client } from './client.ts'
import type { SealedUser, User } from './user.ts'

export type { Client, ClientSecret, ClientType, TokenEndpointAuthMethod } from './client.ts'
export type { User } from './user.ts'

/**
 * Every event of the ledger. An event is a fact: what it means for the state is decided by `evolve`, in log order.
 * Whatever `evolve` needs stands in the event itself (lifetimes, limits, grace, kid), so that a replay in ten years
 * gives the same verdicts.
 */

/** Who a token speaks for. User and client identifiers live in separate namespaces (RFC 9700 §4.15). */
export type Principal = { type: 'user' | 'client'; id: string }

/** Who ended a grant: `system` is the command line of somebody who has the log and the database themselves. */
export type RevokedBy = Principal | { type: 'system'; id: string }

/** How a grant's refresh tokens live: seconds, `null` = without end. */
export type RefreshPolicy = { lifetime: number | null; absolute_lifetime: number | null; limit: number | null }

/** What `TokenIssued` and `AuthorizationGranted` share: the terms of the grant. */
export type GrantTerms = {
  grant_id: string
  client_id: string
  principal: Principal
  grant_type: string
  /** Space-separated scope tokens (RFC 6749 §3.3). */
  scope: string
  access_token_lifetime: number | null
  /** `null`: this grant has no refresh token. */
  refresh: RefreshPolicy | null
  refresh_grace_seconds: number
  refresh_rotation: boolean
  /** The registry checkpoint's `next` in the statement that decided. */
  registry_position: number
  kid: number
}

export type RevocationReason = string

/** How a code_verifier becomes the code_challenge (RFC 7636 §4.2). */
export type CodeChallengeMethod = 'S256' | 'plain'

export type GrantFact =
  | {
      type: 'AuthorizationGranted'
      data: GrantTerms & {
        redirect_uri: string | null
        code_challenge: string | null
        code_challenge_method: CodeChallengeMethod | null
        code_lifetime: number
        // A record of before has none of these.
        /** How the user consented; absent: nobody was asked. */
        consent?: 'asked' | 'remembered' | undefined
        /** When the user logged in (NumericDate), and how (RFC 8176). */
        auth_time?: number | undefined
        amr?: string[] | undefined
        /** The session that the user was logged in with. */
        sid?: string | undefined
        nonce?: string | undefined
      }
    }
  | { type: 'CodeExchanged'; data: { grant_id: string; client_id: string; kid: number } }
  | { type: 'TokenIssued'; data: GrantTerms }
  | {
      type: 'TokenRefreshed'
      data: {
        grant_id: string
        client_id: string
        access_generation: number
        refresh_generation: number
        kid: number
        scope: string
        access_token_lifetime: number | null
        refresh_grace_seconds: number
      }
    }
  | {
      type: 'TokenReuseDetected'
      data: { grant_id: string; client_id: string; presented_generation: number; refresh_grace_seconds: number }
    }
  | {
      type: 'TokenRevoked'
      data: { grant_id: string; client_id: string; reason: RevocationReason; revoked_by: RevokedBy }
    }

export type Scope = { name: string; description: string; includes: string[] }
export type Group = { name: string; description: string }
export type Acl = { name: string; allowed_groups: string[]; denied_groups: string[] }
/** A folder (`orders.internal`) or service (`orders.internal:approve`); `execute_acl: null` = inherit. */
export type Resource = { name: string; execute_acl: string | null; templates: { method: string; path: string }[] }
/** A key as the log knows it: for each purpose what proves its subkey, without telling it (tokens/key-checks.ts). */
export type Key = { kid: number; checks: { [purpose: string]: string } }

/**
 * What every change of an entity carries. `guard_revision`: the registry's guard counter that it was decided under, of
 * a write that the guard must decide; it counts under no other. `reason`: why, where somebody said so.
 */
export type Revised = { revision: number; guard_revision?: number | undefined; reason?: string | undefined }
type Put<T extends string, Name extends string, Entity> = { type: T; data: Revised & Record<Name, Entity> }
type Deleted<T extends string, Key extends string> = { type: T; data: Revised & Record<Key, string> }

/** What happens to one entity of the registry. */
export type EntityFact =
  | { type: 'LedgerCreated'; data: { ledger_id: string } }
  | Put<'ClientRegistered', 'client', Client>
  | Put<'ClientChanged', 'client', Client>
  | Put<'ClientSecretRenewed', 'client', Client>
  | Deleted<'ClientDeleted', 'client_id'>
  | { type: 'ClientGrantsRevoked'; data: Revised & { client: Client; reason: RevocationReason } }
  | Put<'ScopePut', 'scope', Scope>
  | Deleted<'ScopeDeleted', 'name'>
  | Put<'GroupPut', 'group', Group>
  | Deleted<'GroupDeleted', 'name'>
  | Put<'AclPut', 'acl', Acl>
  | Deleted<'AclDeleted', 'name'>
  | Put<'ResourcePut', 'resource', Resource>
  | Deleted<'ResourceDeleted', 'name'>
  | Put<'UserPut', 'user', User>
  | Deleted<'UserDeleted', 'sub'>
  | { type: 'UserGrantsRevoked'; data: Revised & { user: User; reason: RevocationReason } }
  | { type: 'UserPasswordSet'; data: Revised & { user: SealedUser; password_epoch: number } }
  | Deleted<'UserForgotten', 'sub'>
  | { type: 'KeyIntroduced'; data: Revised & Key }
  | { type: 'KeyRetired'; data: Revised & { kid: number } }

/** Every fold passes by this record, which cannot be read or folded. `sha256`: its hash (event-log/chain.ts), hex. */
export type SkipFact = { type: 'RecordSkipped'; data: Position & { sha256: string; reason: string } }

export type RegistryFact = EntityFact | SkipFact
export type Fact = GrantFact | RegistryFact
export type EventType = Fact['type']

/** CloudEvents 1.0 envelope, structured JSON. `subject` is the record's key. */
export type Envelope = {
  specversion: '1.0'
  id: string
  source: string
  subject: string
  /** RFC 3339, the writer's clock. Verdicts use the record's own timestamp; only the 60 s rule reads this. */
  time: string
  datacontenttype: 'application/json'
  dataschema: string
  requestid?: string | undefined
  traceparent?: string | undefined
  /** Who acted: `client/ID`, `user/SUB` or `system/NAME`. */
  actor?: string | undefined
  /** From where: the address of the caller. */
  clientaddress?: string | undefined
}

export type LedgerEvent<F extends Fact = Fact> = Envelope & F
export type GrantEvent = Envelope & GrantFact
export type RegistryEvent = Envelope & RegistryFact

/** One place in the log. Offsets rise within a partition but need not be dense. */
export type Position = { topic: string; partition: number; offset: number }

/** An event as the log holds it; `timestamp` is the log's own, in milliseconds since the epoch. */
export type Recorded<E extends LedgerEvent = LedgerEvent> = { event: E; position: Position; timestamp: number }

const GRANT_EVENT_TYPES = {
  AuthorizationGranted: true,
  CodeExchanged: true,
  TokenIssued: true,
  TokenRefreshed: true,
  TokenReuseDetected: true,
  TokenRevoked: true,
} satisfies Record<GrantFact['type'], true>

/** True for the event types of a grant's stream, false for those of the registry. */
export function isGrantType(type: EventType): boolean {
  return type in GRANT_EVENT_TYPES
}

/** True for the facts of a grant's stream, false for those of the registry. */
export function isGrantFact(fact: Fact): fact is GrantFact {
  return fact.type in GRANT_EVENT_TYPES
}

/** The same for events. */
export function isGrantEvent(event: LedgerEvent): event is GrantEvent {
  return isGrantFact(event)
}
