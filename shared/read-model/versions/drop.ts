import { setTimeout as pause } from 'node:timers/promises'
import type { Knex } from 'knex'
import { OperatorError } from '../../config/operator-error.ts'
import { ownCommand } from '../../config/own-command.ts'
import { readPartitionHealth } from '../partition-health.ts'
import { LAYOUT } from '../tables.ts'
import { GONE_MS, type ListedProcess, listProcesses, processText } from './processes.ts'
import { listReadModels, type ReadModelVersion, schemasOfReadModels, unregisterReadModel } from './read-models.ts'
import { viewedSchema } from './views.ts'

const LOOK_MS = 500

/** A projector marks it each second. */
const KEPT_UP_MS = 10_000

/**
 * Drops a read model that nobody reads, once no projector keeps it up any more; also one that is not on the list, since
 * that was lost. OperatorError while one is read, shown by the views of `ledger_read`, kept up by a process of a
 * release before, or being filled.
 */
export async function dropReadModel(knex: Knex, schema: string): Promise<void> {
  const found = (await listReadModels(knex)).find(({ schema_name }) => schema_name === schema)
  if (!found && (await schemasOfReadModels(knex)).includes(schema)) return dropUnlisted(knex, schema)
  if (!found) throw new OperatorError(`there is no read model ${schema}: "${ownCommand()} projection list" names them`)
  await requireUnused(knex, found)
  await unregisterReadModel(knex, schema)
  const users = await whenUnused(knex, schema)
  if (users.length > 0) {
    await putBack(knex, found)
    throw inUse(schema, users)
  }
  await knex.raw(`DROP SCHEMA ${schema} CASCADE`)
}

async function dropUnlisted(knex: Knex, schema: string): Promise<void> {
  if (await isKeptUp(knex, schema)) throw new OperatorError(`${schema} is kept up by a process: stop that first`)
  await knex.raw(`DROP SCHEMA ${schema} CASCADE`)
}

async function requireUnused(knex: Knex, { schema_name: schema, chosen, layout }: ReadModelVersion): Promise<void> {
  const all = await listProcesses(knex)
  const users = all.filter((one) => one.reads === schema || (one.reads === null && one.projects.includes(schema)))
  if (users.length > 0) throw inUse(schema, users)
  if ((chosen && layout === LAYOUT) || (await viewedSchema(knex)) === schema)
    throw new OperatorError(`${schema} is the one in use: "${ownCommand()} projection switch" to another first`)
  const listed = all.some(({ projects }) => projects.includes(schema))
  if (!listed && (await isKeptUp(knex, schema)))
    throw new OperatorError(
      `${schema} is kept up by a process of a release before: stop the processes of that release first`,
    )
}

async function isKeptUp(knex: Knex, schema: string): Promise<boolean> {
  const partitions = await readPartitionHealth({ knex, schema })
  return partitions.some(({ lag_ms }) => lag_ms !== null && lag_ms < KEPT_UP_MS)
}

/** Who still uses it, after waiting for those who stop by themselves. */
async function whenUnused(knex: Knex, schema: string): Promise<ListedProcess[]> {
  const deadline = performance.now() + GONE_MS + LOOK_MS
  for (;;) {
    const all = await listProcesses(knex)
    const users = all.filter(({ reads, projects }) => reads === schema || projects.includes(schema))
    if (users.length === 0 || performance.now() > deadline) return users
    await pause(LOOK_MS)
  }
}

async function putBack(knex: Knex, { schema_name, layout, tables_sha256, built_at }: ReadModelVersion): Promise<void> {
  await knex.raw(
    `INSERT INTO ledger.read_models (schema_name, layout, tables_sha256, built_at)
     VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
    [schema_name, layout, tables_sha256, built_at],
  )
}

function inUse(schema: string, users: ListedProcess[]): OperatorError {
  return new OperatorError(`${schema} is in use by ${users.map(processText).join(', ')}`)
}
