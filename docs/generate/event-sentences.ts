import type { EventType } from '../../shared/ledger/events.ts'
import type { RegistryVoidReason } from '../../shared/ledger/registry/evolve.ts'
import type { VoidReason } from '../../shared/ledger/grant/evolve.ts'

/** What each event says, and when it counts. */
export const EVENT_SENTENCES = {
  AuthorizationGranted:
    'A user authorized a client, which has a code to exchange. Counts for an unknown grant, if the log took it within 60 s of its own `time`. `consent` says how the user was asked, and is absent where an administrator authorized.',
  CodeExchanged:
    'The code of an authorized grant was exchanged for its first tokens, generation 1, on the terms and the registry position of the authorization. Counts for an authorized grant of the same client before its code expires.',
  TokenIssued:
    'The first tokens of a grant, generation 1. Counts for an unknown grant within 60 s of its own `time`, or for an authorized one of the same client before its code expires.',
  TokenRefreshed:
    'The next generation. Counts when the grant lives, this is the very next generation, neither expiry is reached and refreshes are left. The expiry slides, never past the absolute one.',
  TokenReuseDetected:
    'A spent refresh token was presented after its grace: the grant ends with reason `reuse`. Counts when the grant lives, the generation is spent, and the next one is older than the grace by the log’s time.',
  TokenRevoked:
    'The grant ends with this reason: `client_request`, `code_reuse` (its code was presented again, after the grace), `key_revoked`, or the words of an administrator. `revoked_by` is `system` where the command line wrote it into the log by itself. Counts when the grant is authorized or lives and belongs to this client.',
  LedgerCreated: 'The first record of the registry: which ledger this is. Every key is derived with its id.',
  ClientRegistered: 'A client begins. Counts when no living client has its id, and none its name and version.',
  ClientChanged: 'A client as it is from now on. Only `migrate` writes it yet, for the bootstrap client.',
  ClientSecretRenewed: 'A client with a new secret. No endpoint writes it yet.',
  ClientDeleted: 'A client ends, and with it every grant that was made before this event. No endpoint writes it yet.',
  ClientGrantsRevoked: 'Every grant of the client that was made before this event has ended.',
  ScopePut: 'A scope, new or changed: the folders and services that it includes.',
  ScopeDeleted: 'A scope ends. It counts no more for a grant that was made before, nor does a later one of this name.',
  GroupPut: 'A group, new or changed.',
  GroupDeleted: 'A group ends. Who was in it is in no later one of this name.',
  AclPut: 'An access control list, new or changed.',
  AclDeleted: 'An access control list ends.',
  ResourcePut: 'A folder or service, new or changed, with the ACL that stands on it.',
  ResourceDeleted: 'A folder or service has no ACL of its own any more: that of the folder above stands.',
  UserPut:
    'A user, new or changed. Since version 2 all that names the person stands sealed in `personal` (AES-256-GCM, under a key of that person which is not in the log), and the name is unique by `username_index`, its HMAC. Each account elsewhere that the person signs in with stands in `external`, and is unique too: `sub_index` is the HMAC of the issuer and of what that calls the person. Version 1 holds the name in clear: it is read for ever, and written no longer.',
  UserDeleted: 'A user ends, and with it every grant that was made before this event.',
  UserGrantsRevoked: 'Every grant of the user that was made before this event has ended.',
  UserPasswordSet:
    'The user has another password, or none any more, and every grant of before has ended. The password itself stands nowhere in the log: `password_epoch` says which one counts, and only rises.',
  UserForgotten:
    'A person is forgotten: every grant of before has ended, what names the person cannot be read any more, and no event about this user counts any more.',
  KeyIntroduced:
    'A key is in use under this kid. `checks` proves each subkey to whoever has the key: HMAC-SHA-256(subkey, "check" followed by the ledger id). A new purpose is a new revision. Counts unless the kid was retired, or a check differs from one that stands.',
  KeyRetired: 'Nothing that lives needs this key: a process may start without it, and its kid is never used again.',
  RecordSkipped:
    'One record, which could not be read or folded, is passed over from now on. `sha256` is its hash over offset, time, key and value (`recordHash` in `shared/event-log/chain.ts`). It has no revision: it may be repeated, counts wherever it stands in the registry, and cannot be taken back.',
} satisfies Record<EventType, string>

/** Why an event is void: stored nowhere, found again by every fold. */
export const VOID_SENTENCES = {
  grant_unknown: 'The grant has no valid event before this one.',
  grant_exists: 'The grant has its first tokens already: a copy, or a second first event.',
  grant_revoked: 'The grant has ended.',
  grant_not_issued: 'The grant was authorized, and no token was issued yet.',
  grant_mismatch: 'The key is not the grant that the data name.',
  client_mismatch: 'The grant belongs to another client.',
  code_expired: 'The code expired before the exchange.',
  code_spent: 'The grant has its first tokens already: the loser of a race, or a copy.',
  too_late: 'A first event that the log took more than 60 s after its own `time`.',
  too_early: 'A first event whose own `time` is more than 60 s ahead of the log’s.',
  generation_taken: 'Another event made this generation first: the loser of a race, or a copy.',
  generation_ahead: 'A generation before this one is missing.',
  no_refresh_token: 'The grant has no refresh token.',
  refresh_expired: 'The refresh token expired unused.',
  absolute_expired: 'The grant reached the end that no refresh passes.',
  no_refreshes_left: 'The limit of refreshes is used up.',
  not_spent: 'The token that is said to be reused was never spent.',
  within_grace: 'The token was presented again within its grace: a retry, and no theft.',
  unknown_type: 'A type that this fold does not know. The codec stops the partition before that.',
  ledger_exists: 'A second `LedgerCreated`.',
  key_mismatch: 'The key is not that of the entity in the data.',
  revision_taken: 'Another event made this revision first: the loser of a race, or a copy.',
  revision_ahead: 'A revision before this one is missing.',
  entity_exists: 'The entity exists already.',
  entity_unknown: 'The entity never existed, or was deleted.',
  name_taken: 'Another living entity has this unique name.',
  external_taken: 'Another living user has one of these accounts elsewhere.',
  key_differs: 'Another key has this kid: a check differs from the one that counts.',
  key_retired: 'The kid was retired: it is never used again.',
  guard_moved:
    'It was decided under a `guard_revision` that another guarded event has used: the loser of a race, which is decided again.',
  user_forgotten: 'The person was forgotten before: nothing about this `sub` counts any more.',
  password_epoch_taken: 'Another password of this user was set since, or none was by this event: the epoch only rises.',
} satisfies Record<VoidReason | RegistryVoidReason, string>
