import type { Settings } from '../../../shared/config/settings.ts'
import type { Progress } from '../../../shared/event-log/fold-log.ts'
import { announce, ownFacts } from '../../../shared/process/announce.ts'
import type { Parts } from '../../../shared/process/open-parts.ts'
import { plainUsersWarning } from '../../../shared/process/soundness/plain-users.ts'
import { peopleOf } from '../../../shared/process/soundness/held-people.ts'
import { fillReadModel } from '../../../shared/read-model/projection/rebuild.ts'
import { claimReadModel, REBUILD } from '../../../shared/read-model/versions/build.ts'
import { listReadModels } from '../../../shared/read-model/versions/read-models.ts'
import { pointViews } from '../../../shared/read-model/versions/views.ts'

/** Hears of each step before it. */
export type Tell = (step: string) => void

/** Partitions that are folded at once: while one waits for the database, another is folded. */
const LANES = 4

/** `named`: the schema to make, where it is not the next in order. */
export type BuildOptions = { named?: string | undefined; tell: Tell; progress?: Progress }

/**
 * Builds a read model of this release from the whole log, beside what is in use, and answers its schema. The first of
 * its layout is the one that the processes of this release read; a later one is read after `projection switch`.
 */
export async function buildReadModel(
  parts: Pick<Parts, 'knex' | 'log' | 'topics'>,
  settings: Settings,
  { named, tell, progress }: BuildOptions,
): Promise<string> {
  const { knex } = parts
  const { dev } = settings
  const people = await peopleOf(knex, settings)
  const builder = ownFacts([REBUILD])
  const schema = await claimReadModel(knex, { named, builder, shared: !dev })
  tell(`read model: schema ${schema}`)
  const announced = await announce(knex, { ...builder, projects: [schema] })
  try {
    await fillReadModel({ ...parts, schema, people }, { lanes: dev ? 1 : LANES, ...(progress && { progress }) })
    const isRead = (await listReadModels(knex)).some(({ schema_name, chosen }) => chosen && schema_name === schema)
    if (isRead) await pointViews(knex, schema)
    const plain = await plainUsersWarning({ knex, schema })
    if (plain !== null) tell(`WARNING: ${plain}`)
  } finally {
    await announced.stop()
  }
  return schema
}
