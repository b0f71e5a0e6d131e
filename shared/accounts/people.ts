import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import { OperatorError } from '../config/operator-error.ts'
import { ownCommand } from '../config/own-command.ts'
import type { ExternalAccount, Person, PersonalState, PlainUser, SealedUser } from '../ledger/user.ts'
import type { Keys } from '../tokens/keys.ts'
import { generateDataKey, sealPersonal, wrapKey, type WrappedKey } from '../tokens/personal-data.ts'
import { createNames } from './name-key.ts'
import { createOpening, wrappedAs } from './opening.ts'
import {
  type PersonKey,
  personKeyFor,
  type PersonKeys,
  readKeysAsOf,
  readPersonKeys,
  replaceKey,
} from './person-keys.ts'
import { readSealingKeys } from './sealing-keys.ts'

/** What is behind sealed users, by `sub`. */
export type Revealed = ReadonlyMap<string, Person | PersonalState>

/** What opens sealed users, with the keys that were there at one moment. */
export type Reveal = (users: readonly SealedUser[]) => Revealed

/** The same, and the version of all keys at that moment (see KeysAsOf). */
export type Opened = { reveal: Reveal; version: string | null }

export type People = {
  /** Whether this process has keys that open anybody's name. */
  opens: boolean
  /**
   * One who was forgotten is `forgotten`, one whose key is lost `unreadable`. OperatorError where the key is there, and
   * this process lacks what it is wrapped under: that is no loss, and must not read as one.
   */
  reveal(users: readonly SealedUser[]): Promise<Revealed>
  /** The same with the keys of these persons, which are read once, for any number of records about them. */
  revealFor(subs: readonly string[]): Promise<Reveal>
  /** The same with the keys of these users, who are opened at once, and with the version of the keys. */
  open(users: readonly SealedUser[], knex?: Knex): Promise<Opened>
  /** The same with all keys as of one snapshot. */
  revealAsOf(snapshot: Knex): Promise<Reveal>
  /** By what a user name is unique. */
  indexOf(username: string): Promise<string>
  /** The same by the name key that was seen last: what is sealed tells whether it is still the one. */
  likelyIndexOf(username: string): Promise<string>
  /** The account that the issuer knows as this `sub`, as the log may hold it. */
  externalAccount(issuer: string, sub: string): Promise<ExternalAccount>
  /**
   * The user as the log may hold it; `before`: as it stands there, so that members which only a later release knows are
   * kept. PersonForgotten for who was forgotten.
   */
  seal(user: PlainUser, before?: SealedUser | null): Promise<SealedUser>
}

/**
 * `keys`: those of this process; it reveals nobody without the subkey `person`. `isIndexed`: whether the log has users
 * with an index, asked where there is no name key; without it one is made.
 */
export type PeopleOptions = { knex: Knex; keys: Keys | null; ledger_id: string; isIndexed?: () => Promise<boolean> }

const kidMissing = (kid: number) =>
  `keys of persons are wrapped under key ${kid}, which this process does not have: put it into LEDGER_SECRETS_SYSTEM, or ` +
  `make LEDGER_SECRETS_PROJECT anew with "${ownCommand()} keys derive project" where LEDGER_SECRETS_SYSTEM has it, and ` +
  'start again'

/** Opens and seals what names people, under the keys of schema `ledger`. */
export function createPeople({ knex, keys, ledger_id, isIndexed }: PeopleOptions): People {
  const hasKeys = keys?.kids.some((kid) => keys.subkey('person', kid)) ?? false

  const { keyOf, open: openWith, reveal, missingKid } = createOpening(keys, ledger_id)

  const revealWith = (known: PersonKeys, ahead: readonly SealedUser[] = []): Reveal => {
    const opened = new Map(ahead.map((user) => [user, reveal(user, known)]))
    return (users) => {
      const [missing] = users.map((user) => missingKid(user, known)).filter((kid) => kid !== null)
      if (missing !== undefined) throw new OperatorError(kidMissing(missing))
      return new Map(users.map((user) => [user.sub, opened.get(user) ?? reveal(user, known)]))
    }
  }

  function wrap(name: string, key: Buffer): WrappedKey {
    if (!keys) throw new Error('without keys nobody can be written about')
    return wrapKey(keys, ledger_id, { name, key })
  }

  const names = createNames({ knex, keys, ledger_id, isIndexed })

  /** The key of this person; another one where the row has one of another person, which no restart mends. */
  async function ownKey(sub: string, found: PersonKey, make: (key_id: string) => WrappedKey) {
    const key = keyOf(sub, found)
    if (key) return { key, found }
    if (!keys?.subkey('person', found.kid)) throw new OperatorError(`the key of a person needs key ${found.kid}`)
    const made = await replaceKey(knex, sub, { lost: found, make })
    const anew = keyOf(sub, made)
    if (!anew) throw new Error('the key of a person that was made anew does not open')
    return { key: anew, found: made }
  }

  async function seal(user: PlainUser, before?: SealedUser | null): Promise<SealedUser> {
    const { sub, personal } = user
    const make = (key_id: string) => wrap(wrappedAs(sub, key_id), generateDataKey())
    const key_id = randomUUID()
    const held = await readSealingKeys(knex, sub, before ? null : { key_id, ...make(key_id) })
    // First the name key: as long as there is a key of a person, it is not made anew.
    const username_index = await names.indexOf(personal.username, held.nameKey)
    const known = held.personKey === 'forgotten' ? null : held.personKey
    const { key, found } = await ownKey(sub, known ?? (await personKeyFor(knex, sub, make)), make)
    const whole = { ...(before && openWith(before, found)), ...personal }
    return { ...user, username_index, personal: sealPersonal(key, { ledger_id, sub, key_id: found.key_id }, whole) }
  }

  const revealFor = async (subs: readonly string[]) => {
    return revealWith(subs.length === 0 ? new Map() : await readPersonKeys(knex, subs))
  }

  async function open(users: readonly SealedUser[], reader = knex): Promise<Opened> {
    if (users.length === 0) return { reveal: revealWith(new Map()), version: null }
    const { keys: known, version } = await readKeysAsOf(
      reader,
      users.map(({ sub }) => sub),
    )
    return { reveal: revealWith(known, users), version }
  }

  return {
    opens: hasKeys,
    reveal: async (users) => (await revealFor(users.map(({ sub }) => sub)))(users),
    revealFor,
    open,
    revealAsOf: async (snapshot) => revealWith(await readPersonKeys(snapshot)),
    indexOf: (username) => names.indexOf(username),
    likelyIndexOf: names.likelyIndexOf,
    externalAccount: async (issuer, sub) => ({ issuer, sub_index: await names.externalIndexOf(issuer, sub) }),
    seal,
  }
}
