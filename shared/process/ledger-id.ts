import type { Knex } from 'knex'
import { OperatorError } from '../config/operator-error.ts'

/** Binds this database to a ledger. Throws when it belongs to another; one that is bound already is not written to. */
export async function rememberLedger(knex: Knex, ledger_id: string): Promise<void> {
  const { rows } = await knex.raw<{ rows: unknown[] }>('SELECT 1 FROM ledger.ledger')
  if (rows.length === 0)
    await knex.raw('INSERT INTO ledger.ledger (ledger_id) VALUES (?) ON CONFLICT DO NOTHING', [ledger_id])
  const known = await ledgerIdOf(knex)
  if (known !== ledger_id)
    throw new OperatorError(`this database belongs to ledger ${known}, the log to ledger ${ledger_id}`)
}

/** The ledger that this database belongs to. Throws an OperatorError when it was never migrated. */
export async function ledgerIdOf(knex: Knex): Promise<string> {
  const { rows: found } = await knex.raw<{ rows: { there: boolean }[] }>(
    "SELECT to_regclass('ledger.ledger') IS NOT NULL AS there",
  )
  const rows = found[0]?.there
    ? (await knex.raw<{ rows: { ledger_id: string }[] }>('SELECT ledger_id FROM ledger.ledger')).rows
    : []
  const [row] = rows
  if (!row) throw new OperatorError('this database holds no ledger yet: run "token-ledger migrate" first')
  return row.ledger_id
}
