import { setTimeout as pause } from 'node:timers/promises'
import { OperatorError } from '../../config/operator-error.ts'
import { ownCommand } from '../../config/own-command.ts'
import { incompleteFor } from '../partition-health.ts'
import type { ReadModelTables } from '../read-model.ts'
import { LAYOUT } from '../tables.ts'
import { chooseReadModel, isReadable, listReadModels, type ReadModelVersion } from './read-models.ts'
import { pointViews } from './views.ts'

/** `wanted`: the schema to read from now on; without it the latest that is not read. `patienceMs`: to be up to date. */
export type Switching = { wanted?: string | undefined; maxLagMs: number; patienceMs: number }

const LOOK_MS = 500

/**
 * Has the processes of this release read another read model, and the views of `ledger_read` show it; each follows
 * within seconds, without a request being refused. OperatorError where it is not built, or not up to date. Repeated, it
 * changes nothing.
 */
export async function switchReadModel(knex: ReadModelTables['knex'], switching: Switching): Promise<string> {
  const target = targetOf(await listReadModels(knex), switching.wanted)
  const { schema_name: schema } = target
  if (!target.chosen) {
    const problem = await incompleteAfter({ knex, schema }, switching)
    if (problem !== null)
      throw new OperatorError(
        `${schema} is not up to date: ${problem}: a projector of this release has to run, then repeat`,
      )
    await chooseReadModel(knex, schema)
  }
  await pointViews(knex, schema)
  return schema
}

async function incompleteAfter(tables: ReadModelTables, { maxLagMs, patienceMs }: Switching): Promise<string | null> {
  const deadline = performance.now() + patienceMs
  for (;;) {
    const problem = await incompleteFor(tables, maxLagMs)
    if (problem === null || performance.now() > deadline) return problem
    await pause(LOOK_MS)
  }
}

function targetOf(all: ReadModelVersion[], wanted: string | undefined): ReadModelVersion {
  const built = all.filter((one) => isReadable(one) && one.built_at !== null)
  const target =
    wanted === undefined
      ? built.filter(({ chosen }) => !chosen).at(-1)
      : built.find((one) => one.schema_name === wanted)
  if (target) return target
  if (wanted === undefined)
    throw new OperatorError(
      `there is no other read model of this release: "${ownCommand()} projection rebuild" makes one`,
    )
  const named = all.find(({ schema_name }) => schema_name === wanted)
  if (!named) throw new OperatorError(`there is no read model ${wanted}: "${ownCommand()} projection list" names them`)
  throw new OperatorError(
    isReadable(named)
      ? `${wanted} is not built to its end: "${ownCommand()} projection rebuild" goes on with it`
      : `${wanted} is not of this release, which reads layout ${LAYOUT}`,
  )
}
