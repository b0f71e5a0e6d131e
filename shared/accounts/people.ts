import type { Knex } from 'knex'
import { OperatorError } from '../config/operator-error.ts'
import type { Person, PersonalState, PlainUser, SealedUser } from '../ledger/user.ts'
import type { Keys } from '../tokens/keys.ts'
import {
  generateDataKey,
  sealPersonal,
  unwrapKey,
  usernameIndex,
  wrapKey,
  type WrappedKey,
} from '../tokens/personal-data.ts'
import { NAME_KEY, nameKeyFor } from './name-key.ts'
import { createOpening, wrappedAs } from './opening.ts'
import { personKeyFor, type PersonKeys, readPersonKeys } from './person-keys.ts'

/** What is behind sealed users, by `sub`. */
export type Revealed = ReadonlyMap<string, Person | PersonalState>

/** What opens sealed users, with the keys that were there at one moment. */
export type Reveal = (users: readonly SealedUser[]) => Revealed

export type People = {
  /** Whether this process has keys that open anybody's name. */
  opens: boolean
  /**
   * One whose key is gone is `forgotten`, one that cannot be opened `unreadable`. OperatorError where there are keys of
   * persons, and this process has none to unwrap them.
   */
  reveal(users: readonly SealedUser[]): Promise<Revealed>
  /** The same with the keys of these persons, which are read once, for any number of records about them. */
  revealFor(subs: readonly string[]): Promise<Reveal>
  /** The same with all keys as of one snapshot. */
  revealAsOf(snapshot: Knex): Promise<Reveal>
  /** By what a user name is unique. */
  indexOf(username: string): Promise<string>
  /**
   * The user as the log may hold it; `before`: as it stands there, so that members which only a later release knows are
   * kept. PersonForgotten for who was forgotten.
   */
  seal(user: PlainUser, before?: SealedUser | null): Promise<SealedUser>
}

/** `keys`: those of this process; it reveals nobody without the subkey `person`. */
export type PeopleOptions = { knex: Knex; keys: Keys | null; ledger_id: string }

const NO_KEYS = 'what names people is sealed: set LEDGER_SECRETS_PROJECT, or LEDGER_SECRETS_SYSTEM'

/** Opens and seals what names people, under the keys of schema `ledger`. */
export function createPeople({ knex, keys, ledger_id }: PeopleOptions): People {
  let nameKey: Promise<Buffer> | undefined
  const hasKeys = keys?.kids.some((kid) => keys.subkey('person', kid)) ?? false

  const { keyOf, open, reveal } = createOpening(keys, ledger_id)

  const revealWith =
    (known: PersonKeys): Reveal =>
    (users) => {
      if (!hasKeys && users.some(({ sub }) => known.has(sub))) throw new OperatorError(NO_KEYS)
      return new Map(users.map((user) => [user.sub, reveal(user, known)]))
    }

  function wrap(name: string, key: Buffer): WrappedKey {
    if (!keys) throw new Error('without keys nobody can be written about')
    return wrapKey(keys, ledger_id, { name, key })
  }

  async function loadNameKey(): Promise<Buffer> {
    const wrapped = await nameKeyFor(knex, (key) => wrap(NAME_KEY, key))
    const key = keys && unwrapKey(keys, ledger_id, { name: NAME_KEY, ...wrapped })
    if (!key) throw new Error(`the name key needs key ${wrapped.kid}, which is not here`)
    return key
  }

  async function indexOf(username: string): Promise<string> {
    // It never changes, so it is asked for once; whoever failed to get it asks again.
    nameKey ??= loadNameKey().catch((error: unknown) => {
      nameKey = undefined
      throw error
    })
    return usernameIndex(await nameKey, username)
  }

  async function seal(user: PlainUser, before?: SealedUser | null): Promise<SealedUser> {
    const { sub, personal } = user
    const make = (key_id: string) => wrap(wrappedAs(sub, key_id), generateDataKey())
    const found = await personKeyFor(knex, sub, make)
    const key = keyOf(sub, found)
    if (!key) throw new Error(`the key of a person needs key ${found.kid}, which is not here`)
    const whole = { ...(before && open(before, found)), ...personal }
    const username_index = await indexOf(personal.username)
    return { ...user, username_index, personal: sealPersonal(key, { ledger_id, sub, key_id: found.key_id }, whole) }
  }

  const revealFor = async (subs: readonly string[]) => {
    return revealWith(subs.length === 0 ? new Map() : await readPersonKeys(knex, subs))
  }

  return {
    opens: hasKeys,
    reveal: async (users) => (await revealFor(users.map(({ sub }) => sub)))(users),
    revealFor,
    revealAsOf: async (snapshot) => revealWith(await readPersonKeys(snapshot)),
    indexOf,
    seal,
  }
}
