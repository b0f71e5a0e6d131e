import type { Client, EntityFact, User } from '../../../shared/ledger/events.ts'
import { createRegistry, type Registry } from '../../../shared/ledger/registry/evolve.ts'
import { PREDEFINED } from '../../../shared/ledger/registry/predefined.ts'
import { client, registered } from '../given.ts'

/** An administrator by its own right, once it has a secret. */
export const administrator = client({
  client_id: 'root',
  client_name: 'Root',
  grant_types: ['client_credentials'],
  scope: 'ledger.admin',
  groups: ['Administrators'],
})

export const put = (user: User, revision = 1): EntityFact => ({ type: 'UserPut', data: { revision, user } })

export const register = (one: Client): EntityFact => ({ type: 'ClientRegistered', data: { revision: 1, client: one } })

export const change = (one: Client): EntityFact => ({ type: 'ClientChanged', data: { revision: 2, client: one } })

export function aclPut(name: string, allowed_groups: string[], denied_groups: string[] = []): EntityFact {
  return { type: 'AclPut', data: { revision: 2, acl: { name, allowed_groups, denied_groups } } }
}

export function resourcePut(name: string, execute_acl: string | null): EntityFact {
  return { type: 'ResourcePut', data: { revision: 1, resource: { name, execute_acl, templates: [] } } }
}

export function scopePut(name: string, ...includes: string[]): EntityFact {
  return { type: 'ScopePut', data: { revision: 2, scope: { name, description: '', includes } } }
}

/** What every ledger begins with, and these facts. */
export function registryOf(facts: readonly EntityFact[]): Registry {
  const registry = createRegistry()
  for (const [offset, fact] of [...PREDEFINED, ...facts].entries()) registry.apply(registered(fact, offset))
  return registry
}
