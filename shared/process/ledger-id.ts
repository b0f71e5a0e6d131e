import type { Knex } from 'knex'
import { OperatorError } from '../config/operator-error.ts'
import { ownCommand } from '../config/own-command.ts'

/**
 * Joins a database to the ledger of a log; one that is joined already is not written to. Throws an OperatorError when
 * it belongs to another one; and, where it belongs to none yet, when nothing in the log was written under this issuer:
 * two installations must not share topics unawares. `issuersOf`: asked for then only, as it reads the whole registry.
 */
export async function joinLedger(
  knex: Knex,
  { ledger_id, issuer, issuersOf }: { ledger_id: string; issuer: string; issuersOf: () => Promise<string[]> },
): Promise<void> {
  const before = await knownLedger(knex)
  if (before === null) {
    requireIssuer({ ledger_id, issuer, issuers: await issuersOf() })
    await knex.raw('INSERT INTO ledger.ledger (ledger_id) VALUES (?) ON CONFLICT DO NOTHING', [ledger_id])
  }
  const known = before ?? (await knownLedger(knex))
  if (known !== ledger_id)
    throw new OperatorError(
      `the log belongs to ledger ${ledger_id}, the database to ledger ${known}: set LEDGER_KAFKA_TOPIC_PREFIX to the ` +
        'topics that this database was made with',
    )
}

function requireIssuer({ ledger_id, issuer, issuers }: { ledger_id: string; issuer: string; issuers: string[] }): void {
  if (issuers.includes(issuer)) return
  throw new OperatorError(
    `the log belongs to ledger ${ledger_id} of ${issuers.join(', ')}, and this is ${issuer}: set ` +
      'LEDGER_KAFKA_TOPIC_PREFIX to topics of its own; if that ledger is meant, migrate once under an issuer of it',
  )
}

/** The ledger that this database belongs to. Throws an OperatorError when it was never migrated. */
export async function ledgerIdOf(knex: Knex): Promise<string> {
  const known = await knownLedger(knex)
  if (known !== null) return known
  const first = `run "${ownCommand()} migrate" first`
  throw new OperatorError(
    (await hasReadModel(knex))
      ? `schema "ledger" of this database is lost, its read model is there: ${first}, which makes it again or says what to do`
      : `this database holds no ledger yet: ${first}`,
  )
}

async function hasReadModel(knex: Knex): Promise<boolean> {
  const { rows } = await knex.raw<{ rows: { there: boolean }[] }>(
    `SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relname = 'bearer_tokens' AND relkind = 'r') AS there`,
  )
  return rows[0]?.there ?? false
}

async function knownLedger(knex: Knex): Promise<string | null> {
  const { rows: found } = await knex.raw<{ rows: { there: boolean }[] }>(
    "SELECT to_regclass('ledger.ledger') IS NOT NULL AS there",
  )
  if (!found[0]?.there) return null
  const { rows } = await knex.raw<{ rows: { ledger_id: string }[] }>('SELECT ledger_id FROM ledger.ledger')
  return rows[0]?.ledger_id ?? null
}
