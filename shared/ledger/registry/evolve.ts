import type { EntityFact, RegistryEvent, RegistryFact, Recorded } from '../events.ts'
import { type NamedKind, NAMED_BY_OTHERS, REGISTRY_EVENTS, type RegistryValues } from './kinds.ts'
import { type NamedLookup, withNames } from './naming.ts'
import type { EntityOf, RegistryEntity, RegistryLookup, RegistryValue, RegistryView } from './state.ts'
import { lives, registryKeyOf, registryValueOf, uniqueAccountsOf, uniqueNameOf, uniqueNamesOf } from './state.ts'

/** Why a registry event changed nothing. A word, once shipped, keeps its meaning. */
export type RegistryVoidReason =
  | 'ledger_exists'
  | 'key_mismatch'
  | 'revision_taken'
  | 'revision_ahead'
  | 'entity_exists'
  | 'entity_unknown'
  | 'name_taken'
  | 'external_taken'
  | 'key_differs'
  | 'key_retired'
  | 'guard_moved'
  | 'user_forgotten'
  | 'password_epoch_taken'
  | 'unknown_type'

/** Neither: it counted, and is about no entity. */
export type EvolvedRegistry =
  | { entity: RegistryEntity; void?: undefined }
  | { entity?: undefined; void: RegistryVoidReason }
  | { entity?: undefined; void?: undefined }

/**
 * What a recorded event makes of its registry entity, or why it is void: valid only as revision n → n+1, on a living
 * entity unless it may create one, with what is unique of it free, and, if it was decided by the guard, while the
 * guard's counter stands where it stood then. Deterministic and total.
 */
export function evolveRegistry(lookup: RegistryLookup, recorded: Recorded<RegistryEvent>): EvolvedRegistry {
  const { event, position, timestamp } = recorded
  // It has no revision: a second one says the same again.
  if (event.type === 'RecordSkipped') return event.subject === registryKeyOf(event) ? {} : { void: 'key_mismatch' }
  const rule = REGISTRY_EVENTS[event.type]
  if (rule === undefined) return { void: 'unknown_type' }
  const key = registryKeyOf(event)
  if (event.subject !== key) return { void: 'key_mismatch' }
  const before = lookup.get(key)
  const change = registryValueOf(event)
  const problem = problemOf(lookup, event, before, change)
  if (problem) return { void: problem }
  const password_epoch = passwordEpochAfter(before, event)
  const entity = {
    key,
    revision: (before?.revision ?? 0) + 1,
    deleted: change.value === null,
    not_before: rule.endsGrants || turns(before, change) ? position.offset : (before?.not_before ?? null),
    last_offset: position.offset,
    at: Math.max(before?.at ?? timestamp, timestamp),
  }
  const more = { ...(rule.forgets && { forgotten: true }), ...(password_epoch > 0 && { password_epoch }) }
  return { entity: Object.assign(change, entity, more) }
}

/**
 * Which password of a user counts from then on. It only rises. A deletion takes two: a password that was being set at
 * that moment has the next one, and must not count for a later user of this sub.
 */
function passwordEpochAfter(before: RegistryEntity | undefined, event: EntityFact): number {
  const epoch = before?.password_epoch ?? 0
  if (event.type === 'UserPasswordSet') return event.data.password_epoch
  return event.type === 'UserDeleted' ? epoch + 2 : epoch
}

/** Whether a life of something that others name ends here, or another begins. */
function turns(before: RegistryEntity | undefined, { kind, value }: RegistryValue): boolean {
  return NAMED_BY_OTHERS.has(kind) && (value === null || before?.deleted === true)
}

export type Registry = RegistryLookup & {
  /** Folds one record into the registry and answers its verdict. */
  apply(recorded: Recorded<RegistryEvent>): EvolvedRegistry
  /** Every entity, tombstones too. */
  entities(): RegistryEntity[]
  /** The living entities. */
  view(): RegistryView
}

