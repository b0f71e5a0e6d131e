import { formatScope, parseScope } from '../scope.ts'
import { registryKey } from './kinds.ts'
import type { RegistryEntity } from './state.ts'

// Clients, users and ACLs give names of groups, clients and grants names of scopes. Such a name stands for the group or
// scope that lived when it was given: once that is deleted it stands for nothing, also where there is one of this name
// again. Nothing that still names a group or scope lets it be deleted, but for what was written at the same moment.

/** What is asked of a group or scope: as a row of a query has it, too. */
export type Named = Pick<RegistryEntity, 'deleted' | 'not_before'>

/** A group or scope by its key; of those that were never deleted, nobody needs to know. */
export type NamedLookup = (key: string) => Named | undefined

/** Whether a name that was given at this registry offset, or by a grant made at this position, still stands for it. */
export function stillNames(named: Named | undefined, since: number): boolean {
  return named === undefined || (!named.deleted && since > (named.not_before ?? -1))
}

/** Of these groups those that still stand for what was meant at this offset. */
export function groupsNamed(lookup: NamedLookup, groups: readonly string[], since: number): string[] {
  return groups.filter((group) => stillNames(lookup(registryKey('group', group)), since))
}

/** Of this scope string the tokens that still stand for what was meant at this offset or position. */
export function scopeNamed(lookup: NamedLookup, scope: string, since: number): string {
  const tokens = parseScope(scope)
  if (tokens === null) return scope
  const named = tokens.filter((token) => stillNames(lookup(registryKey('scope', token)), since))
  return named.length === tokens.length ? scope : formatScope(named)
}

/**
 * The entity with those of its groups and scopes that still stand for what was meant when it was last written. A group
 * that an ACL denies counts for as long as there is one of that name: to deny grants nothing.
 */
export function withNames<Entity extends RegistryEntity>(lookup: NamedLookup, entity: Entity): Entity
export function withNames(lookup: NamedLookup, entity: RegistryEntity): RegistryEntity {
  const { last_offset } = entity
  if (!entity.value) return entity
  switch (entity.kind) {
    case 'client': {
      const groups = groupsNamed(lookup, entity.value.groups, last_offset)
      return {
        ...entity,
        value: { ...entity.value, groups, scope: scopeNamed(lookup, entity.value.scope, last_offset) },
      }
    }
    case 'user':
      return { ...entity, value: { ...entity.value, groups: groupsNamed(lookup, entity.value.groups, last_offset) } }
    case 'acl': {
      const allowed_groups = groupsNamed(lookup, entity.value.allowed_groups, last_offset)
      const denied_groups = groupsNamed(lookup, entity.value.denied_groups, Infinity)
      return { ...entity, value: { ...entity.value, allowed_groups, denied_groups } }
    }
    default:
      return entity
  }
}
