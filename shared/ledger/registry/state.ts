import type { EntityFact, Fact, Key, RegistryFact } from '../events.ts'
import { type ExternalAccount, externalOf, isSealed, type ShownPerson } from '../user.ts'
import {
  LEDGER_KEY,
  type NamedKind,
  parseRegistryKey,
  REGISTRY_EVENTS,
  REGISTRY_KINDS,
  type RegistryKind,
  registryKey,
  type RegistryValues,
} from './kinds.ts'

/** An entity of one kind; `RegistryEntity` = of any. */
export type EntityOf<Kind extends RegistryKind> = {
  kind: Kind
  /** The record's key: `client/ID`, `scope/NAME`, …, `ledger`. */
  key: string
  revision: number
  /** A tombstone: nothing is left but its revision, which the next entity of this key continues. */
  deleted: boolean
  /** `null` when deleted. */
  value: RegistryValues[Kind] | null
  /** A person who was forgotten: a tombstone that nothing follows. */
  forgotten?: boolean
  /** Of a user: which password counts (see schema `ledger`); 0, or absent: there never was one. */
  password_epoch?: number
  /** What names the person, where a read model says it. */
  person?: ShownPerson
  /**
   * Grants made at this registry position or before are dead, and names given then stand for nothing; survives
   * deletion.
   */
  not_before: number | null
  last_offset: number
  /** Log time of the latest valid event in ms; never steps back. */
  at: number
}

export type ClientEntity = EntityOf<'client'>

export type UserEntity = EntityOf<'user'>

export type RegistryEntity = { [Kind in RegistryKind]: EntityOf<Kind> }[RegistryKind]

/** A kind with its new value; `null` = deleted. */
export type RegistryValue = {
  [Kind in RegistryKind]: { kind: Kind; value: RegistryValues[Kind] | null }
}[RegistryKind]

/** What `evolveRegistry` may ask of the registry as it stands just before the event. */
export type RegistryLookup = {
  get(key: string): RegistryEntity | undefined
  /** The key of the living entity that holds this unique name (`uniqueNamesOf`). */
  ownerOf(uniqueName: string): string | undefined
  /** The guard's counter: how many events that the guard decided have counted. */
  guardRevision(): number
}

/** The living entities, as plain data: all of them, or those that a question needs (see guard.ts). */
export type RegistryView = {
  [Kind in NamedKind as (typeof REGISTRY_KINDS)[Kind]['plural']]: readonly RegistryValues[Kind][]
}

/** All that the data of a registry fact may hold of its entity: its value, or what it was called. */
type FactData = Partial<RegistryValues & Key & { ledger_id: string; client_id: string; sub: string; name: string }>

/** The key of the entity, or of the skipped record, that a fact is about; also its record's key in the log. */
export function registryKeyOf(fact: RegistryFact): string {
  if (fact.type === 'RecordSkipped') return `skip/${fact.data.topic}/${fact.data.partition}/${fact.data.offset}`
  const { kind } = REGISTRY_EVENTS[fact.type]
  return kind === 'ledger' ? LEDGER_KEY : registryKey(kind, idIn(kind, fact.data))
}

function idIn(kind: NamedKind, data: FactData): string {
  const holder: { [member: string]: unknown } = data[kind] ?? data
  return String(holder[REGISTRY_KINDS[kind].id])
}

/** The value that a fact gives its entity. */
export function registryValueOf(fact: EntityFact): RegistryValue {
  const { kind } = REGISTRY_EVENTS[fact.type]
  const data: FactData = fact.data
  switch (kind) {
    case 'ledger':
      return { kind, value: data.ledger_id === undefined ? null : { ledger_id: data.ledger_id } }
    case 'client':
      return { kind, value: data.client ?? null }
    case 'user':
      return { kind, value: data.user ?? null }
    case 'scope':
      return { kind, value: data.scope ?? null }
    case 'group':
      return { kind, value: data.group ?? null }
    case 'acl':
      return { kind, value: data.acl ?? null }
    case 'resource':
      return { kind, value: data.resource ?? null }
    case 'key':
      return { kind, value: data.kid === undefined || !data.checks ? null : { kid: data.kid, checks: data.checks } }
  }
}

/** The name that only one living entity may hold: a client's name + version, a user's username; else `null`. */
export function uniqueNameOf({ kind, value }: RegistryValue | RegistryEntity): string | null {
  if (value === null) return null
  if (kind === 'client') return uniqueClientName(value.client_name, value.client_version)
  if (kind !== 'user') return null
  return isSealed(value) ? uniqueIndex(value.username_index) : uniqueUsername(value.personal.username)
}

/** The accounts elsewhere that only one living user may have, as `ownerOf` takes them. */
export function uniqueAccountsOf({ kind, value }: RegistryValue | RegistryEntity): string[] {
  return kind === 'user' && value ? externalOf(value).map(uniqueAccount) : []
}

/** Everything that only this living entity may hold. */
export function uniqueNamesOf(entity: RegistryValue | RegistryEntity): string[] {
  const name = uniqueNameOf(entity)
  return [...(name === null ? [] : [name]), ...uniqueAccountsOf(entity)]
}

/** Whether a fact names a person in clear: of version 1, which is in old logs only. */
export function namesInClear({ data }: Fact): boolean {
  return 'user' in data && !isSealed(data.user)
}

/** The unique name of a client's name and version, as `ownerOf` takes it. */
export function uniqueClientName(client_name: string, client_version: string): string {
  return `client:${JSON.stringify([client_name, client_version])}`
}

/** The unique name of a username, as `ownerOf` takes it. */
export function uniqueUsername(username: string): string {
  return `user:${JSON.stringify([username])}`
}

// The fold cannot tell whether a name in clear is the one behind an index: the writer does (admin/registry/write.ts).
function uniqueIndex(username_index: string): string {
  return `user_index:${username_index}`
}

function uniqueAccount({ issuer, sub_index }: ExternalAccount): string {
  return `external:${JSON.stringify([issuer, sub_index])}`
}

/** Whether there is such an entity, not only a tombstone. */
export function lives(entity: RegistryEntity | undefined): entity is RegistryEntity {
  return entity !== undefined && !entity.deleted
}

/** Each `sub` that was forgotten. */
export function forgottenSubs(entities: readonly RegistryEntity[]): string[] {
  return entities.filter(({ forgotten }) => forgotten === true).map(({ key }) => parseRegistryKey(key)?.id ?? '')
}
