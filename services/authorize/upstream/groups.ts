import { guardedGroupsOf } from '../../../shared/ledger/access/guard.ts'
import { EVERYBODY } from '../../../shared/ledger/registry/predefined.ts'
import type { RegistryView } from '../../../shared/ledger/registry/state.ts'
import type { ProviderSettings } from '../../../shared/config/groups/provider-settings.ts'

/**
 * The groups of a person after a login with a provider; `null`: as before. The provider decides about the groups that
 * its settings name and nobody else's, as far as there are such ones, and never about one that `ledger.*` names.
 */
export function groupsAfter(
  view: RegistryView,
  { groups_claim, groups: allowed }: Pick<ProviderSettings, 'groups_claim' | 'groups'>,
  claims: Readonly<Record<string, unknown>>,
  before: readonly string[],
): string[] | null {
  const told = groups_claim === undefined ? undefined : claims[groups_claim]
  // Who says nothing of groups takes none away.
  if (!Array.isArray(told)) return null
  const guarded = guardedGroupsOf(view)
  const known = new Set(view.groups.map(({ name }) => name))
  const decided = allowed.filter((group) => known.has(group) && group !== EVERYBODY && !guarded.includes(group))
  const kept = before.filter((group) => !decided.includes(group) || told.includes(group))
  const added = decided.filter((group) => told.includes(group) && !before.includes(group))
  return added.length === 0 && kept.length === before.length ? null : [...kept, ...added]
}
