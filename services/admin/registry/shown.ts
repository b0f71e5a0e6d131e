import type { Client } from '../../../shared/ledger/events.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'
import type { ShownPerson } from '../../../shared/ledger/user.ts'
import { knownMembers } from '../../../shared/read-model/registry-rows.ts'

/**
 * An entity as its JSON: what a PUT would take, with its name and its revision. Never what stands in for a client's
 * secret, nor what only a later release knows.
 */
export function shown(entity: RegistryEntity): Record<string, unknown> {
  return { ...members(entity), revision: entity.revision }
}

function members({ kind, value, person }: RegistryEntity): Record<string, unknown> {
  if (value === null || kind === 'ledger') return {}
  if (kind === 'user') return { sub: value.sub, ...shownName(person), groups: value.groups, enabled: value.enabled }
  return kind === 'client' ? shownClient(value) : knownMembers(kind, value)
}

// A record of before has no description and no keys.
function shownClient(client: Client): Record<string, unknown> {
  const { description = '', jwks = null, previous_secret } = client
  const previous = previous_secret && { previous_secret_expires_at: previous_secret.expires_at }
  return { ...omit(knownMembers('client', client), 'secret', 'previous_secret'), description, jwks, ...previous }
}

/** The members but for these. */
export function omit(members: Record<string, unknown>, ...names: string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([member]) => !names.includes(member)))
}

function shownName({ state = 'unreadable', ...person }: Partial<ShownPerson> = {}): Record<string, unknown> {
  return state === null ? person : { ...person, personal_state: state }
}
