import type { Knex } from 'knex'
import { OperatorError } from '../config/operator-error.ts'
import { ownCommand } from '../config/own-command.ts'
import { generateDataKey, type WrappedKey } from '../tokens/personal-data.ts'

/** What the name key is wrapped as. */
export const NAME_KEY = 'names'

/** The name key, wrapped; `null`: nobody has made it yet. */
export async function readNameKey(knex: Knex): Promise<WrappedKey | null> {
  const { rows } = await knex.raw<{ rows: WrappedKey[] }>('SELECT kid, wrapped FROM ledger.name_key')
  return rows[0] ?? null
}

type Making = {
  /** Wraps a new one. */
  wrap: (key: Buffer) => WrappedKey
  /** Whether users have an index already, under a name key that must then be lost. */
  isUsed: () => Promise<boolean>
}

/**
 * The name key, made and committed by whoever is first. OperatorError where it is lost: under another one a name that
 * is taken would be free.
 */
export async function nameKeyFor(knex: Knex, { wrap, isUsed }: Making): Promise<WrappedKey> {
  const found = await readNameKey(knex)
  if (found) return found
  if (await isUsed()) throw new OperatorError(nameKeyLost())
  const { kid, wrapped } = wrap(generateDataKey())
  await knex.raw('INSERT INTO ledger.name_key (kid, wrapped) VALUES (?, ?) ON CONFLICT DO NOTHING', [kid, wrapped])
  const made = await readNameKey(knex)
  if (!made) throw new Error('the name key that was made is not there')
  return made
}

const nameKeyLost = () =>
  'the key that keeps names of users unique is lost (ledger.name_key): restore that table, or make a new one with ' +
  `"${ownCommand()} users reindex"`
