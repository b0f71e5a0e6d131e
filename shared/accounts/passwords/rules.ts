import { hasUnstorableText } from '../../ledger/storable-text.ts'

/** How long a password is at the least, in characters, and at the most, in bytes of UTF-8. */
export const PASSWORD_LENGTH = { characters: 8, bytes: 1024 }

/**
 * The one form of a password, in whatever form a keyboard sends it: NFC (RFC 8265 §4.2), never trimmed. `null`: longer
 * than a password can be, or no text.
 */
export function passwordForm(password: string): string | null {
  const form = password.normalize('NFC')
  return !hasUnstorableText(form) && Buffer.byteLength(form, 'utf8') <= PASSWORD_LENGTH.bytes ? form : null
}

/** Why this can be nobody's password; `null`: it can. */
export function passwordProblem(password: string): string | null {
  const { characters, bytes } = PASSWORD_LENGTH
  const form = passwordForm(password)
  if (form === null) return `must be text of at most ${bytes} bytes in UTF-8`
  return [...form].length < characters ? `must have at least ${characters} characters` : null
}

/** Where a stored password stands, and the epoch of its user by the log. */
type Standing = { epoch: number; pending: boolean; password_epoch: number }

/**
 * Whether a stored password counts: it is the one that the log speaks of, or the next one while the log may not say so
 * yet. One of before, as a failover or a restored backup brings it back, never counts.
 */
export function passwordCounts({ epoch, pending, password_epoch }: Standing): boolean {
  return epoch === password_epoch || (pending && epoch === password_epoch + 1)
}

/** Whether the log was seen to speak of a later password than this read model shows. */
export function isAheadOfLog({ epoch, pending, password_epoch }: Standing): boolean {
  return !pending && epoch > password_epoch
}
