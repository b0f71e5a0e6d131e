import { isVerifiable } from '../client.ts'
import type { Client, EntityFact, Principal } from '../events.ts'
import { parseRegistryKey, REGISTRY_EVENTS, registryKey } from '../registry/kinds.ts'
import { GUARD_RESOURCE } from '../registry/predefined.ts'
import { registryKeyOf, type RegistryLookup, registryValueOf, type RegistryView } from '../registry/state.ts'
import { parseScope } from '../scope.ts'
import { decideAccess } from './decision.ts'

/**
 * Grants of a user through a client that give one scope: a live access token has it (`at`), or a new one made with the
 * refresh token would (`rt`). Two ids tell whether another is left when one ends.
 */
export type ActingGrants = { sub: string; client_id: string; kind: 'at' | 'rt'; scope: string; grant_ids: string[] }

/** All that decides who can act as administrator now. */
export type Standing = {
  /** Of clients and users, those that are in a group of the ledger's ACLs and those of the grants are enough. */
  view: RegistryView
  /** The keys under which a client can authenticate: held here, not retired. */
  kids: readonly number[]
  grants: readonly ActingGrants[]
}

/** What nobody administers without. With these two, whatever else is closed to an administrator can be opened again. */
export const ACTING_RIGHTS = [GUARD_RESOURCE, 'ledger.admin:resources']

/**
 * Who can act as administrator now: a client that can authenticate and whose scope and groups allow it, and a user with
 * such a grant. A user who has none cannot log in either.
 */
export function administratorsOf({ view, kids, grants }: Standing): Principal[] {
  const clients = view.clients.filter((client) => canAuthenticate(client, kids) && mayAct(view, 'client', client))
  const acting = view.users.filter((user) => {
    const own = grants.filter(({ sub, ...grant }) => sub === user.sub && isUsable(view, kids, grant))
    const scopes = own.map(({ client_id, scope }) => scopeWithin(view, client_id, scope))
    return user.enabled && scopes.some((scope) => mayAct(view, 'user', { groups: user.groups, scope }))
  })
  return [
    ...clients.map(({ client_id }): Principal => ({ type: 'client', id: client_id })),
    ...acting.map(({ sub }): Principal => ({ type: 'user', id: sub })),
  ]
}

/** Of the keys at hand those under which a client can authenticate: not retired. `entityOf`: by its key. */
export function usableKids(held: readonly number[], entityOf: RegistryLookup['get']): number[] {
  return held.filter((kid) => entityOf(registryKey('key', String(kid)))?.deleted !== true)
}

/** Whether nobody can act as administrator any more where somebody could before: to be refused. */
export function losesLastAdministrator(before: Standing, after: Standing): boolean {
  return administratorsOf(after).length === 0 && administratorsOf(before).length > 0
}

/** How it stands once this fact counts. */
export function standingAfter(standing: Standing, fact: EntityFact): Standing {
  return { ...standing, view: viewAfter(standing.view, fact), grants: grantsAfter(standing.grants, fact) }
}

/** How it stands once this grant is revoked. */
export function standingWithout(standing: Standing, grant_id: string): Standing {
  const grants = standing.grants.map((grant) => {
    return { ...grant, grant_ids: grant.grant_ids.filter((id) => id !== grant_id) }
  })
  return { ...standing, grants: grants.filter(({ grant_ids }) => grant_ids.length > 0) }
}

/** Whether whoever has these groups and this scope may use the rights that nobody administers without. */
export function mayAct(
  { scopes, resources, acls }: RegistryView,
  type: Principal['type'],
  { groups, scope }: Pick<Client, 'groups' | 'scope'>,
): boolean {
  const principal = { type, groups }
  return ACTING_RIGHTS.every(
    (resource) => decideAccess({ resource, principal, scope, scopes, resources, acls }).allowed,
  )
}

/** The view as it will be once this fact counts. */
export function viewAfter(view: RegistryView, fact: EntityFact): RegistryView {
  const id = parseRegistryKey(registryKeyOf(fact))?.id ?? ''
  const change = registryValueOf(fact)
  switch (change.kind) {
    case 'ledger':
    case 'key':
      return view
    case 'client':
      return { ...view, clients: replaced(view.clients, 'client_id', id, change.value) }
    case 'user':
      return { ...view, users: replaced(view.users, 'sub', id, change.value) }
    case 'scope':
      return { ...view, scopes: replaced(view.scopes, 'name', id, change.value) }
    case 'group':
      return { ...view, groups: replaced(view.groups, 'name', id, change.value) }
    case 'acl':
      return { ...view, acls: replaced(view.acls, 'name', id, change.value) }
    case 'resource':
      return { ...view, resources: replaced(view.resources, 'name', id, change.value) }
  }
}

function replaced<Value>(values: readonly Value[], member: keyof Value, id: string, value: Value | null): Value[] {
  const others = values.filter((one) => one[member] !== id)
  return value === null ? others : [...others, value]
}

function grantsAfter(grants: readonly ActingGrants[], fact: EntityFact): readonly ActingGrants[] {
  const { kind, endsGrants } = REGISTRY_EVENTS[fact.type]
  if (!endsGrants) return grants
  const id = parseRegistryKey(registryKeyOf(fact))?.id
  return grants.filter(({ client_id, sub }) => (kind === 'client' ? client_id : sub) !== id)
}

function canAuthenticate(client: Client, kids: readonly number[]): boolean {
  return client.enabled && client.grant_types.includes('client_credentials') && canProveItself(client, kids)
}

/** Whether every process that runs can verify its secret, or it has keys of its own to sign with. */
function canProveItself({ secret, jwks, token_endpoint_auth_method }: Client, kids: readonly number[]): boolean {
  if (token_endpoint_auth_method === 'private_key_jwt') return (jwks?.keys.length ?? 0) > 0
  return secret !== null && isVerifiable(secret) && kids.includes(secret.kid)
}

/**
 * Of this scope what its client may still ask for: the guard no longer watches over a client whose scope reaches the
 * ledger no more, so what is used through it may end at any time.
 */
function scopeWithin({ clients }: RegistryView, client_id: string, scope: string): string {
  const own = parseScope(clients.find((one) => one.client_id === client_id)?.scope ?? '') ?? []
  return (parseScope(scope) ?? []).filter((name) => own.includes(name)).join(' ')
}

/** Whether the client of this grant can use it: to refresh it, it has to be let in. */
function isUsable(
  { clients }: RegistryView,
  kids: readonly number[],
  { client_id, kind }: Pick<ActingGrants, 'client_id' | 'kind'>,
): boolean {
  const client = clients.find((one) => one.client_id === client_id)
  if (!client?.enabled) return false
  if (kind === 'at') return true
  const isLetIn = client.client_type === 'public' || canProveItself(client, kids)
  return isLetIn && client.grant_types.includes('refresh_token')
}
