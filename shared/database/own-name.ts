import { createHash } from 'node:crypto'
import type { Knex } from 'knex'

type Identity = { ledger_id: string; system_identifier: string; oid: string }

// The server's own identifier and the database's number in it: a dump that is restored elsewhere has others, whatever
// its tables hold.
const IDENTITY = `
SELECT ledger_id, system_identifier::text AS system_identifier, oid::int8::text AS oid
  FROM ledger.ledger, pg_control_system(), pg_database WHERE datname = current_database()`

/**
 * A name for what several installations could share by accident (a group, a lock, a key of a limiter): `what`, the
 * ledger, and the database's own identity.
 */
export async function ownName(knex: Knex, what: string): Promise<string> {
  const { rows } = await knex.raw<{ rows: Identity[] }>(IDENTITY)
  const [row] = rows
  if (!row) throw new Error('the database knows no ledger')
  const database = createHash('sha256').update(`${row.system_identifier}/${row.oid}`).digest('hex').slice(0, 12)
  return `${what}.${row.ledger_id}.${database}`
}

/**
 * Which history the server writes: another number after each promotion, so that a copy of the whole server that goes
 * its own way is told from the original.
 */
export async function timelineOf(knex: Knex): Promise<string> {
  const { rows } = await knex.raw<{ rows: { timeline: string }[] }>(
    'SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8) AS timeline',
  )
  return rows[0]?.timeline ?? ''
}

/**
 * Waits until no other transaction of this database holds the lock of this name, and holds it until this one ends. Its
 * number is made with the database's own, so it meets no lock of anybody else's.
 */
export async function lockUntilCommit(trx: Knex, what: string): Promise<void> {
  await trx.raw(
    `SELECT pg_advisory_xact_lock(hashtextextended(?, oid::int8)) FROM pg_database WHERE datname = current_database()`,
    [`token-ledger ${what}`],
  )
}
