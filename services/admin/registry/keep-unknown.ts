import type { EntityFact } from '../../../shared/ledger/events.ts'
import type { RegistryEntity } from '../../../shared/ledger/registry/state.ts'

/**
 * The fact, its entity with the members that only a later release knows: a write of this one sets what it knows, and
 * erases nothing else. A member that is an object is set as a whole, but for what is personal of a user: where that is
 * sealed, whoever seals it keeps what is in there (accounts/people.ts).
 */
export function keepingUnknown<Fact extends EntityFact>(fact: Fact, entity: RegistryEntity | undefined): Fact {
  const { kind, value: before } = entity ?? {}
  if (!kind || !before) return fact
  const data: { [member: string]: unknown } = fact.data
  const value = data[kind]
  return isObject(value) ? { ...fact, data: { ...data, [kind]: merged(before, value) } } : fact
}

type Members = { [member: string]: unknown }

function merged(before: Members, value: Members): Members {
  const [old, personal] = [before['personal'], value['personal']]
  const { username_index, ...others } = before
  const isClear = username_index === undefined && value['username_index'] === undefined
  const both = isClear && isObject(old) && isObject(personal)
  return { ...others, ...value, ...(both && { personal: { ...old, ...personal } }) }
}

function isObject(value: unknown): value is Members {
  return typeof value === 'object' && value !== null
}
