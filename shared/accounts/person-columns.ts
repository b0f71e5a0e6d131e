import { createHash } from 'node:crypto'
import { foldedUsername } from '../ledger/registry/folded-username.ts'
import type { RegistryEntity, UserEntity } from '../ledger/registry/state.ts'
import { isSealed, type Person, type PersonalState, type SealedUser, type ShownPerson } from '../ledger/user.ts'

/** What says who a user is, in whatever form, each a column. */
export type Naming = keyof Person | 'username_sort'

export const NAMING: Record<Naming, true> = {
  username: true,
  name: true,
  email: true,
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

type PersonColumns = Record<Naming | 'personal_state', string | null>

/** The columns of a user that what names it stands in, and why it does not. */
export function personColumns({ username, name, email, state }: ShownPerson): PersonColumns {
  const username_sort = username === null ? null : usernameSort(username)
  return { username, name, email, username_sort, personal_state: state }
}

/** How many characters of a name there is room for in an index. */
const SORTED_BY = 100

/**
 * By what users are listed in the order of their names, and found by name, whatever version the record is of: the
 * folded name. No longer than an index bears: of a long one the beginning, and a hash, so that no two are the same.
 */
export function usernameSort(username: string): string {
  const folded = foldedUsername(username)
  if (folded.length <= SORTED_BY) return folded
  const characters = [...folded]
  if (characters.length <= SORTED_BY) return folded
  const hash = createHash('sha256').update(folded, 'utf8').digest('base64url')
  return `${characters.slice(0, SORTED_BY).join('')}${hash}`
}

/** The user that an entity stands for, where what names it is sealed. */
export function sealedUserOf(entity: RegistryEntity): SealedUser[] {
  return entity.kind === 'user' && entity.value && isSealed(entity.value) ? [entity.value] : []
}
