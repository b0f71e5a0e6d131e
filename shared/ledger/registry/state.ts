import type { Acl, Client, Group, RegistryFact, Resource, Scope, User } from '../events.ts'

type EntityOf<Kind extends string, Value> = {
  kind: Kind
  /** The record's key: `client/ID`, `scope/NAME`, …, `ledger`. */
  key: string
  revision: number
  /** A tombstone: nothing is left but its revision, which the next entity of this key continues. */
  deleted: boolean
  /** `null` when deleted. */
  value: Value | null
  /** Grants made at this registry position or before are dead; survives deletion. */
  not_before: number | null
  last_offset: number
  /** Log time of the latest valid event in ms; never steps back. */
  at: number
}

export type ClientEntity = EntityOf<'client', Client>

export type UserEntity = EntityOf<'user', User>

export type RegistryEntity =
  | EntityOf<'ledger', { ledger_id: string }>
  | ClientEntity
  | UserEntity
  | EntityOf<'scope', Scope>
  | EntityOf<'group', Group>
  | EntityOf<'acl', Acl>
  | EntityOf<'resource', Resource>

/** A kind with its new value; `null` = deleted. */
export type RegistryValue =
  | { kind: 'ledger'; value: { ledger_id: string } | null }
  | { kind: 'client'; value: Client | null }
  | { kind: 'user'; value: User | null }
  | { kind: 'scope'; value: Scope | null }
  | { kind: 'group'; value: Group | null }
  | { kind: 'acl'; value: Acl | null }
  | { kind: 'resource'; value: Resource | null }

/** What `evolveRegistry` may ask of the registry as it stands just before the event. */
export type RegistryLookup = {
  get(key: string): RegistryEntity | undefined
  /** The key of the living entity that holds this unique name (`uniqueNameOf`). */
  ownerOf(uniqueName: string): string | undefined
}

/** The living entities, as plain data: all of them, or those that a question needs (see guard.ts). */
export type RegistryView = {
  clients: readonly Client[]
  users: readonly User[]
  scopes: readonly Scope[]
  groups: readonly Group[]
  acls: readonly Acl[]
  resources: readonly Resource[]
}

/** The key of the entity that a fact is about; also the record's key in the log. */
export function registryKeyOf(fact: RegistryFact): string {
  switch (fact.type) {
    case 'LedgerCreated':
      return 'ledger'
    case 'ClientRegistered':
    case 'ClientChanged':
    case 'ClientSecretRenewed':
    case 'ClientGrantsRevoked':
      return `client/${fact.data.client.client_id}`
    case 'ClientDeleted':
      return `client/${fact.data.client_id}`
    case 'UserPut':
    case 'UserGrantsRevoked':
      return `user/${fact.data.user.sub}`
    case 'UserDeleted':
      return `user/${fact.data.sub}`
    default:
      return namedKeyOf(fact)
  }
}

type NamedFact = Extract<RegistryFact, { type: `${'Scope' | 'Group' | 'Acl' | 'Resource'}${string}` }>

function namedKeyOf(fact: NamedFact): string {
  switch (fact.type) {
    case 'ScopePut':
      return `scope/${fact.data.scope.name}`
    case 'ScopeDeleted':
      return `scope/${fact.data.name}`
    case 'GroupPut':
      return `group/${fact.data.group.name}`
    case 'GroupDeleted':
      return `group/${fact.data.name}`
    case 'AclPut':
      return `acl/${fact.data.acl.name}`
    case 'AclDeleted':
      return `acl/${fact.data.name}`
    case 'ResourcePut':
      return `resource/${fact.data.resource.name}`
    case 'ResourceDeleted':
      return `resource/${fact.data.name}`
  }
}

/** The value that a fact gives its entity. */
export function registryValueOf(fact: RegistryFact): RegistryValue {
  switch (fact.type) {
    case 'LedgerCreated':
      return { kind: 'ledger', value: { ledger_id: fact.data.ledger_id } }
    case 'ClientRegistered':
    case 'ClientChanged':
    case 'ClientSecretRenewed':
    case 'ClientGrantsRevoked':
      return { kind: 'client', value: fact.data.client }
    case 'ClientDeleted':
      return { kind: 'client', value: null }
    case 'UserPut':
    case 'UserGrantsRevoked':
      return { kind: 'user', value: fact.data.user }
    case 'UserDeleted':
      return { kind: 'user', value: null }
    default:
      return namedValueOf(fact)
  }
}

function namedValueOf(fact: NamedFact): RegistryValue {
  switch (fact.type) {
    case 'ScopePut':
      return { kind: 'scope', value: fact.data.scope }
    case 'ScopeDeleted':
      return { kind: 'scope', value: null }
    case 'GroupPut':
      return { kind: 'group', value: fact.data.group }
    case 'GroupDeleted':
      return { kind: 'group', value: null }
    case 'AclPut':
      return { kind: 'acl', value: fact.data.acl }
    case 'AclDeleted':
      return { kind: 'acl', value: null }
    case 'ResourcePut':
      return { kind: 'resource', value: fact.data.resource }
    case 'ResourceDeleted':
      return { kind: 'resource', value: null }
  }
}

/** The name that only one living entity may hold: a client's name + version, a user's username; else `null`. */
export function uniqueNameOf({ kind, value }: RegistryValue | RegistryEntity): string | null {
  if (value === null) return null
  if (kind === 'client') return uniqueClientName(value.client_name, value.client_version)
  return kind === 'user' ? uniqueUsername(value.personal.username) : null
}

/** The unique name of a client's name and version, as `ownerOf` takes it. */
export function uniqueClientName(client_name: string, client_version: string): string {
  return `client:${JSON.stringify([client_name, client_version])}`
}

/** The unique name of a username, as `ownerOf` takes it. */
export function uniqueUsername(username: string): string {
  return `user:${JSON.stringify([username])}`
}

/** Whether there is such an entity, not only a tombstone. */
export function lives(entity: RegistryEntity | undefined): entity is RegistryEntity {
  return entity !== undefined && !entity.deleted
}
