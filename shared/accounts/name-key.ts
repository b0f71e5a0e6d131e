import type { Knex } from 'knex'
import { OperatorError } from '../config/operator-error.ts'
import { ownCommand } from '../config/own-command.ts'
import type { Keys } from '../tokens/keys.ts'
import {
  externalIndex,
  generateDataKey,
  unwrapKey,
  usernameIndex,
  wrapKey,
  type WrappedKey,
} from '../tokens/personal-data.ts'

/** What the name key is wrapped as. */
export const NAME_KEY = 'names'

/** The name key, wrapped; `null`: nobody has made it yet. */
export async function readNameKey(knex: Knex): Promise<WrappedKey | null> {
  const { rows } = await knex.raw<{ rows: WrappedKey[] }>('SELECT kid, wrapped FROM ledger.name_key')
  return rows[0] ?? null
}

type NamesOptions = {
  knex: Knex
  keys: Keys | null
  ledger_id: string
  /** Whether users have an index already, under a name key that must then be lost. */
  isIndexed?: (() => Promise<boolean>) | undefined
}

/**
 * The indexes of user names. The name key is made and committed by whoever is first. OperatorError where it is lost:
 * under another one a name that is taken would be free.
 */
export function createNames({ knex, keys, ledger_id, isIndexed }: NamesOptions) {
  let seen: { wrapped: Buffer; key: Buffer } | undefined

  async function load(): Promise<WrappedKey> {
    const found = await readNameKey(knex)
    if (found) return found
    if (await isIndexed?.()) throw new OperatorError(nameKeyLost())
    if (!keys) throw new Error('without keys nobody can be written about')
    const { kid, wrapped } = wrapKey(keys, ledger_id, { name: NAME_KEY, key: generateDataKey() })
    await knex.raw('INSERT INTO ledger.name_key (kid, wrapped) VALUES (?, ?) ON CONFLICT DO NOTHING', [kid, wrapped])
    const made = await readNameKey(knex)
    if (!made) throw new Error('the name key that was made is not there')
    return made
  }

  function open(found: WrappedKey): Buffer {
    if (seen?.wrapped.equals(found.wrapped)) return seen.key
    const key = keys && unwrapKey(keys, ledger_id, { name: NAME_KEY, ...found })
    if (!key) throw new OperatorError(`the key that keeps names of users unique needs key ${found.kid}`)
    seen = { wrapped: found.wrapped, key }
    return key
  }

  // Asked for each time: of a key that was lost and made anew there must not be two in use.
  const indexOf = async (username: string, found?: WrappedKey | null) => {
    return usernameIndex(open(found ?? (await load())), username)
  }

  return {
    /** `found`: the name key, where it was read just now. */
    indexOf,
    externalIndexOf: async (issuer: string, sub: string) => externalIndex(open(await load()), issuer, sub),
    likelyIndexOf: async (username: string) => (seen ? usernameIndex(seen.key, username) : indexOf(username)),
  }
}

const nameKeyLost = () =>
  'the key that keeps names of users unique is lost (ledger.name_key): restore that table, or make a new one with ' +
  `"${ownCommand()} users reindex"`
