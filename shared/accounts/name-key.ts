import type { Knex } from 'knex'
import { generateDataKey, type WrappedKey } from '../tokens/personal-data.ts'

/** What the name key is wrapped as. */
export const NAME_KEY = 'names'

/** The name key, wrapped; `null`: nobody has made it yet. */
export async function readNameKey(knex: Knex): Promise<WrappedKey | null> {
  const { rows } = await knex.raw<{ rows: WrappedKey[] }>('SELECT kid, wrapped FROM ledger.name_key')
  return rows[0] ?? null
}

/** The name key, made and committed by whoever is first; `wrap` wraps a new one. */
export async function nameKeyFor(knex: Knex, wrap: (key: Buffer) => WrappedKey): Promise<WrappedKey> {
  const found = await readNameKey(knex)
  if (found) return found
  const { kid, wrapped } = wrap(generateDataKey())
  await knex.raw('INSERT INTO ledger.name_key (kid, wrapped) VALUES (?, ?) ON CONFLICT DO NOTHING', [kid, wrapped])
  const made = await readNameKey(knex)
  if (!made) throw new Error('the name key that was made is not there')
  return made
}
