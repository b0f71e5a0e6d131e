import type { Settings } from '../../../shared/config/settings.ts'
import type { Progress } from '../../../shared/event-log/fold-log.ts'
import type { Parts } from '../../../shared/process/open-parts.ts'
import { dropReadModel } from '../../../shared/read-model/versions/drop.ts'
import { behind, type ListedProcess, listProcesses } from '../../../shared/read-model/versions/processes.ts'
import { listReadModels, type ReadModelVersion } from '../../../shared/read-model/versions/read-models.ts'
import { switchReadModel } from '../../../shared/read-model/versions/switch.ts'
import { buildReadModel, type Tell } from './build-read-model.ts'

/** The read models of a ledger, and the processes that use them. */
export type ReadModelList = { read_models: ReadModelVersion[]; processes: ListedProcess[] }

/** `behind`: processes that still read another one. */
export type Switched = { read_model: string; behind: ListedProcess[] }

/** What an operator does with read models. */
export type ReadModels = {
  list: () => Promise<ReadModelList>
  /** Builds one from the whole log beside the one in use; goes on with one that was left unfinished. */
  rebuild: (told?: { tell?: Tell; progress?: Progress }) => Promise<{ read_model: string }>
  /** Has every process of this release read this one, or the latest that none reads, once it is up to date. */
  switchTo: (wanted?: string, patienceMs?: number) => Promise<Switched>
  drop: (schema: string) => Promise<void>
}

/** Read models on these parts. */
export function createReadModels(parts: Pick<Parts, 'knex' | 'log' | 'topics'>, settings: Settings): ReadModels {
  const { knex } = parts
  return {
    list: async () => ({ read_models: await listReadModels(knex), processes: await listProcesses(knex) }),
    rebuild: async ({ tell = () => undefined, progress } = {}) => {
      return { read_model: await buildReadModel(parts, settings, { tell, ...(progress && { progress }) }) }
    },
    switchTo: async (wanted, patienceMs = 0) => {
      const read_model = await switchReadModel(knex, { wanted, maxLagMs: settings.MAX_LAG * 1000, patienceMs })
      return { read_model, behind: behind(await listProcesses(knex), read_model) }
    },
    drop: (schema) => dropReadModel(knex, schema),
  }
}