/** A registry in memory: the fold for replay, migration and tests. It goes on from these entities and this counter. */
export function createRegistry(entities: Iterable<RegistryEntity> = [], guard_revision = 0): Registry {
  const byKey = new Map<string, RegistryEntity>()
  const owners = new Map<string, string>()
  let guard = guard_revision
  const lookup: RegistryLookup = {
    get: (key) => byKey.get(key),
    ownerOf: (name) => owners.get(name),
    guardRevision: () => guard,
  }
  const put = (entity: RegistryEntity) => {
    const before = byKey.get(entity.key)
    for (const name of before ? uniqueNamesOf(before) : []) owners.delete(name)
    for (const name of uniqueNamesOf(entity)) owners.set(name, entity.key)
    byKey.set(entity.key, entity)
  }
  const apply = (recorded: Recorded<RegistryEvent>) => {
    const evolved = evolveRegistry(lookup, recorded)
    if (evolved.entity) put(evolved.entity)
    if (evolved.entity && isGuarded(recorded.event)) guard++
    return evolved
  }
  for (const entity of entities) put(entity)
  return { ...lookup, apply, entities: () => [...byKey.values()], view: () => viewOf(byKey.values()) }
}

/** Whether an event was decided by the guard: one that counts raises the guard's counter. */
export function isGuarded({ data }: RegistryFact): boolean {
  return 'guard_revision' in data && data.guard_revision !== undefined
}

/**
 * The living ones of these entities, by kind, each with the names that still stand for something. `lookup`: the groups
 * and scopes, where they are not among them.
 */
export function viewOf(entities: Iterable<RegistryEntity>, lookup?: NamedLookup): RegistryView {
  const given = [...entities]
  const byKey = new Map(given.map((entity) => [entity.key, entity]))
  const named = lookup ?? ((key) => byKey.get(key))
  const all = given.map((entity) => withNames(named, entity))
  return {
    clients: living(all, 'client'),
    users: living(all, 'user'),
    scopes: living(all, 'scope'),
    groups: living(all, 'group'),
    acls: living(all, 'acl'),
    resources: living(all, 'resource'),
    keys: living(all, 'key'),
  }
}

function living<Kind extends NamedKind>(entities: RegistryEntity[], kind: Kind): RegistryValues[Kind][] {
  const isOfKind = (entity: RegistryEntity): entity is RegistryEntity & EntityOf<Kind> => entity.kind === kind
  return entities.filter(isOfKind).flatMap(({ value }) => (value === null ? [] : [value]))
}

function problemOf(
  lookup: RegistryLookup,
  event: EntityFact & { subject: string },
  before: RegistryEntity | undefined,
  change: RegistryValue,
): RegistryVoidReason | null {
  if (event.type === 'LedgerCreated') return before ? 'ledger_exists' : null
  const revision = (before?.revision ?? 0) + 1
  if (event.data.revision !== revision) return event.data.revision < revision ? 'revision_taken' : 'revision_ahead'
  if (before?.forgotten) return 'user_forgotten'
  const { needs } = REGISTRY_EVENTS[event.type]
  if (needs === 'absent' && lives(before)) return 'entity_exists'
  if (needs === 'living' && !lives(before)) return 'entity_unknown'
  if (needs === 'known' && !before) return 'entity_unknown'
  const epoch = before?.password_epoch ?? 0
  if (event.type === 'UserPasswordSet' && event.data.password_epoch <= epoch) return 'password_epoch_taken'
  const keyProblem = before?.kind === 'key' ? keyProblemOf(before, change) : null
  if (keyProblem) return keyProblem
  const isTaken = (name: string) => ![undefined, event.subject].includes(lookup.ownerOf(name))
  const name = uniqueNameOf(change)
  if (name !== null && isTaken(name)) return 'name_taken'
  if (uniqueAccountsOf(change).some(isTaken)) return 'external_taken'
  // Last, so that the copy of an event that counted is told as a copy.
  return isGuarded(event) && event.data.guard_revision !== lookup.guardRevision() ? 'guard_moved' : null
}

/** A kid stands for one key for ever: what proves it may be added to, never changed, and nothing follows its end. */
function keyProblemOf({ value }: EntityOf<'key'>, change: RegistryValue): RegistryVoidReason | null {
  if (value === null) return 'key_retired'
  const next = change.kind === 'key' ? change.value?.checks : undefined
  const same = next === undefined || Object.entries(value.checks).every(([purpose, check]) => next[purpose] === check)
  return same ? null : 'key_differs'
}
