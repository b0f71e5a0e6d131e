import { OAuthError } from '../../shared/http/oauth-error.ts'
import {
  administratorsOf,
  losesLastAdministrator,
  type Standing,
  usableKids,
} from '../../shared/ledger/access/administrators.ts'
import { guardedGroupsOf, guardedScopesOf } from '../../shared/ledger/access/guard.ts'
import type { Client, User } from '../../shared/ledger/events.ts'
import type { RegistryView } from '../../shared/ledger/registry/state.ts'
import type { RegistryRead } from '../../shared/read-model/reads/registry.ts'
import type { Admin } from './admin.ts'

type Members = { clients: readonly Client[]; users: readonly User[] }

/**
 * OAuthError conflict where what comes after would leave nobody who can act as administrator, and somebody can now.
 * What users can act with is read only where no client is left: that is the dearer question.
 */
export async function requireAdministratorLeft(
  { registry, keys }: Pick<Admin, 'registry' | 'keys'>,
  { view, entities }: Pick<RegistryRead, 'view' | 'entities'>,
  after: (standing: Standing) => Standing,
): Promise<void> {
  const kids = usableKids(keys.kids, (key) => entities.get(key))
  const named: Standing = { view, kids, grants: [] }
  const views = [view, after(named).view]
  const reach = { groups: distinct(views.flatMap(guardedGroupsOf)), scopes: distinct(views.flatMap(guardedScopesOf)) }
  const lookup = (key: string) => entities.get(key)
  const members = { clients: await registry.members(reach, lookup), users: [] }
  const byClients = { ...named, view: withMembers(view, members) }
  if (administratorsOf(after(byClients)).length > 0) return
  const { grants, ...owners } = await registry.acting({ ...reach, kids }, lookup)
  const whole = { view: withMembers(byClients.view, owners), kids, grants }
  if (losesLastAdministrator(whole, after(whole)))
    throw new OAuthError('conflict', 'nobody could administer the ledger any more')
}

/** The view with these as well: whom it has already, it has as of the statement that the write is decided on. */
function withMembers(view: RegistryView, { clients, users }: Members): RegistryView {
  const others = clients.filter(({ client_id }) => !view.clients.some((one) => one.client_id === client_id))
  const otherUsers = users.filter(({ sub }) => !view.users.some((one) => one.sub === sub))
  return { ...view, clients: [...view.clients, ...others], users: [...view.users, ...otherUsers] }
}

function distinct(names: string[]): string[] {
  return [...new Set(names)]
}
