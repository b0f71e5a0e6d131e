import type { Acl, Group, RegistryFact, Resource, Scope } from '../events.ts'
import { registryKeyOf } from './state.ts'

/** All users, and nobody else, are in it; nobody is put into it. */
export const EVERYBODY = 'Everybody'
export const ADMINISTRATORS = 'Administrators'
/** The ACL that stands where no folder names one. */
export const DEFAULT_ACL = 'Default'
/** The folder of the ledger's own admin and audit interfaces. */
export const LEDGER_FOLDER = 'ledger'
/** The right that every write needs which touches or reaches the ledger's own folder. */
export const GUARD_RESOURCE = 'ledger.admin:guard'

const GROUPS: Group[] = [
  { name: ADMINISTRATORS, description: 'May administer the ledger itself.' },
  { name: 'Anonymous', description: 'Callers without a name.' },
  { name: 'Auditors', description: 'May read the audit trail.' },
  { name: 'Developers', description: 'Build and change services.' },
  { name: EVERYBODY, description: 'All users, and nobody else. Its members are not listed.' },
  { name: 'Replicators', description: 'Move services between servers.' },
]

const acl = (name: string, ...allowed_groups: string[]): Acl => ({ name, allowed_groups, denied_groups: [] })

export const PREDEFINED_ACLS: readonly Acl[] = [
  acl(ADMINISTRATORS, ADMINISTRATORS),
  acl('Anonymous', EVERYBODY, 'Anonymous'),
  acl(DEFAULT_ACL, EVERYBODY),
  acl('Developers', 'Developers'),
  acl('Internal', ADMINISTRATORS, 'Developers'),
  acl('Replicators', 'Replicators'),
  acl('Auditors', 'Auditors', ADMINISTRATORS),
]

const RESOURCES: Resource[] = [
  { name: LEDGER_FOLDER, execute_acl: ADMINISTRATORS, templates: [] },
  { name: 'ledger.audit', execute_acl: 'Auditors', templates: [] },
]

const SCOPES: Scope[] = [
  { name: 'ledger.admin', description: 'Administer the ledger.', includes: [LEDGER_FOLDER] },
  { name: 'ledger.audit', description: 'Read the audit trail.', includes: ['ledger.audit'] },
]

/** What every ledger begins with after `LedgerCreated`: each at revision 1, so that a second append is void. */
export const PREDEFINED: readonly RegistryFact[] = [
  ...GROUPS.map((group): RegistryFact => ({ type: 'GroupPut', data: { revision: 1, group } })),
  ...PREDEFINED_ACLS.map((acl): RegistryFact => ({ type: 'AclPut', data: { revision: 1, acl } })),
  ...RESOURCES.map((resource): RegistryFact => ({ type: 'ResourcePut', data: { revision: 1, resource } })),
  ...SCOPES.map((scope): RegistryFact => ({ type: 'ScopePut', data: { revision: 1, scope } })),
]

const PREDEFINED_KEYS = new Set(PREDEFINED.map(registryKeyOf))

/** Whether every ledger begins with the entity of this key, so that it is never deleted. */
export function isPredefined(key: string): boolean {
  return PREDEFINED_KEYS.has(key)
}
