import { isDeepStrictEqual } from 'node:util'
import { NAMING_COLUMNS } from '../../../shared/accounts/person-columns.ts'
import type { Row, Snapshot } from './stored-rows.ts'

/** One thing that the read model says and the log does not. `column: null` = the row itself. */
export type Difference = { table: string; key: string; column: string | null; log: unknown; read_model: unknown }

// When it was projected the log cannot know, and the sweeper moves when it looks again.
const NOT_IN_THE_LOG = new Set(['projected_at', 'look_at'])

/**
 * Compares an expected row with the snapshot's, which is taken out: what is left in the end was never in the log. Null
 * when they are equal; `missing()` decides whether an absent row is a difference.
 */
export function compareRow(
  { tables }: Snapshot,
  { table, key, row }: { table: string; key: string; row: Row },
  missing: () => boolean = () => true,
): Difference | null {
  const rows = tables.get(table)
  const actual = rows?.get(key)
  if (!actual) return missing() ? { table, key, column: null, log: 'a row', read_model: 'no row' } : null
  rows?.delete(key)
  return compareColumns(table, key, { log: row, read_model: actual })
}

/** The first column in which two rows differ, in the order of the table. */
export function compareColumns(
  table: string,
  key: string,
  { log, read_model }: { log: Row; read_model: Row },
): Difference | null {
  const column = Object.keys(read_model).find(
    (name) => !NOT_IN_THE_LOG.has(name) && !isDeepStrictEqual(log[name] ?? null, read_model[name] ?? null),
  )
  if (column === undefined) return null
  if (table === 'users' && PERSONAL.has(column)) return { table, key, column, log: LEFT_OUT, read_model: LEFT_OUT }
  return { table, key, column, log: log[column] ?? null, read_model: read_model[column] ?? null }
}

// What names a person, or stands for that; `value` holds it in clear where the record is of version 1.
const PERSONAL = new Set([...NAMING_COLUMNS, 'username_index', 'external_indexes', 'value'])
const LEFT_OUT = 'left out: it names a person'

/** The first row of the snapshot that no event made. */
export function leftOver({ tables }: Snapshot): Difference | null {
  for (const [table, rows] of tables) {
    for (const key of rows.keys()) return { table, key, column: null, log: 'no row', read_model: 'a row' }
  }
  return null
}
