import type { Knex } from 'knex'
import type { Keys } from '../tokens/keys.ts'
import { unwrapKey, wrapKey, type WrappedKey } from '../tokens/personal-data.ts'
import { NAME_KEY, readNameKey } from './name-key.ts'
import { wrappedAs } from './opening.ts'
import { readWrappingKids } from './person-keys.ts'

const PAGE = 500

/** `done`: keys that are wrapped anew; `left`: those whose kid is not here. */
export type Rewrapped = { done: number; left: number }

/** `lost`: keys whose kid is not here are given up. */
export type Rewrapping = {
  keys: Keys
  ledger_id: string
  lost?: boolean
  progress?: (done: number, total: number) => void
}

/**
 * Wraps every key of a person, and the one of names, under the current kid, while all is served. May be cut short and
 * repeated: each page is committed, and what is done is not done again. Who is forgotten meanwhile stays so.
 */
export async function rewrapKeys(
  knex: Knex,
  { keys, ledger_id, lost = false, progress }: Rewrapping,
): Promise<Rewrapped> {
  const old = [...(await readWrappingKids(knex))].filter(([kid]) => kid !== keys.current)
  const total = old.reduce((sum, [, count]) => sum + count, 0)
  if (lost) await giveUp(knex, keys)
  const rewrapped = await rewrapNameKey(knex, { keys, ledger_id })
  for (let after: string | null = ''; after !== null;) {
    const rows: Row[] = await readPage(knex, keys.current, after)
    const wrapped = rows.map((row) => rewrapRow(row, { keys, ledger_id }))
    const found = wrapped.filter((row) => row !== null)
    await writePage(knex, found)
    rewrapped.done += found.length
    rewrapped.left += rows.length - found.length
    progress?.(rewrapped.done + rewrapped.left, total)
    after = rows.length < PAGE ? null : (rows.at(-1)?.sub ?? null)
  }
  return rewrapped
}

// These names cannot be read by anybody any more: each person is `unreadable` until put again.
async function giveUp(knex: Knex, { kids }: Keys): Promise<void> {
  await knex.raw('DELETE FROM ledger.persons WHERE NOT kid = ANY (?)', [[...kids]])
  await knex.raw('DELETE FROM ledger.name_key WHERE NOT kid = ANY (?)', [[...kids]])
}

type Row = WrappedKey & { sub: string; key_id: string }
type Anew = { sub: string; key_id: string; kid: number; wrapped: string }

async function readPage(knex: Knex, current: number, after: string): Promise<Row[]> {
  const { rows } = await knex.raw<{ rows: Row[] }>(
    `SELECT sub, key_id, kid, wrapped FROM ledger.persons WHERE kid <> ? AND sub > ? ORDER BY sub LIMIT ${PAGE}`,
    [current, after],
  )
  return rows
}

function rewrapRow({ sub, key_id, ...wrapped }: Row, { keys, ledger_id }: Rewrapping): Anew | null {
  const name = wrappedAs(sub, key_id)
  const key = unwrapKey(keys, ledger_id, { name, ...wrapped })
  if (!key) return null
  const anew = wrapKey(keys, ledger_id, { name, key })
  return { sub, key_id, kid: anew.kid, wrapped: `\\x${anew.wrapped.toString('hex')}` }
}

// By the id of the key: who was forgotten since has none, and gets none back.
async function writePage(knex: Knex, rows: Anew[]): Promise<void> {
  await knex.raw(
    `UPDATE ledger.persons p SET kid = r.kid, wrapped = r.wrapped
       FROM json_to_recordset(?::json) AS r(sub text, key_id uuid, kid smallint, wrapped bytea)
      WHERE p.sub = r.sub AND p.key_id = r.key_id`,
    [JSON.stringify(rows)],
  )
}

async function rewrapNameKey(knex: Knex, { keys, ledger_id }: Rewrapping): Promise<Rewrapped> {
  const found = await readNameKey(knex)
  if (!found || found.kid === keys.current) return { done: 0, left: 0 }
  const key = unwrapKey(keys, ledger_id, { name: NAME_KEY, ...found })
  if (!key) return { done: 0, left: 1 }
  const { kid, wrapped } = wrapKey(keys, ledger_id, { name: NAME_KEY, key })
  await knex.raw('UPDATE ledger.name_key SET kid = ?, wrapped = ?', [kid, wrapped])
  return { done: 1, left: 0 }
}
