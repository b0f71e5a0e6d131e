/** Everything that names a person. */
export type Person = { username: string; name: string | null; email: string | null }

type UserTerms = { sub: string; groups: string[]; enabled: boolean }

/** A user of version 1: read for ever, and written no longer, as the name stands there in clear. */
export type PlainUser = UserTerms & { personal: Person; username_index?: undefined }

/**
 * An account elsewhere that a person signs in with: `sub_index` stands for what the issuer calls the person, and tells
 * it to nobody.
 */
export type ExternalAccount = { issuer: string; sub_index: string }

/**
 * A user of version 2. `personal`: sealed under a key of that person, which is not in the log (see personal-data.ts);
 * `username_index`: by what the name is unique, which tells it to nobody.
 */
export type SealedUser = UserTerms & {
  username_index: string
  personal: { key_id: string; iv: string; data: string; tag: string }
  /** Each belongs to one living user. A record of before has none. */
  external?: ExternalAccount[] | undefined
}

export type User = PlainUser | SealedUser

/** Why what names a person is not known: the person was forgotten, or the key got lost. */
export type PersonalState = 'forgotten' | 'unreadable'

/** What names a person, as far as it is known. */
export type ShownPerson = { [Member in keyof Person]: string | null } & { state: PersonalState | null }

/** The accounts elsewhere that a user signs in with. */
export function externalOf(user: User): readonly ExternalAccount[] {
  return isSealed(user) ? (user.external ?? []) : []
}

/** How many of them one user may have. */
export const MOST_ACCOUNTS = 20

/** Whether it is this account. */
export function isSameAccount({ issuer, sub_index }: ExternalAccount) {
  return (other: ExternalAccount): boolean => other.issuer === issuer && other.sub_index === sub_index
}

/** Whether what names this person is sealed. */
export function isSealed(user: User): user is SealedUser {
  return user.username_index !== undefined
}
