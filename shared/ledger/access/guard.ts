import { groupsOf, includes } from './decision.ts'
import type { Acl, Client, EntityFact, Principal, User } from '../events.ts'
import { LEDGER_FOLDER } from '../registry/predefined.ts'
import { parseRegistryKey } from '../registry/kinds.ts'
import { registryKeyOf, registryValueOf, type RegistryView } from '../registry/state.ts'
import { parseScope } from '../scope.ts'

/** Making or revoking a grant, or anything else that is done to one. */
export type GrantWrite = { type: 'GrantWrite'; client_id: string; principal: Principal; scope: string }
export type GuardedWrite = EntityFact | GrantWrite

/**
 * Whether a write touches or reaches `ledger.*`, so that it needs `ledger.admin:guard`: the ledger's resources, the
 * ACLs that stand on them, scopes that include them, the groups those ACLs name and everybody in one of them, clients
 * that may ask for such scopes, and grants for any of these. Both what the write finds and what it leaves count.
 * `view`: the living entities; of clients and users, those that the write names are enough.
 */
export function needsGuard(view: RegistryView, write: GuardedWrite): boolean {
  const guarded = guardedBy(view)
  if (write.type === 'GrantWrite') return isGuardedGrant(view, guarded, write)
  const key = parseRegistryKey(registryKeyOf(write))
  if (key === null) return true
  const name = key.id
  const { kind, value } = registryValueOf(write)
  switch (kind) {
    case 'ledger':
    case 'key':
      return true
    case 'resource':
      return includes(LEDGER_FOLDER, name)
    case 'acl':
      return guarded.acls.has(name)
    case 'group':
      return guarded.groups.has(name)
    case 'scope':
      return guarded.scopes.has(name) || (value !== null && value.includes.some(isLedgers))
    case 'user':
      return [value, userOf(view, name)].some((user) => user != null && isGuardedUser(guarded, user))
    case 'client':
      return [value, clientOf(view, name)].some((client) => client != null && isGuardedClient(guarded, client))
  }
}

/** The groups that the ledger's own ACLs allow or deny: whoever is in one of them reaches the ledger. */
export function guardedGroupsOf(view: RegistryView): string[] {
  return [...guardedBy(view).groups]
}

/** The scopes that include something of the ledger: whoever may not ask for one of them cannot act on it. */
export function guardedScopesOf(view: RegistryView): string[] {
  return [...guardedBy(view).scopes]
}

type Guarded = { acls: Set<string>; groups: Set<string>; scopes: Set<string> }

function guardedBy(view: RegistryView): Guarded {
  const resources = view.resources.filter(({ name }) => isLedgers(name))
  const named = resources.flatMap(({ execute_acl }) => (execute_acl === null ? [] : [execute_acl]))
  const acls = new Set(named)
  // Leaving a group that an ACL denies reaches the ledger as much as joining one that it allows.
  const groupsOfAcl = ({ allowed_groups, denied_groups }: Acl) => [...allowed_groups, ...denied_groups]
  const groups = new Set(view.acls.filter(({ name }) => acls.has(name)).flatMap(groupsOfAcl))
  const scopes = view.scopes.filter((scope) => scope.includes.some(isLedgers)).map(({ name }) => name)
  return { acls, groups, scopes: new Set(scopes) }
}

function isLedgers(resource: string): boolean {
  return includes(LEDGER_FOLDER, resource)
}

function isGuardedUser({ groups }: Guarded, user: User): boolean {
  return groupsOf({ type: 'user', groups: user.groups }).some((group) => groups.has(group))
}

function isGuardedClient(guarded: Guarded, client: Client): boolean {
  const isMember = groupsOf({ type: 'client', groups: client.groups }).some((group) => guarded.groups.has(group))
  return isMember || hasGuardedScope(guarded, client.scope) || (client.resource_server_folders ?? []).some(isLedgers)
}

function hasGuardedScope({ scopes }: Guarded, scope: string): boolean {
  return (parseScope(scope) ?? []).some((token) => scopes.has(token))
}

function isGuardedGrant(view: RegistryView, guarded: Guarded, write: GrantWrite): boolean {
  if (hasGuardedScope(guarded, write.scope)) return true
  const client = clientOf(view, write.client_id)
  const user = write.principal.type === 'user' ? userOf(view, write.principal.id) : undefined
  if (user) return isGuardedUser(guarded, user)
  return write.principal.type === 'client' && client !== undefined && isGuardedClient(guarded, client)
}

function clientOf(view: RegistryView, client_id: string): Client | undefined {
  return view.clients.find((client) => client.client_id === client_id)
}

function userOf(view: RegistryView, sub: string): User | undefined {
  return view.users.find((user) => user.sub === sub)
}
