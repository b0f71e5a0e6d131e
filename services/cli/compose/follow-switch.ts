import type { Logger } from 'pino'
import type { Knex } from 'knex'
import type { Settings } from '../../../shared/config/settings.ts'
import { onceAMinute } from '../../../shared/event-log/once-a-minute.ts'
import { repeat } from '../../../shared/process/repeat.ts'
import { incompleteFor } from '../../../shared/read-model/partition-health.ts'
import { readModelInUse } from '../../../shared/read-model/versions/read-models.ts'

const EVERY_MS = 1_000

export type Following = {
  knex: Knex
  settings: Settings
  logger: Logger
  /** The schema that is read now. */
  current: () => string
  /** Reads another from now on. */
  change: (schema: string) => Promise<void>
}

/**
 * Looks each second which read model is chosen, and changes over once that is complete. What is asked meanwhile is
 * answered from the one of before, which is kept up until nobody reads it.
 */
export function followSwitch({ knex, settings, logger, current, change }: Following): { stop: () => Promise<void> } {
  const isItsTurn = onceAMinute()

  async function look(): Promise<void> {
    const schema = await readModelInUse(knex, settings.READ_MODEL)
    if (schema === current()) return
    const problem = await incompleteFor({ knex, schema }, settings.MAX_LAG * 1000)
    if (problem !== null) return tell(`${schema} is not up to date: ${problem}`)
    await change(schema)
    logger.info({ schema }, 'reading another read model')
  }

  function tell(reason: string): void {
    if (isItsTurn(reason)) logger.warn({ reason }, 'the read model of before is read on')
  }

  return repeat(() => look().catch((error: unknown) => tell(String(error))), EVERY_MS)
}
