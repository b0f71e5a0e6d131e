import type { Knex } from 'knex'
import type { Logger } from 'pino'
import { enforceForgetting } from '../../read-model/projection/forgotten.ts'

const AGAIN = 'people who were forgotten were known again, as after a backup was restored: they are forgotten again'

/** Before anything is served: what was forgotten stays so. `known`: who was forgotten by the log. */
export async function holdForgetting(knex: Knex, logger: Logger, known?: string[]): Promise<void> {
  const enforced = await enforceForgetting(knex, known)
  if (enforced.keys + enforced.names > 0) logger.warn(enforced, AGAIN)
}
