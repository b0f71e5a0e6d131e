import type { Knex } from 'knex'
import { OperatorError } from '../../config/operator-error.ts'
import type { Settings } from '../../config/settings.ts'
import { schemasOfReadModels } from '../../read-model/versions/read-models.ts'
import type { Parts } from '../open-parts.ts'

/**
 * OperatorError where a new ledger would be made beside the read model of one whose log is lost: nobody could tell the
 * two apart. Before anything is made (`log` null) a log in this database is lost with schema `ledger`.
 */
export async function requireLogNotLost(
  { knex, log, topics }: Pick<Parts, 'knex' | 'topics'> & { log: Parts['log'] | null },
  { KAFKA_BROKERS }: Pick<Settings, 'KAFKA_BROKERS'>,
): Promise<void> {
  if (log === null && (KAFKA_BROKERS || (await hasLogTable(knex)))) return
  const schema = await foldedReadModel(knex, topics.registry)
  if (schema === null) return
  const [bound] = log ? await log.bounds([topics.registry]) : []
  if (bound && bound.end > 0) return
  throw new OperatorError(
    KAFKA_BROKERS
      ? `${topics.registry} holds nothing, and read model ${schema} was folded from a log: restore the topics, or set ` +
          'LEDGER_KAFKA_TOPIC_PREFIX to those that this database was made with'
      : `the log of this database is lost with schema "ledger", and read model ${schema} was folded from one: restore the ` +
          'database from its backup: pg_restore --clean --if-exists --single-transaction --dbname=ledger ledger.dump',
  )
}

/** A read model that shows something of this topic, wherever it is: the list of them may be lost as well. */
async function foldedReadModel(knex: Knex, topic: string): Promise<string | null> {
  for (const name of await schemasOfReadModels(knex)) {
    const folded = await knex.withSchema(name).from('checkpoints').where({ topic }).where('next', '>', 0)
    if (folded.length > 0) return name
  }
  return null
}

async function hasLogTable(knex: Knex): Promise<boolean> {
  const { rows } = await knex.raw<{ rows: { there: boolean }[] }>(
    `SELECT to_regclass('ledger.log_records') IS NOT NULL AS there`,
  )
  return rows[0]?.there ?? false
}
