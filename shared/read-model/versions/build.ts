import type { Knex } from 'knex'
import { OperatorError } from '../../config/operator-error.ts'
import { lockUntilCommit } from '../../database/own-name.ts'
import { createReadModelTables } from '../tables.ts'
import { listProcesses, type ProcessFacts, processText, putProcess } from './processes.ts'
import { isReadable, listReadModels, nextSchema, registerReadModel } from './read-models.ts'

/** What the list of processes calls one that fills a read model. */
export const REBUILD = 'rebuild'

/** Another process fills the read model that this one would. */
export class BeingFilled extends OperatorError {}

/** `named`: the schema to make (LEDGER_READ_MODEL); `shared`: other processes may use this database. */
export type Claim = { named?: string | undefined; builder: ProcessFacts; shared: boolean }

/**
 * The schema that this process fills from now on, on the list of processes: one of this release that was left
 * unfinished, else a new one with its tables. BeingFilled where another process is at it.
 */
export async function claimReadModel(knex: Knex, { named, builder, shared }: Claim): Promise<string> {
  return knex.transaction(async (tx) => {
    if (shared) await lockUntilCommit(tx, 'read models')
    const all = await listReadModels(tx)
    const unfinished = all.filter((one) => isReadable(one) && one.built_at === null)
    const found = unfinished.find(({ schema_name }) => named === undefined || named === schema_name)
    if (found) await requireIdle(tx, found.schema_name, builder)
    const schema = found?.schema_name ?? named ?? nextSchema(await takenNames(tx))
    if (!found) await createReadModel(tx, schema)
    await putProcess(tx, { ...builder, projects: [schema] })
    return schema
  })
}

async function requireIdle(tx: Knex, schema: string, { process_id }: ProcessFacts): Promise<void> {
  const others = (await listProcesses(tx)).filter((one) => one.process_id !== process_id)
  const busy = others.find(({ services, projects }) => services.includes(REBUILD) && projects.includes(schema))
  if (busy) throw new BeingFilled(`${schema} is being filled by ${processText(busy)}: let it, or stop it`)
}

async function takenNames(tx: Knex): Promise<{ schema_name: string }[]> {
  const { rows } = await tx.raw<{ rows: { schema_name: string }[] }>('SELECT nspname AS schema_name FROM pg_namespace')
  return rows
}

/** A schema with the tables of this release, on the list. OperatorError where the schema is there already. */
export async function createReadModel(tx: Knex, schema: string): Promise<void> {
  const names = await takenNames(tx)
  if (names.some(({ schema_name }) => schema_name === schema))
    throw new OperatorError(
      `there is a schema ${schema} already, and it is no read model of this release: drop it, or name another`,
    )
  await tx.raw(`CREATE SCHEMA ${schema}`)
  await createReadModelTables(tx, schema)
  await registerReadModel(tx, schema)
}
