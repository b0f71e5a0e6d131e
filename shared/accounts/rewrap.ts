import type { Knex } from 'knex'
import type { Keys } from '../tokens/keys.ts'
import { unwrapKey, wrapKey, type WrappedKey } from '../tokens/personal-data.ts'
import { NAME_KEY, readNameKey } from './name-key.ts'
import { wrappedAs } from './opening.ts'
import { readWrappingKids } from './person-keys.ts'

const PAGE = 500

/**
 * One page: under which kid, how many keys were wrapped anew (`done`) or need a kid that is not here (`left`), and
 * where to go on. `total`: of all pages, on the first of them.
 */
export type RewrapPage = { kid: number; done: number; left: number; total: number | null; next: string | null }

/** The keys of one process, for its ledger. */
export type Rewrapping = { keys: Keys; ledger_id: string }

/**
 * Wraps one page of the keys of persons under the current kid, with the first page (`after` null) the one of names,
 * while all is served. May be cut short and repeated: each page is committed, and what is done is not done again. Who
 * is forgotten meanwhile stays so.
 */
export async function rewrapPage(knex: Knex, rewrapping: Rewrapping, after: string | null): Promise<RewrapPage> {
  const { current } = rewrapping.keys
  const total = after === null ? await countOthers(knex, current) : null
  const ofNames = after === null ? await rewrapNameKey(knex, rewrapping) : { done: 0, left: 0 }
  const rows = await readPage(knex, current, after ?? '')
  const found = rows.map((row) => rewrapRow(row, rewrapping)).filter((row) => row !== null)
  await writePage(knex, found)
  return {
    kid: current,
    done: ofNames.done + found.length,
    left: ofNames.left + rows.length - found.length,
    total,
    next: rows.length < PAGE ? null : (rows.at(-1)?.sub ?? null),
  }
}

/**
 * Gives up every key whose kid is not here. Nobody can read these names any more: each person is `unreadable` until put
 * again.
 */
export async function giveUpLostKeys(knex: Knex, { kids }: Pick<Keys, 'kids'>): Promise<void> {
  await knex.raw('DELETE FROM ledger.persons WHERE NOT kid = ANY (?)', [[...kids]])
  await knex.raw('DELETE FROM ledger.name_key WHERE NOT kid = ANY (?)', [[...kids]])
}

async function countOthers(knex: Knex, current: number): Promise<number> {
  const others = [...(await readWrappingKids(knex))].filter(([kid]) => kid !== current)
  return others.reduce((sum, [, keys]) => sum + keys, 0)
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
  if (rows.length === 0) return
  await knex.raw(
    `UPDATE ledger.persons p SET kid = r.kid, wrapped = r.wrapped
       FROM json_to_recordset(?::json) AS r(sub text, key_id uuid, kid smallint, wrapped bytea)
      WHERE p.sub = r.sub AND p.key_id = r.key_id`,
    [JSON.stringify(rows)],
  )
}

async function rewrapNameKey(knex: Knex, { keys, ledger_id }: Rewrapping): Promise<{ done: number; left: number }> {
  const found = await readNameKey(knex)
  if (!found || found.kid === keys.current) return { done: 0, left: 0 }
  const key = unwrapKey(keys, ledger_id, { name: NAME_KEY, ...found })
  if (!key) return { done: 0, left: 1 }
  const { kid, wrapped } = wrapKey(keys, ledger_id, { name: NAME_KEY, key })
  await knex.raw('UPDATE ledger.name_key SET kid = ?, wrapped = ? WHERE kid = ?', [kid, wrapped, found.kid])
  return { done: 1, left: 0 }
}
