import type { Acl, Client, EntityFact, Revised } from '../events.ts'
import { registryKey } from '../registry/kinds.ts'
import { ADMINISTRATORS, LEDGER_FOLDER } from '../registry/predefined.ts'
import type { Registry } from '../registry/evolve.ts'
import type { RegistryView } from '../registry/state.ts'
import { ACTING_RIGHTS, viewAfter } from './administrators.ts'
import { decideAccess } from './decision.ts'

/** The scope that an administrator's client has from the beginning. */
const ADMIN_SCOPE = 'ledger.admin'

type Mend = (revised: (key: string) => Revised) => EntityFact

/**
 * What lets a client of the group `Administrators` and the scope `ledger.admin` act, whatever the registry holds: the
 * group, the scope, the ACL and whatever stands in front of it, each only where it keeps the client out. Empty where
 * nothing does. `revised`: the revision of an entity's next event.
 */
export function openingFacts(
  registry: Pick<Registry, 'view'>,
  client: Client,
  revised: (key: string) => Revised,
): EntityFact[] {
  const facts: EntityFact[] = []
  let view = registry.view()
  for (let mend = mendOf(view, client); mend !== null; mend = mendOf(view, client)) {
    const fact = mend(revised)
    facts.push(fact)
    view = viewAfter(view, fact)
  }
  return facts
}

function mendOf(view: RegistryView, { groups, scope }: Client): Mend | null {
  if (!view.groups.some(({ name }) => name === ADMINISTRATORS)) return putGroup
  const { scopes, resources, acls } = view
  for (const resource of ACTING_RIGHTS) {
    const principal = { type: 'client' as const, groups }
    const decision = decideAccess({ resource, principal, scope, scopes, resources, acls })
    if (decision.allowed) continue
    if (decision.scope === null) return putScope(view)
    if (decision.acl !== ADMINISTRATORS) return putResource(view, decision.acl_of ?? LEDGER_FOLDER)
    return putAcl(view)
  }
  return null
}

const putGroup: Mend = (revised) => {
  const group = { name: ADMINISTRATORS, description: 'May administer the ledger itself.' }
  return { type: 'GroupPut', data: { ...revised(registryKey('group', ADMINISTRATORS)), group } }
}

function putScope({ scopes }: RegistryView): Mend {
  const before = scopes.find(({ name }) => name === ADMIN_SCOPE)
  const includes = [...(before?.includes ?? []), LEDGER_FOLDER]
  const scope = { name: ADMIN_SCOPE, description: before?.description ?? 'Administer the ledger.', includes }
  return (revised) => ({ type: 'ScopePut', data: { ...revised(registryKey('scope', ADMIN_SCOPE)), scope } })
}

function putResource({ resources }: RegistryView, name: string): Mend {
  const templates = resources.find((one) => one.name === name)?.templates ?? []
  const resource = { name, execute_acl: ADMINISTRATORS, templates }
  return (revised) => ({ type: 'ResourcePut', data: { ...revised(registryKey('resource', name)), resource } })
}

// Whom it let in or kept out besides, it goes on to.
function putAcl({ acls }: RegistryView): Mend {
  const before = acls.find(({ name }) => name === ADMINISTRATORS)
  const acl: Acl = {
    name: ADMINISTRATORS,
    allowed_groups: [...new Set([...(before?.allowed_groups ?? []), ADMINISTRATORS])],
    denied_groups: (before?.denied_groups ?? []).filter((group) => group !== ADMINISTRATORS),
  }
  return (revised) => ({ type: 'AclPut', data: { ...revised(registryKey('acl', ADMINISTRATORS)), acl } })
}
