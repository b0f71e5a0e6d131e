import type { Knex } from 'knex'
import type { WrappedKey } from '../tokens/personal-data.ts'
import { type PersonKey, type PersonKeyRow, personKeyOf } from './person-keys.ts'

/** What a person is sealed with, as it stands; `null`: nobody has made it yet. */
export type SealingKeys = { nameKey: WrappedKey | null; personKey: PersonKey | 'forgotten' | null }

type Row = { key_id: string | null; kid: number | null; wrapped: Buffer | null; is_known: boolean | null } & {
  name_kid: number | null
  name_wrapped: Buffer | null
}

/**
 * The name key and the key of this person, in one round trip. `made`: committed as that key where there is none yet;
 * never without a name key, which must be there before the first key of a person.
 */
export async function readSealingKeys(knex: Knex, sub: string, made: PersonKey | null): Promise<SealingKeys> {
  const bindings = made ? [sub, made.key_id, made.kid, made.wrapped, sub] : [sub]
  const { rows } = await knex
    .raw<{ rows: Row[] }>(made ? MAKE_SQL : READ_SQL, bindings)
    .options({ name: made ? 'make_sealing_keys' : 'read_sealing_keys' })
  const { name_kid = null, name_wrapped = null, is_known = null, ...person } = rows[0] ?? {}
  return {
    nameKey: name_kid === null || name_wrapped === null ? null : { kid: name_kid, wrapped: name_wrapped },
    personKey: is_known === null ? null : personKeyOf(person as PersonKeyRow),
  }
}

// Whom another process made or forgot after this statement began is in neither half: the caller reads once more.
const sealingKeys = (persons: string) => `
  SELECT n.kid AS name_kid, n.wrapped AS name_wrapped, p.is_known, p.key_id, p.kid, p.wrapped
    FROM (SELECT) AS one LEFT JOIN ledger.name_key n ON true
    LEFT JOIN (SELECT true AS is_known, key_id, kid, wrapped FROM ${persons}) AS p ON true`

const READ_SQL = sealingKeys('ledger.persons WHERE sub = ?')

const MAKE_SQL = `
  WITH made AS (
    INSERT INTO ledger.persons (sub, key_id, kid, wrapped)
    SELECT ?::text, ?::uuid, ?::smallint, ?::bytea FROM ledger.name_key
        ON CONFLICT (sub) DO NOTHING RETURNING key_id, kid, wrapped)
  ${sealingKeys(`(SELECT * FROM made UNION ALL SELECT key_id, kid, wrapped FROM ledger.persons WHERE sub = ?) AS each`)}`
