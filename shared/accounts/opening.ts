import { hasUnstorableText } from '../ledger/storable-text.ts'
import type { Person, PersonalState, SealedUser } from '../ledger/user.ts'
import type { Keys } from '../tokens/keys.ts'
import { openPersonal, unwrapKey } from '../tokens/personal-data.ts'
import type { PersonKey, PersonKeys } from './person-keys.ts'

/** Opens sealed users of one ledger with the keys of one process. */
export type Opening = {
  /** The key of a person; `null` where its kid is not here, or it is another person's. */
  keyOf(sub: string, wrapped: PersonKey): Buffer | null
  /** All that was sealed; `null` where this is not its key. */
  open(user: SealedUser, wrapped: PersonKey): Record<string, unknown> | null
  reveal(user: SealedUser, known: PersonKeys): Person | PersonalState
  /** Under which kid the key of this user is wrapped, where that is not here; `null`: nothing is missing. */
  missingKid(user: SealedUser, known: PersonKeys): number | null
}

/** What opens under these keys; `null`: nothing does. */
export function createOpening(keys: Keys | null, ledger_id: string): Opening {
  function keyOf(sub: string, { key_id, kid, wrapped }: PersonKey): Buffer | null {
    return keys && unwrapKey(keys, ledger_id, { name: wrappedAs(sub, key_id), kid, wrapped })
  }

  function open({ sub, personal }: SealedUser, found: PersonKey): Record<string, unknown> | null {
    const key = found.key_id === personal.key_id ? keyOf(sub, found) : null
    return key && openPersonal(key, { ledger_id, sub, key_id: personal.key_id }, personal)
  }

  function reveal(user: SealedUser, known: PersonKeys): Person | PersonalState {
    const found = known.get(user.sub)
    if (found === 'forgotten') return found
    return personIn(found ? open(user, found) : null) ?? 'unreadable'
  }

  function missingKid({ sub, personal }: SealedUser, known: PersonKeys): number | null {
    const found = known.get(sub)
    if (!found || found === 'forgotten' || found.key_id !== personal.key_id) return null
    return keys?.subkey('person', found.kid) ? null : found.kid
  }

  return { keyOf, open, reveal, missingKid }
}

/** What the key of a person is wrapped as: it unwraps for nobody else. */
export function wrappedAs(sub: string, key_id: string): string {
  return `person/${key_id}/${sub}`
}

// The read model must be able to hold it: what it would refuse must not stop a partition.
function personIn(opened: Record<string, unknown> | null): Person | null {
  if (!opened || hasUnstorableText(opened)) return null
  const { username, name = null, email = null } = opened
  const isText = (value: unknown): value is string | null => value === null || typeof value === 'string'
  return typeof username === 'string' && isText(name) && isText(email) ? { username, name, email } : null
}
