import { randomUUID } from 'node:crypto'
import type { Knex } from 'knex'
import type { WrappedKey } from '../tokens/personal-data.ts'

/** The key of a person, wrapped. */
export type PersonKey = WrappedKey & { key_id: string }

/** Of each `sub` that is known: its key, or that it is forgotten. */
export type PersonKeys = ReadonlyMap<string, PersonKey | 'forgotten'>

/** Nothing may be written about a person any more who was forgotten. */
export class PersonForgotten extends Error {
  constructor() {
    super('this person was forgotten, and the sub is never used again')
    this.name = 'PersonForgotten'
  }
}

/** As it is stored: all `null` where the person was forgotten. */
export type PersonKeyRow = { key_id: string | null; kid: number | null; wrapped: Buffer | null }

/** The keys of these persons; without `subs`, of all. */
export async function readPersonKeys(knex: Knex, subs?: readonly string[]): Promise<PersonKeys> {
  const some = subs ? 'WHERE sub = ANY (?)' : ''
  const { rows } = await knex
    .raw<{ rows: (PersonKeyRow & { sub: string })[] }>(
      `SELECT sub, key_id, kid, wrapped FROM ledger.persons ${some}`,
      subs ? [[...subs]] : [],
    )
    .options({ name: subs ? 'read_person_keys' : 'read_all_person_keys' })
  return new Map(rows.map((row) => [row.sub, personKeyOf(row)]))
}

/** Keys as they were at one moment; `version`: another one once any key was forgotten, replaced or lost since. */
export type KeysAsOf = { keys: PersonKeys; version: string | null }

/** The keys of these persons, and the version that they are of, in one statement. */
export async function readKeysAsOf(knex: Knex, subs: readonly string[]): Promise<KeysAsOf> {
  const { rows } = await knex
    .raw<{ rows: (PersonKeyRow & { sub: string | null })[] }>(
      `SELECT sub, key_id, kid, wrapped FROM ledger.persons WHERE sub = ANY (?)
       UNION ALL SELECT NULL, version, NULL, NULL FROM ledger.persons_version`,
      [[...subs]],
    )
    .options({ name: 'read_keys_as_of' })
  const keys = rows.flatMap((row) => (row.sub === null ? [] : [[row.sub, personKeyOf(row)] as const]))
  return { keys: new Map(keys), version: rows.find(({ sub }) => sub === null)?.key_id ?? null }
}

/**
 * SQL (CTEs, after `moveSql`) that keeps all keys of persons as they are until all is written, and writes nothing where
 * they are of another version than its binding. Who changes one waits, or is waited for: then this row is read again.
 */
export const VERSION_HELD = `
  version_held AS MATERIALIZED (
    SELECT v.version = ?::uuid AS same FROM ledger.persons_version v, standing WHERE standing.ok FOR SHARE OF v),
  ready AS MATERIALIZED (SELECT ok AND coalesce((SELECT same FROM version_held), false) AS ok FROM standing)`

/**
 * The key of this person, made and committed when there is none: before anything is sealed under it, so that no record
 * stands in the log whose key is not here. `make` wraps a new one. PersonForgotten for who was forgotten.
 */
export async function personKeyFor(knex: Knex, sub: string, make: (key_id: string) => WrappedKey): Promise<PersonKey> {
  const found = (await readPersonKeys(knex, [sub])).get(sub) ?? (await insertKey(knex, sub, make))
  if (found === 'forgotten') throw new PersonForgotten()
  return found
}

async function insertKey(
  knex: Knex,
  sub: string,
  make: (key_id: string) => WrappedKey,
): Promise<PersonKey | 'forgotten'> {
  const key_id = randomUUID()
  const { kid, wrapped } = make(key_id)
  // Whoever came first has made it, or forgotten the person.
  const row = { sub, key_id, kid, wrapped }
  await knex.withSchema('ledger').table('persons').insert(row).onConflict('sub').ignore()
  const found = (await readPersonKeys(knex, [sub])).get(sub)
  if (!found) throw new Error('the key of a person that was made is not there')
  return found
}

/** Puts a new key in the place of one that is not this person's. PersonForgotten for who was forgotten meanwhile. */
export async function replaceKey(
  knex: Knex,
  sub: string,
  { lost, make }: { lost: PersonKey; make: (key_id: string) => WrappedKey },
): Promise<PersonKey> {
  const key_id = randomUUID()
  const { kid, wrapped } = make(key_id)
  await knex.raw('UPDATE ledger.persons SET key_id = ?, kid = ?, wrapped = ? WHERE sub = ? AND key_id = ?', [
    ...[key_id, kid, wrapped],
    ...[sub, lost.key_id],
  ])
  return personKeyFor(knex, sub, make)
}

/** What a row stands for. */
export function personKeyOf({ key_id, kid, wrapped }: PersonKeyRow): PersonKey | 'forgotten' {
  return key_id === null || kid === null || wrapped === null ? 'forgotten' : { key_id, kid, wrapped }
}

/** SQL that forgets these persons for ever; `source` is a FROM item with a column `sub`. */
export const forgetSql = (source: string) => `
  INSERT INTO ledger.persons AS p (sub, forgotten_at) SELECT sub, clock_timestamp() FROM ${source}
      ON CONFLICT (sub) DO UPDATE SET key_id = NULL, kid = NULL, wrapped = NULL, forgotten_at = excluded.forgotten_at
   WHERE p.forgotten_at IS NULL`

/** How many keys are wrapped under each kid: of persons, and the one of names. */
export async function readWrappingKids(knex: Knex): Promise<Map<number, number>> {
  const { rows } = await knex.raw<{ rows: { kid: number; keys: number }[] }>(`
    SELECT kid, sum(keys)::int AS keys
      FROM (SELECT kid, count(*) AS keys FROM ledger.persons WHERE kid IS NOT NULL GROUP BY kid
            UNION ALL SELECT kid, 1 FROM ledger.name_key) AS k GROUP BY kid ORDER BY kid`)
  return new Map(rows.map(({ kid, keys }) => [kid, keys]))
}
