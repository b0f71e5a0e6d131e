import type { KnownKeys } from '../../../shared/read-model/reads/keys.ts'
import type { KeyUse, KeyUseReader } from '../../../shared/read-model/key-uses/key-uses.ts'

/** What ends with a key, and the clients whose secret needs it and does not end. */
export type KeyInUse = Omit<KeyUse, 'ends' | 'last_made'> & {
  /** Whether there ever was such a key: it is here, the log knows it, or something that was made with it is there. */
  known: boolean
  /** How many keys of persons are wrapped under it. */
  person_keys: number
  /** How many passwords of users are stored under its pepper. */
  passwords: number
}

/** What it takes to look a key up; `here`: the kids that this process has, the current one first. */
export type KeyLookup = {
  keyUses: KeyUseReader
  knownKeys: () => Promise<KnownKeys>
  wrappingKids: () => Promise<ReadonlyMap<number, number>>
  pepperedKids: () => Promise<ReadonlyMap<number, number>>
  here: readonly number[]
}

/** What lives of this kid. */
export async function keyInUse(lookup: KeyLookup, kid: number): Promise<KeyInUse> {
  const { keys } = await lookup.knownKeys()
  const { grants, refresh_tokens, access_tokens, authorization_codes, capped, clients, last_made } =
    await lookup.keyUses.use(kid)
  const person_keys = (await lookup.wrappingKids()).get(kid) ?? 0
  const passwords = (await lookup.pepperedKids()).get(kid) ?? 0
  const isMade = last_made !== null || clients.length > 0 || person_keys > 0 || passwords > 0
  const known = isMade || keys.has(kid) || lookup.here.includes(kid)
  const counts = { person_keys, passwords, grants, refresh_tokens, access_tokens, authorization_codes }
  return { kid, ...counts, capped, clients, known }
}

/** What is said of a kid that nobody ever had. */
export function neverWas(kid: number): string {
  return `there never was a key ${kid}: the log does not know it, and nothing was made with it`
}

/** What must be done before a key can be revoked or retired. */
export const FIRST_ANOTHER = 'put another key first in every process, then repeat'
