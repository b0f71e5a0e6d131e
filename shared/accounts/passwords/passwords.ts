import type { Knex } from 'knex'
import type { PasswordHash } from './hashing.ts'

/**
 * A password, or that there is none (`hashed: null`), and which epoch of its user it is for. `pending`: perhaps the log
 * does not say so yet; `set_by`: who said so, as the event has to.
 */
export type Password = { epoch: number; pending: boolean; set_by: string; hashed: PasswordHash | null }

/** A row as JSON: bytes as hex. */
export type PasswordRow = Omit<Password, 'hashed'> & {
  kid: number | null
  salt: string | null
  cost: PasswordHash['cost'] | null
  hash: string | null
}

/** SQL for a row of this alias as a `PasswordRow`. */
export const passwordJson = (alias: string) => `
  json_build_object('epoch', ${alias}.epoch, 'pending', ${alias}.pending, 'set_by', ${alias}.set_by, 'kid', ${alias}.kid,
    'salt', encode(${alias}.salt, 'hex'), 'cost', ${alias}.cost, 'hash', encode(${alias}.hash, 'hex'))`

/** The password that a row stands for. */
export function passwordOfRow({ kid, salt, cost, hash, ...state }: PasswordRow): Password {
  if (kid === null || salt === null || cost === null || hash === null) return { ...state, hashed: null }
  return { ...state, hashed: { kid, salt: Buffer.from(salt, 'hex'), cost, hash: Buffer.from(hash, 'hex') } }
}

/** The row of this user; `null`: there never was a password, or it got lost. */
export async function readPassword(knex: Knex, sub: string): Promise<Password | null> {
  const { rows } = await knex.raw<{ rows: { row: PasswordRow }[] }>(
    `SELECT ${passwordJson('p')} AS row FROM ledger.passwords p WHERE p.sub = ?`,
    [sub],
  )
  return rows[0] ? passwordOfRow(rows[0].row) : null
}

/**
 * Commits a password, or that there is none, as pending; `false`: this epoch, or a later one, is taken. Nobody can log
 * in with the one of before from then on.
 */
export async function claimPassword(
  knex: Knex,
  { sub, epoch, set_by, hashed }: Omit<Password, 'pending'> & { sub: string },
): Promise<boolean> {
  const { kid, salt, cost, hash } = hashed ?? { kid: null, salt: null, cost: null, hash: null }
  const { rows } = await knex.raw<{ rows: unknown[] }>(
    `INSERT INTO ledger.passwords AS p (sub, epoch, pending, set_by, kid, salt, cost, hash)
     VALUES (:sub, :epoch, true, :set_by, :kid, :salt, :cost, :hash)
         ON CONFLICT (sub) DO UPDATE
        SET epoch = excluded.epoch, pending = true, set_by = excluded.set_by,
            kid = excluded.kid, salt = excluded.salt, cost = excluded.cost, hash = excluded.hash
      WHERE p.epoch < excluded.epoch RETURNING 1`,
    { sub, epoch, set_by, kid, salt, cost: cost && JSON.stringify(cost), hash },
  )
  return rows.length > 0
}

/** Takes note that the log says so now. */
export async function confirmPassword(knex: Knex, sub: string, epoch: number): Promise<void> {
  await knex.raw('UPDATE ledger.passwords SET pending = false WHERE sub = ? AND epoch = ? AND pending', [sub, epoch])
}

/** Takes back the password of somebody who is no user any more, unless there is a later one. */
export async function dropPassword(knex: Knex, sub: string, epoch: number): Promise<void> {
  await knex.raw('DELETE FROM ledger.passwords WHERE sub = ? AND epoch = ?', [sub, epoch])
}

/** Stores the same password under another kid, unless it was changed meanwhile. */
export async function storeAnew(knex: Knex, sub: string, epoch: number, { kid, hash }: PasswordHash): Promise<void> {
  await knex.raw('UPDATE ledger.passwords SET kid = ?, hash = ? WHERE sub = ? AND epoch = ?', [kid, hash, sub, epoch])
}

/** SQL that deletes the passwords of these persons (an array). */
export const forgetPasswordsSql = 'DELETE FROM ledger.passwords WHERE sub = ANY (?::text[])'

/** The same of everybody who was forgotten: the row may have come back from a backup. */
export const forgetPasswordsAgainSql = `
  DELETE FROM ledger.passwords w USING ledger.persons p WHERE p.sub = w.sub AND p.forgotten_at IS NOT NULL`

/**
 * How many passwords are stored under each kid; of those that no user of the read model in this schema can log in with
 * any more, none.
 */
export async function readPepperedKids(knex: Knex, schema: string): Promise<Map<number, number>> {
  const { rows } = await knex.raw<{ rows: { kid: number; passwords: number }[] }>(
    `SELECT p.kid, count(*)::int AS passwords
       FROM ledger.passwords p JOIN ${schema}.users u ON u.sub = p.sub AND NOT u.deleted AND p.epoch >= u.password_epoch
      WHERE p.kid IS NOT NULL GROUP BY p.kid ORDER BY p.kid`,
  )
  return new Map(rows.map(({ kid, passwords }) => [kid, passwords]))
}
