import type { Logger } from 'pino'
import { readUnreadable } from '../../shared/read-model/projection/unreadable.ts'
import type { ReadModelTables } from '../../shared/read-model/read-model.ts'

const LOST = 'the key of a person is lost: the name cannot be read, until the person is put again (docs/people.md)'

const MOST_NAMED = 100

/** Raises an alarm for each of these people, whose names could not be opened. */
export function alarmOfUnreadable({ schema }: ReadModelTables, logger: Logger): (subs: string[]) => void {
  return (subs) => {
    for (const sub of subs) logger.error({ alarm: 'unreadable', schema, sub }, LOST)
  }
}

/** Raises it at a start, for those who are so by then: by name for the first hundred, and for the number of all. */
export async function tellOfUnreadable(tables: ReadModelTables, logger: Logger): Promise<void> {
  const { subs, count } = await readUnreadable(tables, MOST_NAMED)
  alarmOfUnreadable(tables, logger)(subs)
  const { schema } = tables
  if (count > subs.length) logger.error({ alarm: 'unreadable', schema, count }, 'more people cannot be read')
}
