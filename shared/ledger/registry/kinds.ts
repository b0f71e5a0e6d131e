import type { Acl, Client, EntityFact, Group, Key, Resource, Scope, User } from '../events.ts'

/** What an entity of each kind holds while it lives. */
export type RegistryValues = {
  ledger: { ledger_id: string }
  client: Client
  user: User
  scope: Scope
  group: Group
  acl: Acl
  resource: Resource
  key: Key
}

export type RegistryKind = keyof RegistryValues

/** The kinds of which there are many, each with a name of its own. The ledger itself is one. */
export type NamedKind = Exclude<RegistryKind, 'ledger'>

/**
 * `plural`: of the view, the table and the path. `id`: the member that tells one from another, also once it is deleted.
 */
type KindRow<Kind extends NamedKind> = { plural: string; id: keyof RegistryValues[Kind] }

/** Every named kind. Add a row here and an event type below: what else a kind needs, the compiler asks for. */
export const REGISTRY_KINDS = {
  client: { plural: 'clients', id: 'client_id' },
  user: { plural: 'users', id: 'sub' },
  scope: { plural: 'scopes', id: 'name' },
  group: { plural: 'groups', id: 'name' },
  acl: { plural: 'acls', id: 'name' },
  resource: { plural: 'resources', id: 'name' },
  key: { plural: 'keys', id: 'kid' },
} as const satisfies { [Kind in NamedKind]: KindRow<Kind> }

export const NAMED_KINDS: readonly NamedKind[] = Object.keys(REGISTRY_KINDS).filter(isNamedKind)

/** An event type begins with the name of its kind. */
type KindOf<Type extends EntityFact['type']> = {
  [Kind in RegistryKind]: Type extends `${Capitalize<Kind>}${string}` ? Kind : never
}[RegistryKind]

type EventRow<Type extends EntityFact['type']> = {
  kind: KindOf<Type>
  /** Must the entity live already? `either`: a put creates or replaces. `known`: it lives, or has lived. */
  needs: 'absent' | 'living' | 'either' | 'known'
  /** Grants that were made before are dead from then on. */
  endsGrants?: true
  /** Nothing of the entity counts any more from then on. */
  forgets?: true
}

/** What each type of event about an entity is about, and what it takes. */
export const REGISTRY_EVENTS: { readonly [Type in EntityFact['type']]: EventRow<Type> } = {
  LedgerCreated: { kind: 'ledger', needs: 'absent' },
  ClientRegistered: { kind: 'client', needs: 'absent' },
  ClientChanged: { kind: 'client', needs: 'living' },
  ClientSecretRenewed: { kind: 'client', needs: 'living' },
  ClientDeleted: { kind: 'client', needs: 'living', endsGrants: true },
  ClientGrantsRevoked: { kind: 'client', needs: 'living', endsGrants: true },
  ScopePut: { kind: 'scope', needs: 'either' },
  ScopeDeleted: { kind: 'scope', needs: 'living' },
  GroupPut: { kind: 'group', needs: 'either' },
  GroupDeleted: { kind: 'group', needs: 'living' },
  AclPut: { kind: 'acl', needs: 'either' },
  AclDeleted: { kind: 'acl', needs: 'living' },
  ResourcePut: { kind: 'resource', needs: 'either' },
  ResourceDeleted: { kind: 'resource', needs: 'living' },
  UserPut: { kind: 'user', needs: 'either' },
  UserDeleted: { kind: 'user', needs: 'living', endsGrants: true },
  UserGrantsRevoked: { kind: 'user', needs: 'living', endsGrants: true },
  UserPasswordSet: { kind: 'user', needs: 'living', endsGrants: true },
  UserForgotten: { kind: 'user', needs: 'known', endsGrants: true, forgets: true },
  KeyIntroduced: { kind: 'key', needs: 'either' },
  // A ledger of before the first KeyIntroduced may retire a key that nobody could prove any more.
  KeyRetired: { kind: 'key', needs: 'either' },
}

/**
 * Kinds whose names others give. `not_before` is where the latest life of one began, or where it ended: a name that was
 * given before stands for it no more (naming.ts).
 */
export const NAMED_BY_OTHERS: ReadonlySet<RegistryKind> = new Set<RegistryKind>(['scope', 'group'])

/** The key of the ledger's own record. */
export const LEDGER_KEY = 'ledger'

/** The key of an entity, and of its records in the log: `client/ID`, `scope/NAME`, … */
export function registryKey(kind: NamedKind, id: string): string {
  return `${kind}/${id}`
}

/** What a key stands for; `null` = the ledger itself, or no key of the registry. */
export function parseRegistryKey(key: string): { kind: NamedKind; id: string } | null {
  // An id may hold a slash, a kind does not.
  const end = key.indexOf('/')
  const kind = key.slice(0, Math.max(0, end))
  return isNamedKind(kind) ? { kind, id: key.slice(end + 1) } : null
}

function isNamedKind(kind: string): kind is NamedKind {
  return Object.hasOwn(REGISTRY_KINDS, kind)
}
