import { createHash } from 'node:crypto'
import { foldedUsername } from '../ledger/registry/folded-username.ts'
import type { RegistryEntity, UserEntity } from '../ledger/registry/state.ts'
import { isSealed, type Person, type PersonalState, type SealedUser, type ShownPerson } from '../ledger/user.ts'

/** What says who a user is, in whatever form, each a column. */
export type Naming = keyof Person | 'username_sha256' | 'username_sort'

export const NAMING: Record<Naming, true> = {
  username: true,
  name: true,
  email: true,
  username_sha256: true,
  username_sort: true,
}

/** The columns of a user that say who it is, in whatever form: empty once the person is forgotten. */
export const NAMING_COLUMNS: readonly string[] = Object.keys(NAMING)

/** What names a user: as it stands in version 1, or was revealed. Of one who is deleted nothing. */
export function shownPerson({ value, forgotten }: UserEntity, revealed?: Person | PersonalState): ShownPerson {
  if (!value) return { ...NOBODY, state: forgotten ? 'forgotten' : null }
  const person = isSealed(value) ? (revealed ?? 'unreadable') : value.personal
  if (typeof person === 'string') return { ...NOBODY, state: person }
  const { username, name, email } = person
  return { username, name, email, state: null }
}

const NOBODY = { username: null, name: null, email: null }

/** The columns of a user that what names it stands in, and why it does not. */
export function personColumns({ state, ...person }: ShownPerson): Record<string, string | null> {
  const { username } = person
  const found = username === null ? null : usernameSha256(username)
  return { ...person, username_sha256: found, username_sort: usernameSort(username), personal_state: state }
}

/** By what users are listed in the order of their names: no longer than an index bears, whatever stands in the log. */
function usernameSort(username: string | null): string | null {
  return username === null ? null : [...foldedUsername(username)].slice(0, 100).join('')
}

/** How a user is found by name, whatever version the record is of: of fixed length, as a name may be long. */
export function usernameSha256(username: string): string {
  return createHash('sha256').update(foldedUsername(username), 'utf8').digest('base64url')
}

/** The user that an entity stands for, where what names it is sealed. */
export function sealedUserOf(entity: RegistryEntity): SealedUser[] {
  return entity.kind === 'user' && entity.value && isSealed(entity.value) ? [entity.value] : []
}
